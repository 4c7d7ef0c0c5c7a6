#include "sip-proxy/call_records.hpp"

#include <catch2/catch.hpp>

using namespace confab;
using namespace confab::proxy;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const base::WallTime kNoon{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + std::chrono::hours(12)};

base::Now at(milliseconds offset) { return {base::Instant(seconds(1000) + offset), kNoon + offset}; }

std::string text_of(std::string_view method, std::string_view from_tag, std::string_view to_tag, std::string_view call_id = "c1") {
    std::string text(method);
    text += " sip:1234;passcode=secret7@example.org;passcode=secret7 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9;branch=z9hG4bKx\r\nFrom: \"A\" <sip:alice@example.org;x=secret7>;tag=";
    text += from_tag;
    text += "\r\nTo: <sip:1234;passcode=secret7@example.org>";
    if (!to_tag.empty()) text += ";tag=" + std::string(to_tag);
    text += "\r\nCall-ID: " + std::string(call_id) + "\r\nCSeq: 1 " + std::string(method) +
            "\r\nX-Phone-PAC: 4711\r\nX-Passcode: secret7\r\nP-Asserted-Identity: <sip:a@b>\r\nContent-Length: 0\r\n\r\n";
    return text;
}

struct Fixture {
    Fixture() { records.configure({true, {"X-Phone-PAC", "X-Passcode", "X-Absent"}, "X-Passcode", seconds(3600), 3}); }

