#include "sip/overload.hpp"

#include <catch2/catch.hpp>

using namespace confab;
using sip::Overload;
using Work = Overload::Work;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct Fixture {
    Fixture() { overload.set_limits({milliseconds(50), milliseconds(100)}); }
    // Batches every 10 ms, all of which waited so long.
    void run(milliseconds time, milliseconds delay) {
        for (const auto end = now + time; now < end; now += milliseconds(10)) overload.batch_begin(now, delay);
    }
    int admitted(Work work, int asked = 1000) {
        int count = 0;
        for (int i = 0; i < asked; ++i) count += overload.admits(work) ? 1 : 0;
        return count;
    }
    Overload overload;
    base::Instant now{seconds(100)};
};

}  // namespace

TEST_CASE("no delay, nothing refused") {
    Fixture fixture;
    fixture.run(seconds(5), milliseconds(20));
    CHECK(fixture.admitted(Work::fresh) == 1000);
    fixture.overload.set_limits({});
    fixture.run(seconds(5), seconds(2));
    CHECK(fixture.admitted(Work::fresh) == 1000);
}

TEST_CASE("a burst that drains within the interval refuses nothing") {
    Fixture fixture;
    for (int i = 0; i < 100; ++i) {
        fixture.run(milliseconds(90), milliseconds(300));
        fixture.run(milliseconds(20), milliseconds(1));
    }
    CHECK(fixture.overload.refused_fresh() == 0);
}

TEST_CASE("fresh work is refused first, ongoing work later, emergencies never") {
    Fixture fixture;
    fixture.run(milliseconds(310), milliseconds(100));
    CHECK(fixture.overload.refused_fresh() == 300);
    CHECK(fixture.admitted(Work::fresh) == 700);
    CHECK(fixture.admitted(Work::ongoing) == 1000);
    fixture.run(seconds(3), milliseconds(150));
    CHECK(fixture.admitted(Work::fresh) == 0);
    CHECK(fixture.admitted(Work::ongoing) == 1000);
    fixture.run(milliseconds(500), milliseconds(201));
    const auto refused = fixture.overload.refused_ongoing();
    CHECK(refused >= 400);
    CHECK(fixture.admitted(Work::ongoing) == 1000 - static_cast<int>(refused));
    CHECK(fixture.admitted(Work::emergency) == 1000);
}

TEST_CASE("between half the delay and the delay shares stay; below, ongoing work recovers first, then fresh work") {
    Fixture fixture;
    fixture.run(seconds(2), milliseconds(300));
    fixture.run(milliseconds(200), milliseconds(30));
    const auto ongoing = fixture.overload.refused_ongoing();
    REQUIRE(ongoing > 500);
    fixture.run(seconds(2), milliseconds(30));
    CHECK(fixture.overload.refused_ongoing() == ongoing);
    fixture.run(milliseconds(300), milliseconds(10));
    CHECK(fixture.overload.refused_ongoing() < ongoing);
    CHECK(fixture.overload.refused_fresh() == 1000);
    fixture.run(seconds(5), milliseconds(10));
    CHECK(fixture.overload.refused_ongoing() == 0);
    CHECK(fixture.overload.refused_fresh() == 0);
}

TEST_CASE("few messages that waited are no overload") {
    Fixture fixture;
    for (int i = 0; i < 100; ++i) {
        fixture.overload.batch_begin(fixture.now, milliseconds(300));
        fixture.now += milliseconds(30);
    }
    CHECK(fixture.overload.refused_fresh() == 0);
}

TEST_CASE("streams tell nothing, but time passes with them") {
    Fixture fixture;
    for (int i = 0; i < 200; ++i) {
        fixture.overload.batch_begin(fixture.now, milliseconds(0));
        fixture.run(milliseconds(10), milliseconds(100));
    }
    CHECK(fixture.overload.refused_fresh() == 1000);
    fixture.run(seconds(3), milliseconds(0));
    CHECK(fixture.overload.refused_fresh() == 0);
}

TEST_CASE("silence is no queue") {
    Fixture fixture;
    fixture.run(seconds(2), milliseconds(100));
    REQUIRE(fixture.overload.refused_fresh() == 1000);
    fixture.now += seconds(3);
    fixture.run(milliseconds(10), milliseconds(0));
    CHECK(fixture.overload.refused_fresh() == 0);
}

TEST_CASE("the refused are spread evenly") {
    Fixture fixture;
    fixture.run(milliseconds(510), milliseconds(100));
    REQUIRE(fixture.overload.refused_fresh() == 500);
    int longest = 0, run = 0;
    for (int i = 0; i < 100; ++i) {
        run = fixture.overload.admits(Work::fresh) ? 0 : run + 1;
        longest = std::max(longest, run);
    }
    CHECK(longest == 1);
}
