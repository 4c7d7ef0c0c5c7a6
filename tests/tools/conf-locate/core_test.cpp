#include <catch2/catch.hpp>

#include "conf-locate/core.hpp"

namespace confab::locate {
namespace {

using local::Value;

Config test_config() {
    Config config;
    config.realm = "example.org";
    config.conferences = 100;
    config.access_numbers = 100;
    config.bridges = 3;
    config.running = 100;
    config.waiting = 10;
    return config;
}

struct Bench {
    explicit Bench(Config config = test_config()) : core(config, base::Seed{3}, now) {}

    // The reply, or the failure's code as {"error": …}.
    Value change(std::string_view command, const Value& arguments) {
        const auto plan = core.plan(command, arguments);
        if (!plan) return Value::object({{"error", plan.error().code}});
        return *plan ? core.apply(**plan) : core.unchanged(command, arguments);
    }
    void conference(std::string_view number, std::string_view passcode = {}, std::string_view bridge = {}) {
        REQUIRE(change("conference-add", Value::object({{"number", number}, {"passcode", passcode}, {"bridge", bridge}})).flag("changed"));
    }
    bool beat(std::string_view bridge, std::int64_t legs, std::vector<std::string> running = {}, bool draining = false, std::int64_t capacity = 100) {
        auto list = Value::array();
        for (auto& number : running) list.push(std::move(number));
        return core
            .beat(now,
                  Value::object({{"bridge", bridge}, {"address", "udp:192.0.2.40:5080"}, {"legs", legs}, {"conferences", 0}, {"capacity", capacity},
                                 {"draining", draining}, {"running", std::move(list)}}),
                  effects)
            .flag("accepted");
    }
    // The bridges' names in the order to try, joined by spaces.
    std::string order(std::string_view number) {
        std::string names;
        std::int64_t priority = 0;
        const auto reply = core.lookup(now, number);
        for (const auto& target : reply.list("targets")) {
            names.append(names.empty() ? "" : " ").append(target.text("bridge"));
            CHECK(target.integer("priority") == ++priority);
        }
        return names;
    }
    void advance(base::milliseconds by) {
        now.steady += by;
        now.wall += by;
        core.expire(now, effects);
    }

