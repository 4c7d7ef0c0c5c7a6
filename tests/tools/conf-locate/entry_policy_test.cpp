#include "conf-locate/entry_policy.hpp"

#include <catch2/catch.hpp>

#include "conf-locate/core.hpp"

using namespace confab;
using namespace confab::locate;
using local::Value;

TEST_CASE("times are points in UTC", "[locate]") {
    CHECK(seconds_of("1970-01-01T00:00:00Z") == 0);
    CHECK(seconds_of("2026-11-21T09:00:01Z") == 1'795'251'601);
    CHECK(seconds_of("2024-02-29T23:59:59Z") == 1'709'251'199);
    for (const auto* text : {"", "2026-11-21", "2026-11-21T09:00:00", "2026-02-30T09:00:00Z", "2026-13-01T09:00:00Z", "2026-11-21T24:00:00Z",
                             "2026-11-21T09:60:00Z", "2026-11-21T09:00:60Z", "2026-11-21 09:00:00Z", "+026-11-21T09:00:00Z"})
        CHECK_FALSE(seconds_of(text));
}

TEST_CASE("what a conference asks of its callers is checked", "[locate]") {
    struct Row {
        const char *name, *good, *bad;
    };
    const Row rows[] = {
        {"leader_pin", "47Ab", "4#"},
        {"security_code", "77", "7 7"},
        {"host_leaves", "end", "stay"},
        {"language", "de-CH", "de/../.."},
        {"announce", "spoken", "loud"},
        {"starts", "2026-11-21T09:00:00Z", "tomorrow"},
        {"ends", "2026-11-21T09:00:00Z", "now"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.name);
        const auto read = [&](const char* value) { return read_entry_policy(Value::object({{"number", "1"}, {row.name, value}})); };
        CHECK(read(row.good));
        CHECK(read(""));
        REQUIRE_FALSE(read(row.bad));
        CHECK(read(row.bad).error().code == "bad-argument");
        CHECK(read(row.bad).error().message.find(row.name) != std::string::npos);
    }
}

TEST_CASE("secrets of entry go to bridges whose caller is right, and to nobody else", "[locate]") {
    Config config;
    config.realm = "example.org";
    config.conferences = config.access_numbers = config.bridges = 10;
    const base::Now now{base::Instant(base::seconds(1000)), base::WallTime(base::seconds(1'700'000'000))};
    Core core(config, base::Seed{3}, now);
    const auto add = [&](std::string_view command, const Value& arguments) {
        const auto plan = core.plan(command, arguments);
        REQUIRE(plan);
        REQUIRE(*plan);
        core.apply(**plan);
    };
    add("conference-add", Value::object({{"number", "1234"}, {"passcode", "99"}, {"leader_pin", "4711"}, {"security_code", "77"}, {"wait_for_host", true},
                                         {"lobby", true}, {"host_leaves", "end"}, {"language", "de"}, {"announce", "none"},
                                         {"starts", "1970-01-01T00:00:05Z"}, {"ends", "1970-01-01T00:00:06Z"}}));
    add("dnis-add", Value::object({{"number", "800"}, {"conference", "1234"}, {"language", "fr"}}));
    add("dnis-add", Value::object({{"number", "801"}}));

    auto reply = core.resolve(Value::object({{"number", "1234"}, {"passcode", "99"}}));
    CHECK(reply.text("leader_pin") == "4711");
    CHECK(reply.text("security_code") == "77");
    CHECK(reply.flag("wait_for_host"));
    CHECK(reply.flag("lobby"));
    CHECK(reply.text("host_leaves") == "end");
    CHECK(reply.text("announce") == "none");
    CHECK(reply.text("language") == "de");
    CHECK(reply.integer("starts") == 5);
    CHECK(reply.integer("ends") == 6);
    for (const auto* passcode : {"", "98"}) {
        reply = core.resolve(Value::object({{"number", "1234"}, {"passcode", passcode}}));
        CHECK(reply.text("leader_pin").empty());
        CHECK(reply.text("security_code").empty());
        CHECK_FALSE(reply.flag("wait_for_host"));
        CHECK(reply.text("language") == "de");
    }
    // The number that was dialled goes before the conference.
    CHECK(core.resolve(Value::object({{"number", "800"}, {"passcode", "99"}})).text("language") == "fr");
    CHECK(core.resolve(Value::object({{"number", "800"}, {"passcode", ""}})).text("language") == "fr");
    CHECK(core.resolve(Value::object({{"number", "801"}, {"passcode", "99"}})).text("language") == "de");
    CHECK(core.resolve(Value::object({{"number", "801"}, {"passcode", ""}})).text("language").empty());

    std::string cursor;
    const auto row = core.conference_row(cursor);
    REQUIRE(row);
    CHECK(row->text("leader_pin") == "****");
    CHECK(row->text("security_code") == "****");
    CHECK(row->flag("wait_for_host"));
    CHECK(row->text("ends") == "1970-01-01T00:00:06Z");
}
