#include "io/loop.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "io/descriptor.hpp"
#include "io/ticker.hpp"
#include "io/worker.hpp"
#include "stage.hpp"

using namespace confab;
using test::run_until;

namespace {

struct Pair {
    Pair() {
        int both[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, both) == 0);
        near = io::Descriptor(both[0]);
        far = io::Descriptor(both[1]);
    }
    void put(char c) const { REQUIRE(::write(far.get(), &c, 1) == 1); }
    char take() const {
        char c = 0;
        return ::read(near.get(), &c, 1) == 1 ? c : '\0';
    }
    io::Descriptor near, far;
};

}  // namespace

TEST_CASE("loop: work posted from other threads runs on the owner, all of it, in each thread's order") {
    constexpr int kThreads = 4, kEach = 1000;
    io::Loop loop;
    const auto owner = std::this_thread::get_id();
    std::vector<int> last(kThreads, -1);
    int ran = 0;
    bool ordered = true, on_owner = true;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < kEach; ++i)
                loop.post([&, t, i] {
                    on_owner = on_owner && std::this_thread::get_id() == owner;
                    ordered = ordered && last[static_cast<std::size_t>(t)] == i - 1;
                    last[static_cast<std::size_t>(t)] = i;
                    ++ran;
                });
        });
    CHECK(run_until(loop, [&] { return ran == kThreads * kEach; }));
    for (auto& thread : threads) thread.join();
    CHECK(on_owner);
    CHECK(ordered);
}

TEST_CASE("loop: a stop made before run is not lost, and the loop runs again") {
    io::Loop loop;
    loop.stop();
    loop.run();
    bool ran = false;
    CHECK(run_until(loop, [&] { return ran = true; }));
    CHECK(ran);
}

TEST_CASE("loop: both clocks advance") {
    io::Loop loop;
    const auto before = loop.now();
    io::Timer timer(loop, [&] { loop.stop(); });
    timer.after(base::milliseconds(5));
    loop.run();
    const auto after = loop.now();
    CHECK(after.steady - before.steady >= base::milliseconds(5));
    CHECK(after.wall - before.wall >= base::milliseconds(3));
    CHECK(after.wall > base::WallTime(std::chrono::years(50)));
}

TEST_CASE("watch: readiness is level-triggered, and disarming holds it back") {
    io::Loop loop;
    const Pair pair;
    io::Watch watch(loop, pair.near.get());
    std::string seen;
    watch.on_readable([&] { seen.push_back(pair.take()); });  // one octet at a time: two more calls are owed
    pair.put('a');
    pair.put('b');
    pair.put('c');
    CHECK(run_until(loop, [&] { return seen == "abc"; }));

    watch.on_readable(nullptr);
    pair.put('d');
    test::settle(loop);
    CHECK(seen == "abc");
    watch.on_readable([&] { seen.push_back(pair.take()); });
    CHECK(run_until(loop, [&] { return seen == "abcd"; }));
}

TEST_CASE("watch: writable fires until disarmed, and a hang-up reads") {
    io::Loop loop;
    Pair pair;
    io::Watch watch(loop, pair.near.get());
    int writable = 0, readable = 0;
    watch.on_writable([&] {
        if (++writable == 3) watch.on_writable(nullptr);
    });
    test::settle(loop);
    CHECK(writable == 3);
    watch.on_readable([&] {
        ++readable;
        watch.on_readable(nullptr);
    });
    pair.far.reset();
    CHECK(run_until(loop, [&] { return readable == 1; }));
}

TEST_CASE("watch: destroyed or replaced in its own callback") {
    io::Loop loop;
    const Pair pair;
    pair.put('x');
    auto watch = std::make_unique<io::Watch>(loop, pair.near.get());
    int first = 0, second = 0;
    auto marker = std::make_shared<int>(1);
    watch->on_readable([&, marker] {
        ++first;
        watch->on_readable([&, marker] {
            ++second;
            watch.reset();
            CHECK(marker.use_count() > 1);  // the running callback is still whole
        });
    });
    CHECK(run_until(loop, [&] { return second == 1; }));
    test::settle(loop);
    CHECK(first == 1);
    CHECK(second == 1);
    CHECK(marker.use_count() == 1);
    CHECK(pair.take() == 'x');  // the descriptor was not the watch's to close
}

