#include "base/deadlines.hpp"

#include <catch2/catch.hpp>

using namespace confab::base;

namespace {
Instant at(int milliseconds) { return Instant{} + std::chrono::milliseconds(milliseconds); }
}  // namespace

TEST_CASE("deadlines: come out in order of time, equal ones in order of setting") {
    Deadlines<int> deadlines;
    deadlines.set(1, at(30));
    deadlines.set(2, at(10));
    deadlines.set(3, at(10));
    CHECK(deadlines.next() == at(10));
    CHECK_FALSE(deadlines.pop_due(at(9)));
    CHECK(deadlines.pop_due(at(30)) == 2);
    CHECK(deadlines.pop_due(at(30)) == 3);
    CHECK(deadlines.pop_due(at(30)) == 1);
    CHECK_FALSE(deadlines.pop_due(at(99)));
    CHECK_FALSE(deadlines.next());
}

TEST_CASE("deadlines: moved and cancelled ones never fire at their old time") {
    Deadlines<int> deadlines;
    deadlines.set(1, at(10));
    deadlines.set(1, at(20));
    deadlines.set(2, at(15));
    deadlines.cancel(2);
    CHECK(deadlines.size() == 1);
    CHECK(deadlines.next() == at(20));
    CHECK_FALSE(deadlines.pop_due(at(19)));
    CHECK(deadlines.pop_due(at(20)) == 1);
}

TEST_CASE("deadlines: moving one a thousand times loses nothing") {
    Deadlines<int> deadlines;
    deadlines.set(7, at(5000));
    for (int i = 0; i < 1000; ++i) deadlines.set(1, at(i));
    CHECK(deadlines.size() == 2);
    CHECK(deadlines.pop_due(at(9999)) == 1);
    CHECK(deadlines.pop_due(at(9999)) == 7);
    CHECK_FALSE(deadlines.pop_due(at(9999)));
}
