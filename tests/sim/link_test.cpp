#include "sim/link.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace confab;
using sim::Link;
using base::milliseconds;

namespace {

base::Instant at(int ms) { return base::Instant{} + milliseconds(ms); }

// What arrives of a hundred datagrams sent a millisecond apart, and when the last one does.
std::vector<std::string> arrivals(Link& link) {
    for (int i = 0; i < 100; ++i) link.send(at(i), std::to_string(i));
    std::vector<std::string> all;
    while (const auto next = link.next()) {
        CHECK_FALSE(link.pop(*next - base::Duration(1)));
        all.push_back(*link.pop(*next));
    }
    return all;
}

std::vector<std::string> as_sent() {
    std::vector<std::string> all;
    for (int i = 0; i < 100; ++i) all.push_back(std::to_string(i));
    return all;
}

}  // namespace

TEST_CASE("link: a good one delivers everything in order after its delay") {
    Link link({.delay = milliseconds(30)}, 1);
    link.send(at(0), "x");
    CHECK(link.next() == at(30));
    CHECK_FALSE(link.pop(at(29)));
    CHECK(link.pop(at(30)) == "x");
    CHECK(arrivals(link) == as_sent());
}

TEST_CASE("link: each fault does what it says, about as often as it says") {
    Link lossy({.loss = 0.3}, 5);
    const auto rest = arrivals(lossy);
    CHECK(std::ranges::is_sorted(rest, {}, [](const auto& text) { return std::stoi(text); }));
    CHECK(lossy.counts().lost == 100 - rest.size());
    CHECK((rest.size() > 50 && rest.size() < 90));

    Link doubling({.duplication = 0.5}, 5);
    const auto twice = arrivals(doubling);
    CHECK(twice.size() == 100 + doubling.counts().duplicated);
    CHECK((twice.size() > 130 && twice.size() < 170));

    for (const auto& quality : {sim::LinkQuality{.jitter = milliseconds(40)}, sim::LinkQuality{.reordering = 0.2}}) {
        Link shuffling(quality, 5);
        auto shuffled = arrivals(shuffling);
        CHECK(shuffled != as_sent());
        std::ranges::sort(shuffled, {}, [](const auto& text) { return std::stoi(text); });
        CHECK(shuffled == as_sent());
    }
}

TEST_CASE("link: a dead one delivers nothing") {
    Link dead({.loss = 1}, 1);
    CHECK(arrivals(dead).empty());
}

TEST_CASE("link: the same seed gives the same run, another another") {
    const sim::LinkQuality bad{.jitter = milliseconds(40), .loss = 0.3, .duplication = 0.1, .reordering = 0.1};
    Link first(bad, 9), second(bad, 9), third(bad, 10);
    const auto run = arrivals(first);
    CHECK(run == arrivals(second));
    CHECK(run != arrivals(third));
}
