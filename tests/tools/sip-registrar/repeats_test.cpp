#include "sip-registrar/repeats.hpp"

#include <catch2/catch.hpp>

namespace confab::registrar {
namespace {

using Answer = Repeats::Answer;

base::Instant at(int seconds) { return base::Instant(base::seconds(1000 + seconds)); }
std::uint64_t key(std::uint64_t number) { return number * 0x9e3779b97f4a7c15ULL; }

TEST_CASE("what was answered is known for its lifetime at least, and for two at most", "[registrar][repeats]") {
    Repeats repeats(base::seconds(32), 1000);
    CHECK(repeats.find(at(0), key(1)) == Answer::none);
    repeats.remember(at(0), key(1), Answer::held);
    CHECK(repeats.find(at(0), key(1)) == Answer::held);
    repeats.remember(at(1), key(1), Answer::registered);
    CHECK(repeats.find(at(1), key(1)) == Answer::registered);
    repeats.remember(at(20), key(2), Answer::refused);
    repeats.remember(at(33), key(3), Answer::registered);
    CHECK(repeats.find(at(33), key(1)) == Answer::registered);
    CHECK(repeats.find(at(52), key(2)) == Answer::refused);
    repeats.remember(at(66), key(4), Answer::registered);
    CHECK(repeats.find(at(66), key(1)) == Answer::none);
    CHECK(repeats.find(at(66), key(3)) == Answer::registered);
    CHECK(repeats.find(at(200), key(4)) == Answer::none);
    repeats.remember(at(200), key(5), Answer::registered);
    CHECK(repeats.find(at(200), key(4)) == Answer::none);
}

TEST_CASE("many at once are all known, until the bound", "[registrar][repeats]") {
    Repeats repeats(base::seconds(32), 2000);
    for (std::uint64_t i = 1; i <= 1000; ++i) repeats.remember(at(0), key(i), i % 2 == 0 ? Answer::refused : Answer::registered);
    for (std::uint64_t i = 1; i <= 1000; ++i) CHECK(repeats.find(at(0), key(i)) == (i % 2 == 0 ? Answer::refused : Answer::registered));
    for (std::uint64_t i = 1001; i <= 2001; ++i) repeats.remember(at(0), key(i), Answer::registered);
    CHECK(repeats.find(at(0), key(1)) == Answer::none);  // the oldest half went
    CHECK(repeats.find(at(0), key(1001)) == Answer::registered);
    CHECK(repeats.find(at(0), key(2001)) == Answer::registered);
}

}  // namespace
}  // namespace confab::registrar