    base::CallEntry answer(int status, std::string_view call_id = "c1", bool by_caller = false, bool by_proxy = false) {
        const auto bytes = text_of("INVITE", "f", "", call_id);
        sip::Message invite;
        REQUIRE(sip::split(bytes, invite) == sip::ParseError::none);
        const sip::Hop source{sip::Transport::udp, *base::SocketAddress::parse("127.0.0.9:5000"), {}, 0};
        std::vector<base::CallEntry> out;
        records.answered(at(seconds(3)),
                         {invite, source, "alice", invite.uri, "1234", "pac", "udp:127.0.0.40:5080", 7, kNoon, kNoon + seconds(1), status,
                          status < 300 ? "t" : "", by_caller, by_proxy},
                         out);
        return out.empty() ? base::CallEntry{} : out.front();
    }
    std::vector<base::CallEntry> bye(std::string_view from_tag, std::string_view to_tag, int status = 200, MemberId expected = 7) {
        const auto bytes = text_of("BYE", from_tag, to_tag);
        sip::Message request;
        REQUIRE(sip::split(bytes, request) == sip::ParseError::none);
        std::vector<base::CallEntry> out;
        CHECK(records.ended(at(milliseconds(15'250)), request, status, out) == expected);
        return out;
    }
    CallRecords records{base::Seed{5}};
};

}  // namespace

TEST_CASE("an answered call is one record when its BYE is answered") {
    Fixture fixture;
    const auto opened = fixture.answer(200);
    CHECK(opened.kind == base::CallEntry::Kind::opened);
    CHECK(fixture.records.open() == 1);
    const auto closed = fixture.bye("f", "t");
    REQUIRE(closed.size() == 1);
    CHECK(closed[0].was_open);
    CHECK(closed[0].id == opened.id);
    CHECK(closed[0].line ==
          R"({"id":")" + opened.id +
              R"(","call_id":"c1","from_tag":"f","to_tag":"t","cseq":1,"user":"alice","identity":"sip:a@b","from":"sip:alice@example.org",)"
              R"("to":"sip:1234@example.org","uri":"sip:1234@example.org","number":"1234","source":"udp:127.0.0.9:5000","route":"pac",)"
              R"("target":"udp:127.0.0.40:5080","headers":{"X-Phone-PAC":"4711","X-Passcode":"****"},"arrived":"2026-11-21T12:00:00.000Z",)"
              R"("ringing":"2026-11-21T12:00:01.000Z","status":200,"answered":"2026-11-21T12:00:03.000Z","ended":"2026-11-21T12:00:15.250Z",)"
              R"("duration_ms":12250,"ended_by":"caller"})");
    CHECK(fixture.records.open() == 0);
    CHECK(fixture.bye("f", "t", 200, kNoMember).empty());
}

TEST_CASE("who ended it, and BYEs that end nothing") {
    Fixture fixture;
    fixture.answer(200);
    CHECK(fixture.bye("f", "other", 200, kNoMember).empty());  // another branch of the fork
    CHECK(fixture.bye("f", "t", 407, kNoMember).empty());
    CHECK(fixture.bye("t", "f", 481).front().line.ends_with(R"("ended_by":"callee"})"));
}

TEST_CASE("failures are records at once") {
    struct Row {
        int status;
        bool by_caller, by_proxy;
        std::string_view ended_by;
    };
    for (const Row& row : {Row{486, false, false, "callee"}, Row{487, true, false, "caller"}, Row{503, false, true, "proxy"}}) {
        Fixture fixture;
        const auto closed = fixture.answer(row.status, "c1", row.by_caller, row.by_proxy);
        CHECK(closed.kind == base::CallEntry::Kind::closed);
        CHECK_FALSE(closed.was_open);
        CHECK(closed.line.find("\"status\":" + std::to_string(row.status) + ",\"answered\":null,\"ended\":\"2026-11-21T12:00:03.000Z\"") != std::string::npos);
        CHECK(closed.line.ends_with("\"duration_ms\":0,\"ended_by\":\"" + std::string(row.ended_by) + "\"}"));
        CHECK(fixture.records.open() == 0);
    }
    Fixture fixture;
    CHECK(fixture.answer(407).line.empty());
    CHECK(fixture.answer(401).line.empty());
    fixture.records.configure({});
    CHECK(fixture.answer(200).line.empty());
}

TEST_CASE("no record holds a passcode") {
    Fixture fixture;
    CHECK(fixture.answer(200).line.find("secret7") == std::string::npos);
    CHECK(fixture.answer(403, "c2").line.find("secret7") == std::string::npos);
    CHECK(local::to_json(fixture.records.rows().at(0)).find("secret7") == std::string::npos);
}

TEST_CASE("beyond the bound an answered call is recorded without an end") {
    Fixture fixture;
    for (auto call_id : {"a", "b", "c"}) CHECK(fixture.answer(200, call_id).kind == base::CallEntry::Kind::opened);
    const auto extra = fixture.answer(200, "d");
    CHECK(extra.kind == base::CallEntry::Kind::closed);
    CHECK(extra.line.ends_with(R"("ended_by":"unknown"})"));
    CHECK(fixture.records.open() == 3);
}

TEST_CASE("a call whose BYE never came ends with its lifetime") {
    Fixture fixture;
    fixture.answer(200);
    CHECK(*fixture.records.next_expiry() == kNoon + seconds(3603));
    std::vector<base::CallEntry> out;
    CHECK(fixture.records.expire(at(seconds(3602)), out).empty());
    CHECK(fixture.records.expire(at(seconds(3603)), out) == std::vector<MemberId>{7});
    REQUIRE(out.size() == 1);
    CHECK(out[0].line.ends_with(R"("duration_ms":3600000,"ended_by":"unknown"})"));
    CHECK_FALSE(fixture.records.next_expiry());
}

TEST_CASE("a restart carries open calls on") {
    Fixture before;
    const auto opened = before.answer(200);
    Fixture after;
    CHECK(after.records.reopen(opened.line));
    CHECK_FALSE(after.records.reopen(opened.line));
    for (auto line : {"", "x", "[]", "{}", R"({"id":"x","call_id":"c","from_tag":"f","answered":"2026-13-41T00:00:00.000Z"})"})
        CHECK_FALSE(after.records.reopen(line));
    const auto closed = after.bye("t", "f", 200, kNoMember);
    REQUIRE(closed.size() == 1);
    CHECK(closed[0].id == opened.id);
    CHECK(closed[0].line.ends_with(R"("answered":"2026-11-21T12:00:03.000Z","ended":"2026-11-21T12:00:15.250Z","duration_ms":12250,"ended_by":"callee"})"));
}

TEST_CASE("a call answered again is the same call, also where the run before wrote its record") {
    Fixture before;
    const auto opened = before.answer(200);
    CHECK(before.answer(200).line.empty());
    const auto busy = before.answer(486, "c2");
    Fixture after;
    after.records.reopen(opened.line);
    CHECK(after.records.remember(at(seconds(60)), busy.line));
    CHECK_FALSE(after.records.remember(at(seconds(300)), busy.line));
    CHECK_FALSE(after.records.remember(at(seconds(60)), "{}"));
    CHECK(after.answer(200).line.empty());
    CHECK(after.answer(486, "c2").line.empty());
    CHECK_FALSE(after.answer(486, "c3").line.empty());
}

TEST_CASE("ids of two runs differ") {
    CallRecords one{base::Seed{1}}, two{base::Seed{2}};
    Fixture a, b;
    a.records = one;
    b.records = two;
    a.records.configure({true, {}, "", seconds(1), 9});
    b.records.configure({true, {}, "", seconds(1), 9});
    CHECK(a.answer(486).id != b.answer(486).id);
    CHECK(a.answer(486).id != a.answer(486).id);
}