TEST_CASE("watch: the same descriptor number can be watched again at once") {
    io::Loop loop;
    const Pair pair;
    for (int i = 0; i < 3; ++i) {
        io::Watch watch(loop, pair.near.get());
        char got = 0;
        watch.on_readable([&] { got = pair.take(); });
        pair.put('y');
        CHECK(run_until(loop, [&] { return got == 'y'; }));
    }
}

TEST_CASE("timer: moved, cancelled, destroyed in its own callback") {
    io::Loop loop;
    std::vector<int> fired;
    io::Timer moved(loop, [&] { fired.push_back(1); });
    io::Timer cancelled(loop, [&] { fired.push_back(2); });
    auto own = std::make_unique<io::Timer>(loop, [] {});
    own = std::make_unique<io::Timer>(loop, [&] {
        fired.push_back(3);
        own.reset();
    });
    const auto start = loop.now().steady;
    moved.after(base::milliseconds(1));
    moved.at(start + base::milliseconds(30));
    cancelled.after(base::milliseconds(1));
    cancelled.cancel();
    own->at(start + base::milliseconds(10));
    CHECK(run_until(loop, [&] { return fired.size() == 2; }));
    CHECK(loop.now().steady >= start + base::milliseconds(30));
    test::settle(loop);
    CHECK(fired == std::vector{3, 1});
}

TEST_CASE("timer: one that is already due when it is cancelled does not fire") {
    io::Loop loop;
    int fired = 0;
    io::Timer victim(loop, [&] { ++fired; });
    victim.at(loop.now().steady - base::milliseconds(1));
    loop.post([&] { victim.cancel(); });
    test::settle(loop);
    CHECK(fired == 0);
}

TEST_CASE("ticker: numbers its ticks, and a tick that was missed is counted and skipped") {
    io::Loop loop;
    constexpr base::milliseconds kPeriod{10};
    std::vector<std::uint64_t> ticks;
    std::vector<base::Instant> times;
    io::Ticker ticker(loop, kPeriod, [&](base::Now now, std::uint64_t tick) {
        ticks.push_back(tick);
        times.push_back(now.steady);
        // The thread is held up for three beats, once.
        if (ticks.size() == 2)
            while (loop.now().steady < now.steady + 3 * kPeriod + base::milliseconds(2)) {
            }
    });
    CHECK(run_until(loop, [&] { return ticks.size() >= 5; }));
    CHECK(ticker.missed() >= 2);
    CHECK(ticks.back() == ticks.size() - 1 + ticker.missed());
    for (std::size_t i = 1; i < times.size(); ++i)  // absolute: tick n comes no earlier than n periods after tick 0's place on the grid
        CHECK(times[i] - times[0] + kPeriod >= (ticks[i] - ticks[0]) * kPeriod);
}

TEST_CASE("ticker: destroyed in its own tick") {
    io::Loop loop;
    int ticks = 0;
    std::unique_ptr<io::Ticker> ticker;
    auto marker = std::make_shared<int>(1);
    ticker = std::make_unique<io::Ticker>(loop, base::milliseconds(2), [&, marker](base::Now, std::uint64_t) {
        ++ticks;
        ticker.reset();
        CHECK(marker.use_count() > 1);
    });
    CHECK(run_until(loop, [&] { return ticks == 1; }));
    test::settle(loop);
    CHECK(ticks == 1);
    CHECK(marker.use_count() == 1);
}

TEST_CASE("worker: runs what is posted on a thread of its own and joins with work left undone") {
    io::Loop loop;
    std::thread::id where;
    {
        io::Worker worker("a worker with a long name");
        worker.loop().post([&] {
            const auto there = std::this_thread::get_id();
            loop.post([&, there] { where = there; });
        });
        CHECK(run_until(loop, [&] { return where != std::thread::id(); }));
        CHECK(where != std::this_thread::get_id());
        worker.loop().post([&] {
            for (int i = 0; i < 1000; ++i) worker.loop().post([] {});
        });
    }
    for (int i = 0; i < 20; ++i) io::Worker("brief");  // a stop that overtakes the start
}

TEST_CASE("seeds differ") { CHECK(io::kernel_seed() != io::kernel_seed()); }
