#include "base/timer_wheel.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <string>

using namespace confab::base;

namespace {

Instant at(Duration since) { return Instant{} + since; }

// What the wheel must do, done slowly: an ordered list of (instant, order of setting).
class Model {
public:
    using Key = std::pair<Instant, std::uint64_t>;
    Key set(Instant when, int payload) {
        const Key key{when, ++sequence_};
        timers_.emplace(key, payload);
        return key;
    }
    void cancel(const Key& key) { timers_.erase(key); }
    std::optional<int> pop_due(Instant now) {
        if (timers_.empty() || timers_.begin()->first.first > now) return std::nullopt;
        const int payload = timers_.begin()->second;
        timers_.erase(timers_.begin());
        return payload;
    }
    std::optional<Instant> next() const {
        if (timers_.empty()) return std::nullopt;
        return timers_.begin()->first.first;
    }
    std::size_t size() const { return timers_.size(); }

private:
    std::map<Key, int> timers_;
    std::uint64_t sequence_ = 0;
};

}  // namespace

TEST_CASE("timer wheel: equal instants leave in the order of setting, whatever levels they came through") {
    TimerWheel<int> wheel;
    const auto when = at(seconds(100));
    wheel.set(when, 1);
    CHECK_FALSE(wheel.pop_due(at(seconds(99))));
    wheel.set(when, 2);
    CHECK_FALSE(wheel.pop_due(when - Duration(1)));
    wheel.set(when, 3);
    for (int i = 1; i <= 3; ++i) CHECK(wheel.pop_due(when) == i);
    CHECK_FALSE(wheel.pop_due(at(seconds(1000))));
    CHECK(wheel.size() == 0);
}

TEST_CASE("timer wheel: the ends of time") {
    TimerWheel<int> wheel;
    wheel.set(Instant::max(), 1);
    wheel.set(Instant::min(), 2);
    wheel.set(Instant{}, 3);
    CHECK(wheel.next() == Instant::min());
    CHECK(wheel.pop_due(Instant::min()) == 2);
    CHECK_FALSE(wheel.pop_due(Instant{} - Duration(1)));
    CHECK(wheel.pop_due(Instant{}) == 3);
    CHECK(wheel.next() == Instant::max());
    CHECK_FALSE(wheel.pop_due(Instant::max() - Duration(1)));
    CHECK(wheel.pop_due(Instant::max()) == 1);
    CHECK_FALSE(wheel.next());
}

TEST_CASE("timer wheel: a moving payload is let go") {
    TimerWheel<std::string> wheel;
    const auto handle = wheel.set(at(seconds(1)), std::string(100, 'x'));
    wheel.set(at(seconds(1)), std::string(100, 'y'));
    CHECK(wheel.at(handle) == at(seconds(1)));
    wheel.cancel(handle);
    CHECK(wheel.pop_due(at(seconds(1))) == std::string(100, 'y'));
}

TEST_CASE("timer wheel: random work agrees with the model") {
    const Duration spans[] = {Duration(1), milliseconds(1), milliseconds(8), milliseconds(500), seconds(5), seconds(32), seconds(4000), seconds(20'000'000)};
    for (unsigned seed = 1; seed <= 40; ++seed) {
        INFO(seed);
        std::mt19937_64 random(seed);
        const auto below = [&](std::uint64_t bound) { return random() % bound; };
        TimerWheel<int> wheel;
        Model model;
        struct Armed {
            TimerWheel<int>::Handle handle;
            Model::Key key;
        };
        std::map<int, Armed> armed;
        auto now = at(seconds(seed % 3 == 0 ? 0 : 1000));
        for (int step = 0; step < 4000; ++step) {
            const auto choice = below(10);
            if (choice < 5) {
                auto when = now + Duration(static_cast<Duration::rep>(below(static_cast<std::uint64_t>(spans[below(std::size(spans))].count()))));
                if (below(8) == 0) when = now - milliseconds(below(100));
                if (below(4) == 0 && !armed.empty()) when = wheel.at(armed.begin()->second.handle);
                armed[step] = {wheel.set(when, step), model.set(when, step)};
            } else if (choice < 7 && !armed.empty()) {
                auto chosen = armed.lower_bound(static_cast<int>(below(static_cast<std::uint64_t>(step) + 1)));
                if (chosen == armed.end()) chosen = armed.begin();
                wheel.cancel(chosen->second.handle);
                model.cancel(chosen->second.key);
                armed.erase(chosen);
            } else {
                if (below(3) == 0 && model.next())
                    now = std::max(now, *model.next() - Duration(static_cast<Duration::rep>(below(2))));
                else
                    now += Duration(static_cast<Duration::rep>(below(static_cast<std::uint64_t>(spans[below(6)].count()))));
                for (;;) {
                    const auto expected = model.pop_due(now);
                    const auto got = wheel.pop_due(now);
                    REQUIRE(got == expected);
                    if (!got) break;
                    armed.erase(*got);
                }
            }
            REQUIRE(wheel.size() == model.size());
            REQUIRE(wheel.next().has_value() == model.next().has_value());
            if (model.next()) REQUIRE(*wheel.next() <= *model.next());
        }
    }
}

TEST_CASE("timer wheel: asked at the instant that `next` names, it always gets somewhere") {
    std::mt19937_64 random(7);
    TimerWheel<int> wheel;
    std::vector<TimerWheel<int>::Handle> handles;
    for (int i = 0; i < 1000; ++i) handles.push_back(wheel.set(at(milliseconds(random() % 100'000)), i));
    for (int i = 0; i < 1000; i += 2) wheel.cancel(handles[static_cast<std::size_t>(i)]);
    int turns = 0, left = 500;
    Instant before = Instant::min();
    while (const auto next = wheel.next()) {
        CHECK(*next > before);
        before = *next;
        while (wheel.pop_due(*next)) --left;
        REQUIRE(++turns < 2000);
    }
    CHECK(left == 0);
}
