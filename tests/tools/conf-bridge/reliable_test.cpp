#include "conf-bridge/reliable.hpp"

#include <catch2/catch.hpp>

#include "conf-bridge/replaces.hpp"

using namespace confab;
using namespace confab::bridge;
using namespace std::chrono_literals;

namespace {

using Due = ReliableResponse::Due;

base::Now at(base::milliseconds time) { return {base::Instant(1h + time), base::WallTime(time)}; }

std::string invite(const std::string& lines) {
    return "INVITE sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\n"
           "CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:a@192.0.2.1>\r\n" + lines + "Content-Length: 0\r\n\r\n";
}

}  // namespace

TEST_CASE("RAck rows", "[reliable]") {
    struct Row {
        const char* value;
        bool good;
    };
    const Row rows[] = {{"776656 1 INVITE", true}, {" 1  2   INVITE ", true}, {"1 2", false},         {"", false},           {"1 2 INVITE x", false},
                        {"-1 2 INVITE", false},    {"x 2 INVITE", false},     {"1 x INVITE", false}, {"4294967296 1 INVITE", false}};
    for (const auto& row : rows) {
        CAPTURE(row.value);
        CHECK(RAck::parse(row.value).has_value() == row.good);
    }
    const auto rack = RAck::parse("776656 1 INVITE");
    REQUIRE(rack);
    CHECK(rack->rseq == 776'656);
    CHECK(rack->cseq == 1);
    CHECK(rack->method == "INVITE");
}

TEST_CASE("a reliable response comes again at doubled intervals until its PRACK or 64*T1", "[reliable]") {
    ReliableResponse response("bytes", 7, 1, 500ms, at(0s));
    CHECK(response.bytes() == "bytes");
    std::vector<std::int64_t> resent;
    for (auto time = 0ms; time < 32s; time += 100ms)
        if (response.take_due(at(time)) == Due::resend) resent.push_back(time.count());
    CHECK(resent == std::vector<std::int64_t>{500, 1500, 3500, 7500, 15'500, 31'500});
    CHECK(response.take_due(at(32s)) == Due::give_up);

    ReliableResponse heard("bytes", 7, 1, 500ms, at(0s));
    for (const auto* other : {"8 1 INVITE", "7 2 INVITE", "7 1 UPDATE", "7 1 invite"}) CHECK_FALSE(heard.acknowledge(*RAck::parse(other)));
    CHECK(heard.next() == at(500ms).steady);
    CHECK(heard.acknowledge(*RAck::parse("7 1 INVITE")));
    CHECK_FALSE(heard.acknowledge(*RAck::parse("7 1 INVITE")));
    CHECK_FALSE(heard.next());
    CHECK(heard.take_due(at(1h)) == Due::nothing);
}

TEST_CASE("who takes reliable responses", "[reliable]") {
    struct Row {
        const char* lines;
        bool wanted;
    };
    const Row rows[] = {{"", false}, {"Supported: timer\r\n", false}, {"Supported: timer, 100REL\r\n", true}, {"k: 100rel\r\n", true},
                        {"Require: 100rel\r\n", true}, {"Supported: path\r\nSupported: 100rel\r\n", true}, {"Supported: x100rel\r\n", false}};
    for (const auto& row : rows) {
        CAPTURE(row.lines);
        const auto text = invite(row.lines);
        sip::Message message;
        REQUIRE(sip::split(text, message) == sip::ParseError::none);
        CHECK(ReliableResponse::is_wanted(message) == row.wanted);
    }
}

TEST_CASE("Replaces rows", "[replaces]") {
    struct Row {
        const char* lines;
        bool good, present, early_only;
    };
    const Row rows[] = {
        {"", true, false, false},
        {"Replaces: c@h;to-tag=t;from-tag=f\r\n", true, true, false},
        {"Replaces: c@h ; from-tag=f;early-only ;to-tag=t\r\n", true, true, true},
        {"Replaces: c@h;to-tag=t\r\n", false, false, false},
        {"Replaces: c@h;from-tag=f\r\n", false, false, false},
        {"Replaces: ;to-tag=t;from-tag=f\r\n", false, false, false},
        {"Replaces: c@h\r\n", false, false, false},
    };
    for (const auto& row : rows) {
        CAPTURE(row.lines);
        const auto text = invite(row.lines);
        sip::Message message;
        REQUIRE(sip::split(text, message) == sip::ParseError::none);
        const auto read = Replaces::read(message);
        REQUIRE(read.has_value() == row.good);
        if (!row.good) continue;
        REQUIRE(read->has_value() == row.present);
        if (!row.present) continue;
        CHECK((*read)->call_id == "c@h");
        CHECK((*read)->to_tag == "t");
        CHECK((*read)->from_tag == "f");
        CHECK((*read)->early_only == row.early_only);
    }
    EndedDialogs ended;
    for (std::size_t i = 0; i <= EndedDialogs::kMost; ++i) ended.add(std::to_string(i));
    CHECK_FALSE(ended.has("0"));
    CHECK(ended.has("1"));
    CHECK(ended.has(std::to_string(EndedDialogs::kMost)));
}
