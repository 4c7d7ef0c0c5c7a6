#include "base/flat_map.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <string>

#include "base/text.hpp"

using namespace confab::base;

TEST_CASE("flat map: random work agrees with std::map") {
    struct Bad {  // many keys share a home
        std::size_t operator()(int key) const { return static_cast<std::size_t>(key % 7); }
    };
    std::mt19937 random(3);
    FlatMap<int, int> spread;
    FlatMap<int, int, Bad> crowded;
    std::map<int, int> model;
    for (int step = 0; step < 20'000; ++step) {
        const int key = static_cast<int>(random() % 300);
        if (random() % 2 == 0) {
            model[key] = spread[key] = crowded[key] = step;
        } else {
            const bool erased = model.erase(key) == 1;
            REQUIRE(spread.erase(key) == erased);
            REQUIRE(crowded.erase(key) == erased);
        }
        REQUIRE(spread.size() == model.size());
        const int sought = static_cast<int>(random() % 300);
        const auto found = model.find(sought);
        REQUIRE(spread.contains(sought) == (found != model.end()));
        REQUIRE(crowded.contains(sought) == (found != model.end()));
        if (found == model.end()) continue;
        REQUIRE(*spread.find(sought) == found->second);
        REQUIRE(*crowded.find(sought) == found->second);
    }
    std::map<int, int> seen;
    spread.each([&](int key, int value) { seen[key] = value; });
    CHECK(seen == model);
}

TEST_CASE("flat map: searched by a view, empty at first") {
    FlatMap<std::string, int, TextHash> map;
    CHECK_FALSE(map.contains(std::string_view("a")));
    CHECK_FALSE(map.erase(std::string_view("a")));
    map["a"] = 1;
    CHECK(*map.find(std::string_view("a")) == 1);
    CHECK(map.erase(std::string_view("a")));
    CHECK(map.empty());
}
