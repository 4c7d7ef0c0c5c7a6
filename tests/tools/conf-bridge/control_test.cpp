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
    CHECK(failure(rig.about("members", "")) == "no-such-conference");
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
          R"({"conference":"1234","name":"Weekly","members":2,"max_members":1000,"locked":false,"recording":false,"since":"2024-10-04T00:00:00Z"})");
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

TEST_CASE("each verb about a member is idempotent and has its event", "[bridge]") {
    struct Row {
        const char *verb, *event, *back, *back_event;
    };
    const auto row = GENERATE(Row{"mute", "muted", "unmute", "unmuted"}, Row{"deafen", "deafened", "undeafen", "undeafened"}, Row{"raise-hand", "hand-raised", "lower-hand", "hand-lowered"},
                              Row{"host", "role", "unhost", "role"});
    INFO(row.verb);
    Rig rig;
    rig.join("a");
    rig.clear();
    CHECK(was_change(rig.about(row.verb, "1234", 1)));
    CHECK_FALSE(was_change(rig.about(row.verb, "1234", 1)));
    CHECK(rig.events.size() == 1);
    CHECK(rig.has_event(row.event));
    rig.events.clear();
    CHECK(was_change(rig.about(row.back, "1234", 1)));
    CHECK_FALSE(was_change(rig.about(row.back, "1234", 1)));
    CHECK(rig.events.size() == 1);
    CHECK(rig.has_event(row.back_event));
}

TEST_CASE("mute-all leaves hosts alone, unmute-all nobody", "[bridge]") {
    Rig rig;
    for (const auto* call : {"a", "b", "c"}) rig.join(call);
    REQUIRE(rig.about("host", "1234", 2));
    CHECK(was_change(rig.about("mute-all", "1234")));
    CHECK_FALSE(was_change(rig.about("mute-all", "1234")));
    const auto muted = [&](std::size_t row) { return rig.about("members", "1234")->rows[row].flag("muted"); };
    CHECK(muted(0));
    CHECK_FALSE(muted(1));
    CHECK(muted(2));
    REQUIRE(rig.about("mute", "1234", 2));
    CHECK(was_change(rig.about("unmute-all", "1234")));
    CHECK_FALSE(was_change(rig.about("unmute-all", "1234")));
    for (const std::size_t row : {0, 1, 2}) CHECK_FALSE(muted(row));
}

TEST_CASE("who withholds his identity is anonymous-N in listings and events", "[bridge]") {
    Rig rig;
    rig.join("a");
    const auto* wish = GENERATE("Privacy: id\r\n", "Privacy: header;critical\r\n", "Privacy: none; User\r\n");
    rig.join("b", "1234", std::string("X-Passcode: 99\r\nP-Asserted-Identity: <sip:bob@example.org>\r\n") + wish);
    for (const auto& event : rig.events) CHECK(local::to_json(event.fields).find("bob") == std::string::npos);
    CHECK(rig.events.back().fields.text("identity") == "anonymous-2");
    CHECK(rig.events.back().fields.text("name").empty());
    const auto rows = rig.about("members", "1234")->rows;
    CHECK(rows[0].text("identity") == "sip:alice@example.org");
    CHECK(rows[1].text("identity") == "anonymous-2");
    REQUIRE(rig.about("kick", "1234", 2));
    rig.join("c", "1234", "X-Passcode: 99\r\nPrivacy: id\r\n");
    CHECK(rig.events.back().fields.text("identity") == "anonymous-3");
}

TEST_CASE("mask-numbers hides phone numbers, not extensions and names", "[bridge]") {
    auto config = default_config();
    config.mask_numbers = GENERATE(true, false);
    Rig rig(config);
    const std::string passcode = "X-Passcode: 99\r\n";
    rig.join("a", "1234", passcode + "P-Asserted-Identity: \"+33 1 23 45 67 89\" <sip:+33123456789@example.org>\r\n");
    rig.join("b", "1234", passcode + "P-Asserted-Identity: \"Bob\" <sip:1001@example.org>\r\n");
    rig.join("c", "1234", passcode + "P-Asserted-Identity: \"Carol\" <sip:0123456789@example.org>\r\n");
    const auto rows = rig.about("members", "1234")->rows;
    CHECK(rows[0].text("identity") == (config.mask_numbers ? "anonymous-1" : "sip:+33123456789@example.org"));
    CHECK(rows[0].text("name") == (config.mask_numbers ? "" : "+33 1 23 45 67 89"));
    CHECK(rows[1].text("identity") == "sip:1001@example.org");
    CHECK(rows[2].text("identity") == (config.mask_numbers ? "anonymous-3" : "sip:0123456789@example.org"));
    CHECK(rows[2].text("name") == "Carol");
}

TEST_CASE("gain and volume are set in decibels, within bounds", "[bridge]") {
    Rig rig;
    rig.join("a");
    const std::string verb = GENERATE("gain", "volume");
    const auto set = [&](int decibels) {
        return rig.command(verb, local::Value::object({{"conference", "1234"}, {"member", 1}, {"decibels", decibels}}));
    };
    CHECK(was_change(set(-6)));
    CHECK_FALSE(was_change(set(-6)));
    CHECK(rig.events.back().event == verb);
    CHECK(rig.events.back().fields.integer("decibels") == -6);
    CHECK((verb == "gain" ? rig.last_media<GainLeg>()->decibels : rig.last_media<VolumeLeg>()->decibels) == -6);
    CHECK(rig.about("leg", "1234", 1)->fields.integer(verb) == -6);
    for (const int decibels : {-41, 21}) CHECK(failure(set(decibels)) == "bad-argument");
    CHECK(was_change(set(0)));
}