    base::Now now{base::Instant(base::seconds(1000)), base::WallTime(base::seconds(1'700'000'000))};
    Effects effects;
    Core core;
};

TEST_CASE("passcodes open conferences, and a number that nobody has looks like a wrong one", "[locate]") {
    Bench bench;
    bench.conference("1234", "4711");
    bench.conference("5678");
    bench.conference("1111", "77");
    bench.conference("2222", "77");
    REQUIRE(bench.change("dnis-add", Value::object({{"number", "+4930100"}})).flag("changed"));
    REQUIRE(bench.change("dnis-add", Value::object({{"number", "+4930200"}, {"conference", "1234"}})).flag("changed"));
    struct Row {
        const char *number, *passcode, *conference;
        bool required;
    };
    const Row rows[] = {
        {"1234", "4711", "1234", true},     {"1234", "4712", "", true},     {"1234", "", "", true},       {"1234", "47110", "", true},
        {"5678", "", "5678", false},        {"5678", "1", "5678", false},   {"9999", "4711", "", true},   {"9999", "", "", true},
        {"+4930100", "4711", "1234", true}, {"+4930100", "77", "", true},   {"+4930100", "", "", true},   {"+4930100", "0", "", true},
        {"+4930200", "4711", "1234", true}, {"+4930200", "77", "", true},
    };
    for (const auto& row : rows) {
        CAPTURE(row.number, row.passcode);
        const auto reply = bench.core.resolve(Value::object({{"number", row.number}, {"passcode", row.passcode}}));
        CHECK(reply.text("conference") == row.conference);
        CHECK(reply.flag("valid") == !std::string_view(row.conference).empty());
        CHECK(reply.flag("passcode_required") == row.required);
    }
    // A passcode that becomes unique again opens by the access number, and a replaced one does not.
    REQUIRE(bench.change("conference-del", Value::object({{"number", "2222"}})).flag("changed"));
    REQUIRE(bench.change("conference-add", Value::object({{"number", "1234"}, {"passcode", "4712"}})).flag("changed"));
    const auto by_access = [&](const char* passcode) {
        return std::string(bench.core.resolve(Value::object({{"number", "+4930100"}, {"passcode", passcode}})).text("conference"));
    };
    CHECK(by_access("77") == "1111");
    CHECK(by_access("4711").empty());
    CHECK(by_access("4712") == "1234");
}

TEST_CASE("changes are idempotent and judged", "[locate]") {
    struct Row {
        const char* command;
        Value arguments;
        const char* outcome;  // "changed", "same" or a failure's code
    };
    const auto of = [](std::initializer_list<Value::Member> members) { return Value::object(members); };
    const Row rows[] = {
        {"conference-add", of({{"number", "1234"}, {"passcode", "1"}, {"name", "Board"}, {"max_members", 5}, {"bridge", "b1"}}), "same"},
        {"conference-add", of({{"number", "1234"}, {"passcode", "2"}}), "changed"},
        {"conference-add", of({{"number", "1"}}), "changed"},
        {"conference-add", of({{"number", ""}}), "bad-argument"},
        {"conference-add", of({{"number", "12a4"}}), "bad-argument"},
        {"conference-add", of({{"number", std::string(33, '1')}}), "bad-argument"},
        {"conference-add", of({{"number", "1"}, {"passcode", "1#"}}), "bad-argument"},
        {"conference-add", of({{"number", "1"}, {"name", "two\nlines"}}), "bad-argument"},
        {"conference-add", of({{"number", "1"}, {"max_members", -1}}), "bad-argument"},
        {"conference-add", of({{"number", "1"}, {"bridge", "b 1"}}), "bad-argument"},
        {"conference-add", of({{"number", "800"}}), "number-in-use"},
        {"conference-del", of({{"number", "1234"}}), "changed"},
        {"conference-del", of({{"number", "9"}}), "same"},
        {"dnis-add", of({{"number", "800"}, {"conference", "1234"}}), "same"},
        {"dnis-add", of({{"number", "800"}}), "changed"},
        {"dnis-add", of({{"number", "1234"}}), "number-in-use"},
        {"dnis-add", of({{"number", "801"}, {"conference", "9"}}), "no-such-conference"},
        {"dnis-del", of({{"number", "800"}}), "changed"},
        {"dnis-del", of({{"number", "9"}}), "same"},
    };
    for (const auto& row : rows) {
        Bench bench;
        bench.change("conference-add", of({{"number", "1234"}, {"passcode", "1"}, {"name", "Board"}, {"max_members", 5}, {"bridge", "b1"}}));
        bench.change("dnis-add", of({{"number", "800"}, {"conference", "1234"}}));
        const auto reply = bench.change(row.command, row.arguments);
        CAPTURE(row.command, local::to_json(row.arguments), local::to_json(reply));
        const std::string outcome = reply.find("error") ? std::string(reply.text("error")) : reply.flag("changed") ? "changed" : "same";
        CHECK(outcome == row.outcome);
    }
    auto config = test_config();
    config.conferences = 1;
    Bench full(config);
    full.conference("1");
    CHECK(full.change("conference-add", of({{"number", "2"}})).text("error") == "too-many");
    CHECK(full.change("conference-add", of({{"number", "1"}, {"name", "x"}})).flag("changed"));
}

TEST_CASE("a shared passcode is reported when a conference is added", "[locate]") {
    Bench bench;
    const auto add = [&](const char* number, const char* passcode) {
        return bench.change("conference-add", Value::object({{"number", number}, {"passcode", passcode}})).flag("passcode_unique");
    };
    CHECK(add("1", "77"));
    CHECK_FALSE(add("2", "77"));
    CHECK(add("3", ""));
    CHECK(add("4", ""));
    CHECK_FALSE(add("2", "77"));
}

TEST_CASE("a conference takes its access numbers along, listings mask the passcode", "[locate]") {
    Bench bench;
    bench.conference("1234", "4711", "b1");
    bench.change("dnis-add", Value::object({{"number", "800"}, {"conference", "1234"}}));
    bench.beat("b2", 1, {"1234"});
    std::string cursor;
    const auto row = bench.core.conference_row(cursor);
    REQUIRE(row);
    CHECK(local::to_json(*row).find("4711") == std::string::npos);
    CHECK(row->text("passcode") == "****");
    CHECK(row->text("running") == "b2");
    CHECK_FALSE(bench.core.conference_row(cursor));
    CHECK(bench.core.lookup(bench.now, "800").text("conference") == "1234");
    bench.change("conference-del", Value::object({{"number", "1234"}}));
    CHECK_FALSE(bench.core.lookup(bench.now, "800").flag("known"));
    cursor.clear();
    CHECK_FALSE(bench.core.access_number_row(cursor));
}

TEST_CASE("where a caller is sent", "[locate]") {
    Bench bench;
    bench.conference("1234");
    CHECK_FALSE(bench.core.lookup(bench.now, "9999").flag("known"));
    CHECK(bench.core.lookup(bench.now, "1234").flag("known"));
    CHECK(bench.order("1234").empty());

    SECTION("the least loaded first, then by name; a full one last") {
        bench.beat("c", 10);
        bench.beat("b", 100);
        bench.beat("a", 50);
        CHECK(bench.order("1234") == "c a b");
    }
    SECTION("the home bridge before a less loaded one, unless it is full, draining or silent") {
        bench.conference("1", "", "b");
        bench.beat("a", 0);
        bench.beat("b", 90);
        CHECK(bench.order("1") == "b a");
        bench.beat("b", 100);
        CHECK(bench.order("1") == "a b");
        bench.beat("b", 90, {}, true);
        CHECK(bench.order("1") == "a");
    }
    SECTION("a conference stays where it runs, though that bridge be full or draining or not its home") {
        bench.conference("1", "", "a");
        bench.beat("a", 0);
        bench.beat("b", 100, {"7", "1", "3"}, true);
        CHECK(bench.order("1") == "b a");
        CHECK(bench.order("1234") == "a");
    }
    SECTION("two first callers go to one bridge, two conferences to two") {
        bench.conference("1");
        bench.beat("a", 10);
        bench.beat("b", 10);
        CHECK(bench.order("1234") == "a b");
        CHECK(bench.order("1") == "b a");
        CHECK(bench.order("1234") == "a b");
        CHECK(bench.order("1") == "b a");
        bench.beat("a", 50);
        CHECK(bench.order("1234") == "a b");
        bench.advance(base::seconds(3));
        bench.beat("a", 50), bench.beat("b", 10);
        bench.advance(base::seconds(4));
        bench.beat("a", 50), bench.beat("b", 10);
        bench.advance(base::seconds(4));
        CHECK(bench.order("1234") == "b a");  // the hold is over
    }
    SECTION("an access number without a conference goes anywhere") {
        bench.change("dnis-add", Value::object({{"number", "800"}}));
        bench.beat("a", 1);
        bench.beat("b", 0);
        CHECK(bench.order("800") == "b a");
        CHECK(bench.core.lookup(bench.now, "800").text("conference").empty());
    }
}

TEST_CASE("beats keep a bridge alive, silence ends it", "[locate]") {
    Bench bench;
    bench.conference("1234");
    CHECK(bench.beat("a", 0, {"1234"}));
    REQUIRE(bench.effects.events.size() == 1);
    CHECK(bench.effects.events[0].name == "bridge-up");
    CHECK(bench.effects.writes.size() == 1);
    bench.effects.clear();
    bench.advance(base::milliseconds(4999));
    CHECK(bench.beat("a", 0, {"1234"}));
    bench.advance(base::milliseconds(4999));
    CHECK(bench.effects.writes.empty());
    CHECK(bench.order("1234") == "a");
    CHECK(bench.core.next_deadline() == bench.now.steady + base::milliseconds(1));
    bench.advance(base::milliseconds(1));
    REQUIRE(bench.effects.events.size() == 1);
    CHECK(bench.effects.events[0].name == "bridge-down");
    REQUIRE(bench.effects.writes.size() == 1);
    CHECK_FALSE(std::get<BridgeEntry>(bench.effects.writes[0]).alive);
    CHECK(bench.order("1234").empty());
    CHECK(bench.beat("a", 0));
    CHECK(bench.order("1234") == "a");
}

TEST_CASE("beats that make no sense are refused; a new bridge replaces the longest silent one", "[locate]") {
    Bench bench;
    const auto refused = [&](const char* bridge, const char* address, std::int64_t legs) {
        const auto arguments = Value::object(
            {{"bridge", bridge}, {"address", address}, {"legs", legs}, {"conferences", 0}, {"capacity", 10}, {"draining", false}});
        return !bench.core.beat(bench.now, arguments, bench.effects).flag("accepted");
    };
    CHECK(refused("", "udp:192.0.2.1:5060", 0));
    CHECK(refused("a b", "udp:192.0.2.1:5060", 0));
    CHECK(refused("a", "192.0.2.1", 0));
    CHECK(refused("a", "udp:192.0.2.1:5060", -1));
    CHECK_FALSE(refused("a", "udp:192.0.2.1:5060", 0));
    CHECK(bench.beat("b", 0));
    CHECK(bench.beat("c", 0));
    CHECK_FALSE(bench.beat("d", 0));
    bench.advance(base::seconds(1));
    CHECK(bench.beat("a", 0));
    bench.advance(base::seconds(4));
    CHECK(bench.beat("d", 0));
    std::string cursor, names;
    while (const auto row = bench.core.bridge_row(cursor)) names.append(row->text("bridge"));
    CHECK(names.size() == 3);
    CHECK(names.find('a') != std::string::npos);
    CHECK(names.find('d') != std::string::npos);
}

TEST_CASE("after a start lookups wait for the bridges that were alive", "[locate]") {
    Bench bench;
    CHECK(bench.core.is_settled(bench.now));
    bench.core.load(bench.now, Conference{.number = "1234", .passcode = {}, .name = {}, .bridge = {}});
    bench.core.load(bench.now, BridgeEntry{.name = "a", .address = "udp:192.0.2.40:5080", .capacity = 10, .alive = true});
    bench.core.load(bench.now, BridgeEntry{.name = "b", .address = "udp:192.0.2.41:5080", .capacity = 10, .alive = true});
    bench.core.load(bench.now, BridgeEntry{.name = "c", .address = "udp:192.0.2.42:5080", .capacity = 10, .alive = false});
    CHECK_FALSE(bench.core.is_settled(bench.now));
    SECTION("all heard") {
        bench.beat("b", 5, {"1234"});
        CHECK_FALSE(bench.core.is_settled(bench.now));
        bench.beat("a", 0);
        CHECK(bench.core.is_settled(bench.now));
        CHECK(bench.order("1234") == "b a");
    }
    SECTION("time is up: they are presumed alive until they time out") {
        bench.advance(base::milliseconds(1500));
        CHECK(bench.core.is_settled(bench.now));
        CHECK(bench.order("1234") == "a b");
        bench.advance(base::milliseconds(3500));
        CHECK(bench.order("1234").empty());
    }
}

}  // namespace
}  // namespace confab::locate
