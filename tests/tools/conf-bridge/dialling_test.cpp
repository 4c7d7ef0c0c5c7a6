#include "conf-bridge/dialling.hpp"

#include <catch2/catch.hpp>

namespace confab::bridge {
namespace {

const base::WallTime kNow{std::chrono::hours(480'000)};

OutboundKeys keys(std::vector<std::pair<std::string, std::string>> more = {}) {
    config::Entries entries = {{"", "", "", {"test", 0}},
                               {"", "dial-out", "on", {"test", 1}},
                               {"", "outbound-proxy", "udp:127.0.0.20:5060", {"test", 2}},
                               {"", "dial-domains", "example.org", {"test", 3}},
                               {"", "dial-domains", "Example.NET", {"test", 4}},
                               {"", "dial-prefixes", "+4930", {"test", 5}},
                               {"", "dial-prefixes", "0100-0199", {"test", 6}},
                               {"", "dial-denied", "+4930900-+4930905", {"test", 7}}};
    for (auto& [key, value] : more) entries.push_back({"", key, value, {"test", 9}});
    config::Problems problems;
    auto read = config::read<OutboundKeys>(outbound_keys(), entries, problems);
    check_outbound(read, entries, problems);
    REQUIRE(problems.empty());
    return read;
}

TEST_CASE("who may be called") {
    struct Row {
        std::string_view text, wanted;  // the URI, or the reason
        bool may_be_conference = false;
    };
    const Row rows[] = {
        {"+4930123", "sip:+4930123@example.org"},
        {"+49 (30) 1.2-3", "sip:+4930123@example.org"},
        {"tel:+4930123", "sip:+4930123@example.org"},
        {"0150", "sip:0150@example.org"},
        {"0199#", "sip:0199%23@example.org"},
        {"0200", "number-not-allowed"},
        {"0099", "number-not-allowed"},
        {"010", "number-not-allowed"},
        {"+49", "number-not-allowed"},
        {"+4930905", "number-denied"},
        {"+49-30-900", "number-denied"},
        {"+4930906", "sip:+4930906@example.org"},
        {"2000", "sip:2000@example.org", true},
        {"+4930900", "number-denied", true},
        {"sip:+4930900@example.org", "number-denied"},
        {"sip:+49_30!900@example.org", "number-denied"},
        {"sip:+4930+900~@example.org", "number-denied"},
        {"sip:+4930900'@example.org", "number-denied"},
        {"sip:0_200@example.org", "number-not-allowed"},
        {"sip:123456789012345678901234567890123@example.org", "bad-target"},
        {"sip:+4930123@EXAMPLE.net", "sip:+4930123@example.org"},
        {"sip:bob@example.org", "sip:bob@example.org"},
        {"sip:Bob.B-1@Example.net", "sip:Bob.B-1@Example.net"},
        {"sip:bob@other.org", "other-domain"},
        {"sip:0150@other.org", "other-domain"},
        {"sips:bob@example.org", "bad-target"},
        {"sip:example.org", "bad-target"},
        {"sip:bob@example.org:5060", "bad-target"},
        {"sip:bob@example.org;transport=tcp", "bad-target"},
        {"sip:bob@example.org?Route=x", "bad-target"},
        {"sip:bob:secret@example.org", "bad-target"},
        {"sip:0150;phone-context=x@example.org", "bad-target"},
        {"sip:%30150@example.org", "bad-target"},
        {"bob", "bad-target"},
        {"", "bad-target"},
        {"123456789012345678901234567890123", "bad-target"},
    };
    for (const auto& row : rows) {
        INFO(row.text);
        const auto target = dial_target(keys(), row.text, row.may_be_conference);
        CHECK((target ? target->uri : target.error().code) == row.wanted);
    }
}

TEST_CASE("nobody is called without permission") {
    for (const auto* text : {"+4930123", "sip:bob@example.org", "tel:1", ""}) {
        config::Problems problems;
        CHECK(dial_target(config::read<OutboundKeys>(outbound_keys(), {}, problems), text, true).error().code == "dial-out-off");
        auto forbidden = keys();
        forbidden.dial_out = Switch::off;
        CHECK(dial_target(forbidden, text, true).error().code == "dial-out-off");
    }
}

TEST_CASE("ranges of numbers are of one length and in order") {
    using Range = config::Value<DialRange>;
    for (const auto* good : {"0", "+49", "0100-0199", "+491-+499", "*21"}) CHECK(Range::parse(good));
    for (const auto* bad : {"", "+", "a", "01-1", "2-1", "+1-22", "1-", "-1", "1-2-3"}) CHECK_FALSE(Range::parse(bad));
}

TEST_CASE("dial-out asks for a proxy and a domain") {
    for (const auto* missing : {"outbound-proxy", "dial-domains"}) {
        config::Entries entries = {{"", "", "", {"test", 0}}, {"", "dial-out", "on", {"test", 1}}};
        if (std::string_view(missing) != "outbound-proxy") entries.push_back({"", "outbound-proxy", "udp:127.0.0.1:5060", {"test", 2}});
        if (std::string_view(missing) != "dial-domains") entries.push_back({"", "dial-domains", "example.org", {"test", 2}});
        config::Problems problems;
        check_outbound(config::read<OutboundKeys>(outbound_keys(), entries, problems), entries, problems);
        REQUIRE(problems.size() == 1);
        CHECK(problems.front().key == missing);
    }
}

TEST_CASE("members of a bridge that drains are sent to a host, with neither user nor headers") {
    const std::pair<std::string_view, bool> rows[] = {{"", true}, {"sip:proxy.example.org", true}, {"sip:192.0.2.9:5070;transport=tcp", true}, {"sip:[::1]", true},
                                                      {"sip:1234@example.org", false}, {"sip:example.org?Replaces=x", false}, {"tel:123", false}, {"example.org", false},
                                                      {"sip:a>b", false}};
    for (const auto& [text, good] : rows) {
        CAPTURE(text);
        config::Problems problems;
        const config::Entries entries = {{"", "drain-to", std::string(text), {"test", 1}}};
        check_outbound(config::read<OutboundKeys>(outbound_keys(), entries, problems), entries, problems);
        CHECK(problems.empty() == good);
    }
}

Dial dial(std::string conference) {
    Dial made;
    made.conference = std::move(conference);
    return made;
}

TEST_CASE("every cap has its day and its bound") {
    const auto few =
        keys({{"dial-per-conference", "2"}, {"dial-queue", "3"}, {"dial-per-user", "1"}, {"dial-per-day", "3"}, {"dial-at-once", "1"}});
    DialBook book;
    CHECK(book.room_for(few, "1", "", kNow));
    book.add(dial("1"));
    book.add(dial("1"));
    CHECK_FALSE(book.room_for(few, "1", "", kNow));
    auto& third = book.add(dial("2"));
    CHECK_FALSE(book.room_for(few, "2", "", kNow));  // the queue
    third.state = DialState::connected;
    CHECK(book.room_for(few, "2", "", kNow));

    auto* first = book.next(few);
    REQUIRE(first);
    CHECK(first->id == 1);
    first->leg = {7};
    first->state = DialState::dialing;
    CHECK(book.of_leg({7}) == first);
    CHECK(book.next(few) == nullptr);
    first->state = DialState::connected;
    CHECK(book.next(few)->id == 2);
    book.find(2)->is_checked = false;
    CHECK(book.next(few) == nullptr);

    CHECK(book.count_call(few, "alice", kNow));
    CHECK_FALSE(book.count_call(few, "alice", kNow));
    CHECK_FALSE(book.room_for(few, "3", "alice", kNow));
    CHECK(book.count_call(few, "", kNow));
    CHECK(book.count_call(few, "", kNow));
    CHECK_FALSE(book.count_call(few, "", kNow));
    CHECK_FALSE(book.count_call(few, "carol", kNow));
    CHECK(book.count_call(few, "alice", kNow + std::chrono::days(1)));
}

TEST_CASE("what a final answer means") {
    const std::pair<int, DialState> rows[] = {{486, DialState::busy},      {600, DialState::busy},      {408, DialState::no_answer},
                                              {480, DialState::no_answer}, {487, DialState::no_answer}, {603, DialState::declined},
                                              {403, DialState::declined},  {607, DialState::declined},  {302, DialState::failed},
                                              {404, DialState::failed},    {500, DialState::failed},    {401, DialState::failed}};
    for (const auto& [status, state] : rows) CHECK(state_name(outcome_of(status)) == state_name(state));
    for (const auto state : {DialState::busy, DialState::no_answer}) CHECK(may_repeat(state));
    for (const auto state : {DialState::declined, DialState::failed, DialState::connected, DialState::queued})
        CHECK_FALSE(may_repeat(state));
}

}  // namespace
}  // namespace confab::bridge
