#include "conf-bridge/leg_records.hpp"

#include <catch2/catch.hpp>

#include "local/value.hpp"

using namespace confab;
using namespace confab::bridge;

namespace {

base::Now at(std::int64_t milliseconds) { return {{}, base::WallTime(base::milliseconds(milliseconds))}; }

Leg caller() {
    Leg leg;
    leg.dialog.id.call_id = "c1";
    leg.number = "1234";
    leg.identity = "sip:anna@example.org";
    leg.given.accounting_code = "P-77";
    leg.outgoing.authoriser = "sip:carol@example.org";
    leg.given.passcode = "4711";
    leg.given.leader_pin = "0815";
    return leg;
}

}  // namespace

TEST_CASE("a leg has one record, open when it is answered and complete when it ends") {
    LegRecords records(base::Seed{});
    std::vector<base::CallEntry> out;
    Leg leg = caller();
    records.answered(at(1'000), leg, out);
    REQUIRE(out.size() == 1);
    CHECK(out[0].kind == base::CallEntry::Kind::opened);
    leg.conference = "7001";
    leg.member = 3;
    leg.host = true;
    leg.joined_at = at(2'000).wall;
    records.ended(at(61'500), leg, "hung up", out);
    REQUIRE(out.size() == 2);
    CHECK(out[1].kind == base::CallEntry::Kind::closed);
    CHECK(out[1].was_open);
    CHECK(out[1].id == out[0].id);
    const auto record = local::parse_json(out[1].line).value();
    CHECK(record.text("id") == out[0].id);
    CHECK(record.text("identity") == "sip:anna@example.org");
    CHECK(record.text("accounting") == "P-77");
    CHECK(record.text("authoriser") == "sip:carol@example.org");
    CHECK(record.find("attendee")->is_null());
    CHECK(record.text("conference") == "7001");
    CHECK(record.integer("member") == 3);
    CHECK(record.text("role") == "host");
    CHECK(record.text("answered") == "1970-01-01T00:00:01Z");
    CHECK(record.text("joined") == "1970-01-01T00:00:02Z");
    CHECK(record.integer("duration_ms") == 60'500);
    CHECK(record.text("reason") == "hung up");
    for (const auto* secret : {"4711", "0815"}) CHECK(out[1].line.find(secret) == std::string::npos);
}

TEST_CASE("who took another's place joined no earlier than it was answered") {
    LegRecords records(base::Seed{});
    std::vector<base::CallEntry> out;
    Leg leg = caller();
    leg.member = 3;
    leg.joined_at = at(1'000).wall;
    records.answered(at(60'000), leg, out);
    records.ended(at(61'000), leg, "hung up", out);
    CHECK(local::parse_json(out[1].line)->text("joined") == "1970-01-01T00:01:00Z");
}

TEST_CASE("who never was a member is recorded without a place") {
    LegRecords records(base::Seed{});
    std::vector<base::CallEntry> out;
    Leg leg = caller();
    records.answered(at(0), leg, out);
    records.ended(at(-5), leg, "not admitted", out);
    const auto record = local::parse_json(out[1].line).value();
    for (const auto* name : {"conference", "member", "role", "joined"}) CHECK(record.find(name)->is_null());
    CHECK(record.integer("duration_ms", -1) == 0);  // the clock was set back
}

TEST_CASE("a call to us that was never answered has no record, and two legs two ids") {
    LegRecords records(base::Seed{});
    std::vector<base::CallEntry> out;
    records.placed(caller(), out);
    records.ended(at(0), caller(), "not admitted", out);
    CHECK(out.empty());
    Leg one = caller(), two = caller();
    records.answered(at(0), one, out);
    records.answered(at(0), two, out);
    CHECK(out[0].id != out[1].id);
}

TEST_CASE("a call of ours has one record, answered or not") {
    LegRecords records(base::Seed{});
    std::vector<base::CallEntry> out;
    Leg leg = caller();
    leg.outgoing.dial = 1;
    records.dialled(leg, out);
    REQUIRE(out.size() == 1);
    CHECK(out[0].kind == base::CallEntry::Kind::opened);
    SECTION("not answered, and its place given up before") {
        records.ended(at(8'000), leg, "busy", out);
        REQUIRE(out.size() == 2);
        CHECK(out[1].was_open);
        CHECK(out[1].id == out[0].id);
        const auto record = local::parse_json(out[1].line).value();
        CHECK(record.find("answered")->is_null());
        CHECK(record.integer("duration_ms", -1) == 0);
        CHECK(record.text("conference") == "1234");
        CHECK(record.text("authoriser") == "sip:carol@example.org");
        CHECK(record.text("reason") == "busy");
    }
    SECTION("answered") {
        records.answered(at(1'000), leg, out);
        records.ended(at(8'000), leg, "hung up", out);
        REQUIRE(out.size() == 3);
        CHECK(out[1].kind == base::CallEntry::Kind::opened);
        for (const auto& entry : out) CHECK(entry.id == out[0].id);
        CHECK(local::parse_json(out[2].line)->integer("duration_ms") == 7'000);
    }
}

TEST_CASE("a leg that a restart ended is recorded once, with the place that it had and without a duration") {
    LegRecords records(base::Seed{});
    std::vector<base::CallEntry> out;
    Leg leg = caller();
    records.answered(at(0), leg, out);
    leg.conference = "7001";
    leg.member = 3;
    leg.host = true;
    leg.joined_at = at(2'000).wall;
    records.placed(leg, out);
    REQUIRE(out.size() == 2);
    CHECK(out[1].kind == base::CallEntry::Kind::opened);
    const auto line = out[1].line;
    out.clear();
    LegRecords::recover(at(9'000), line, out);
    REQUIRE(out.size() == 1);
    CHECK(out[0].id == leg.record.id);
    const auto record = local::parse_json(out[0].line).value();
    CHECK(record.text("reason") == "bridge restarted");
    CHECK(record.find("duration_ms")->is_null());
    CHECK(record.text("conference") == "7001");
    CHECK(record.integer("member") == 3);
    CHECK(record.text("role") == "host");
    CHECK(record.text("joined") == "1970-01-01T00:00:02Z");
    out.clear();
    for (const auto* nonsense : {"", "[]", "{}", "{\"id\":7}", "x"}) LegRecords::recover(at(0), nonsense, out);
    CHECK(out.empty());
}
