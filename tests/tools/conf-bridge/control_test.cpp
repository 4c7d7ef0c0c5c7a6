#include <catch2/catch.hpp>

#include "tools/conf-bridge/fixture.hpp"

using namespace confab;
using namespace confab::bridge;
using namespace confab::bridge::test;

namespace {
bool was_change(const Core::Outcome& outcome) {
    REQUIRE(outcome);
    return outcome->fields.flag("changed");
}
std::string failure(const Core::Outcome& outcome) { return outcome ? "none" : outcome.error().code; }
}  // namespace

TEST_CASE("moderation is idempotent and says whether it changed anything", "[bridge]") {
    Rig rig;
    rig.join("a");
    rig.join("b");
    CHECK(was_change(rig.about("mute", "1234", 1)));
    CHECK_FALSE(was_change(rig.about("mute", "1234", 1)));
    CHECK(rig.last_media<MuteLeg>()->muted);
    CHECK(was_change(rig.about("unmute", "1234", 1)));
    CHECK_FALSE(was_change(rig.about("unmute", "1234", 1)));
    CHECK_FALSE(rig.last_media<MuteLeg>()->muted);
    CHECK(was_change(rig.about("lock", "1234")));
    CHECK_FALSE(was_change(rig.about("lock", "1234")));
    CHECK(was_change(rig.about("unlock", "1234")));
    CHECK_FALSE(was_change(rig.about("unlock", "1234")));
    CHECK(was_change(rig.about("kick", "1234", 1)));
    CHECK_FALSE(was_change(rig.about("kick", "1234", 1)));
    CHECK(rig.has_sent("Reason: SIP;cause=403;text=\"kicked\""));
    CHECK(was_change(rig.about("end", "1234")));
    CHECK_FALSE(was_change(rig.about("end", "1234")));
    CHECK(rig.byes() == 2);
    for (const auto* name : {"muted", "unmuted", "locked", "unlocked", "left", "conference-ended"}) {
        INFO(name);
        CHECK(rig.has_event(name));
    }
    CHECK(rig.is_clean());
}

TEST_CASE("commands about what is not there fail with a code", "[bridge]") {
    Rig rig;
    CHECK(failure(rig.about("members", "1234")) == "no-such-conference");
    CHECK(failure(rig.about("lock", "1234")) == "no-such-conference");
    CHECK(failure(rig.about("kick", "1234", 1)) == "no-such-conference");
    rig.join("a");
    for (const int member : {0, -1, 2}) CHECK(failure(rig.about("mute", "1234", member)) == "no-such-member");
}

TEST_CASE("list and members", "[bridge]") {
    Rig rig;
    rig.join("a");
    rig.join("b", "2000", "");
    rig.join("c");
    const auto list = rig.command("list", local::Value::object());
    REQUIRE(list);
    REQUIRE(list->rows.size() == 2);
    CHECK(local::to_json(list->rows[0]) ==
          R"({"conference":"1234","name":"Weekly","members":2,"max_members":1000,"locked":false,"since":"2024-10-04T00:00:00Z"})");
    const auto members = rig.about("members", "1234");
    REQUIRE(members->rows.size() == 2);
    CHECK(members->rows[1].integer("member") == 2);
}

TEST_CASE("a conference that ends before an ACK has come waits for it with BYE", "[bridge]") {
    Rig rig;
    rig.join("a");
    rig.request({.call = "b", .headers = "X-Passcode: 99\r\n"});
    const auto tag = rig.tag();
    REQUIRE(rig.about("end", "1234"));
    CHECK(rig.byes() == 1);  // RFC 3261 §15: not to b yet
    rig.request({.method = "ACK", .call = "b", .body = "", .to_tag = tag});
    CHECK(rig.byes() == 2);
    CHECK(rig.is_clean());
}

TEST_CASE("member numbers are never given twice in a conference", "[bridge]") {
    Rig rig;
    rig.join("a");
    rig.join("b");
    REQUIRE(rig.about("kick", "1234", 2));
    rig.join("c");
    CHECK(rig.about("members", "1234")->rows.back().integer("member") == 3);
}
