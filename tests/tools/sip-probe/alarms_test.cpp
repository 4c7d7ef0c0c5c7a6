#include <catch2/catch.hpp>

#include "sip-probe/alarms.hpp"

using namespace confab;
using namespace confab::probe;
using base::milliseconds;

TEST_CASE("alarms of several lengths come when they are due") {
    Alarms alarms({milliseconds(100), milliseconds(30)});
    const base::Instant start{};
    CHECK_FALSE(alarms.next());
    alarms.set(0, start, 7, 1);
    alarms.set(1, start + milliseconds(10), 8, 2);
    CHECK(alarms.next() == start + milliseconds(40));
    CHECK_FALSE(alarms.pop_due(start + milliseconds(39)));
    const auto first = alarms.pop_due(start + milliseconds(40));
    REQUIRE(first);
    CHECK(first->kind == 1);
    CHECK(first->owner == 8);
    CHECK(first->mark == 2);
    CHECK(alarms.next() == start + milliseconds(100));
    const auto second = alarms.pop_due(start + milliseconds(500));
    REQUIRE(second);
    CHECK(second->owner == 7);
    CHECK_FALSE(alarms.pop_due(start + milliseconds(500)));
}
