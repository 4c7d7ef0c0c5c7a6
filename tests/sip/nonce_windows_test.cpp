#include "sip/nonce_windows.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <set>

using namespace confab::sip;

TEST_CASE("nonce windows: random counts agree with a set of those seen") {
    std::mt19937 random(11);
    NonceWindows windows(1000);
    struct Seen {
        std::set<std::uint32_t> counts;
        std::uint32_t highest = 0;
    };
    std::map<std::uint64_t, Seen> model;
    for (int step = 0; step < 50'000; ++step) {
        const NonceWindows::Nonce nonce{random() % 700, 5};
        auto& seen = model[nonce.number];
        const auto base = seen.highest > 70 ? seen.highest - 70 : 0;
        const auto nc = base + static_cast<std::uint32_t>(random() % 90);
        const bool fits = nc > 0 && nc + 64 > seen.highest && !seen.counts.contains(nc);
        REQUIRE(windows.take(nonce, nc, 0) == fits);
        if (fits) seen.counts.insert(nc);
        if (fits) seen.highest = std::max(seen.highest, nc);
    }
    CHECK(windows.size() == model.size());
}

TEST_CASE("nonce windows: a burst out of order by ten is taken whole, each count once") {
    NonceWindows windows(10);
    for (std::uint32_t base = 0; base < 200; base += 10)
        for (std::uint32_t nc = 10; nc > 0; --nc) CHECK(windows.take({1, 0}, base + nc, 0));
    for (std::uint32_t nc = 137; nc <= 200; ++nc) CHECK_FALSE(windows.take({1, 0}, nc, 0));
}

TEST_CASE("nonce windows: bounded, and what was forgotten stays forgotten") {
    NonceWindows windows(100);
    for (int i = 0; i < 100'000; ++i) {
        REQUIRE(windows.take({static_cast<std::uint64_t>(i), i}, 1, 0));
        REQUIRE(windows.size() <= 100);
    }
    CHECK_FALSE(windows.take({99'000, 99'000}, 2, 0));  // forgotten for room
    CHECK(windows.take({99'950, 99'950}, 2, 0));
    CHECK_FALSE(windows.take({200'000, 1}, 1, 0));  // never seen, but as old as those forgotten
}

TEST_CASE("nonce windows: those past their life go first") {
    NonceWindows windows(100);
    for (int i = 0; i < 50; ++i) windows.take({static_cast<std::uint64_t>(i), i}, 1, 0);
    CHECK(windows.take({60, 1000}, 1, 40));
    CHECK(windows.size() == 11);
}

TEST_CASE("nonce windows: alone means alone") {
    NonceWindows windows(10);
    CHECK(windows.take_alone({1, 0}, 0));
    CHECK_FALSE(windows.take_alone({1, 0}, 0));
    CHECK(windows.take({2, 0}, 1, 0));
    CHECK_FALSE(windows.take_alone({2, 0}, 0));
}
