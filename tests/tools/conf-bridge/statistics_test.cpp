#include <catch2/catch.hpp>

#include "tools/conf-bridge/fixture.hpp"

using namespace confab;
using namespace confab::bridge;
using namespace confab::bridge::test;

TEST_CASE("what was measured of a leg", "[bridge][stats]") {
    Rig rig;
    const auto leg = rig.join("a");
    rig.join("b");
    const auto row = [&] { return rig.about("stats", "1234")->rows[0]; };
    CHECK(row().find("loss")->is_null());
    CHECK(row().find("mos")->is_null());
    CHECK(row().integer("level") == -127);
    CHECK(row().text("codec") == "PCMU");

    const LegSample samples[] = {{{leg}, {.received = 995, .sent = 1000, .lost = 5, .late = 2, .level = 3277, .delay_ms = 12.4, .jitter_ms = 6.6, .mos = 4.321}}, {{99}, {.received = 1}}};
    rig.core.measured(samples);
    CHECK(row().integer("received") == 995);
    CHECK(row().integer("lost") == 5);
    CHECK(*row().find("loss")->as_double() == Approx(0.5));
    CHECK(row().integer("jitter_ms") == 7);
    CHECK(row().integer("delay_ms") == 12);
    CHECK(row().find("round_trip_ms")->is_null());
    CHECK(*row().find("mos")->as_double() == Approx(4.32));
    CHECK(row().integer("level") == -20);
    CHECK(rig.about("stats", "1234")->rows[1].integer("received") == 0);

    const auto all = rig.about("leg", "1234", 1)->fields;
    CHECK(all.text("identity") == "sip:alice@example.org");
    CHECK(all.text("role") == "participant");
    CHECK(all.integer("late") == 2);
    REQUIRE(rig.about("mute", "1234", 1));
    CHECK(row().integer("level") == -127);
}

TEST_CASE("what was measured of a conference", "[bridge][stats]") {
    Rig rig;
    const LegSample samples[] = {{{rig.join("a")}, {.received = 995, .sent = 1000, .lost = 5, .jitter_ms = 6.6, .mos = 4.321}},
                                 {{rig.join("b")}, {.received = 500, .sent = 1000, .lost = 500, .jitter_ms = 9.4, .mos = 1.5}}};
    rig.core.measured(samples);
    rig.happen({MediaEvent::Kind::talking, samples[1].leg});
    const auto rooms = rig.command("rooms", local::Value::object());
    REQUIRE(rooms->rows.size() == 1);
    CHECK(local::to_json(rooms->rows[0]) ==
          R"({"conference":"1234","thread":0,"members":2,"talking":1,"received":1495,"sent":2000,"lost":505,"loss":25.2,"jitter_ms":9,"mos":1.5})");
}

TEST_CASE("how long a member talks is told when it falls silent", "[bridge][stats]") {
    Rig rig;
    const auto leg = rig.join("a");
    const auto talk = [&](base::milliseconds time) {
        rig.happen({MediaEvent::Kind::talking, {leg}});
        rig.advance(time);
    };
    talk(base::milliseconds(1500));
    CHECK(rig.about("leg", "1234", 1)->fields.integer("talked_ms") == 1500);
    rig.happen({MediaEvent::Kind::silent, {leg}});
    rig.advance(base::seconds(9));
    CHECK(rig.events.back().fields.integer("spell_ms") == 1500);
    talk(base::milliseconds(500));
    REQUIRE(rig.about("mute", "1234", 1));
    const auto& silent = rig.events[rig.events.size() - 2];
    CHECK(silent.event == "silent");
    CHECK(silent.fields.integer("spell_ms") == 500);
    CHECK(silent.fields.integer("talked_ms") == 2000);
    REQUIRE(rig.about("unmute", "1234", 1));
    talk(base::milliseconds(300));
    REQUIRE(rig.about("kick", "1234", 1));
    const auto last = rig.events[rig.events.size() - 3];
    CHECK(last.event == "silent");  // who leaves has stopped
    CHECK(last.fields.integer("talked_ms") == 2300);
}
