#include "conf-bridge/referral.hpp"

#include <catch2/catch.hpp>

namespace confab::bridge {
namespace {

std::string request(std::string_view method, std::string_view headers, std::string_view body = {}) {
    return std::string(method) +
           " sip:1234@127.0.0.40 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: "
           "<sip:1234@b>\r\n" +
           "Call-ID: x\r\nCSeq: 5 " + std::string(method) + "\r\n" + std::string(headers) +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

TEST_CASE("what a REFER asks for") {
    struct Row {
        std::string_view headers;
        int status = 0;
        std::string_view target{};
        bool removal = false, reports = true;
    };
    const Row rows[] = {
        {"Refer-To: <sip:bob@example.org>\r\n", 0, "sip:bob@example.org"},
        {"Refer-To: sip:bob@example.org\r\n", 0, "sip:bob@example.org"},
        {"r: \"Bob\" <sip:bob@example.org;method=INVITE;transport=tcp>\r\n", 0, "sip:bob@example.org"},
        {"Refer-To: <sip:bob@example.org:5070;method=bye>\r\n", 0, "sip:bob@example.org:5070", true},
        {"Refer-To: <sip:bob@example.org>\r\nRefer-Sub: false\r\n", 0, "sip:bob@example.org", false, false},
        {"Refer-To: <sip:bob@example.org>\r\nRefer-Sub: true;x=1\r\n", 0, "sip:bob@example.org"},
        {"Refer-To: <sip:bob@example.org>\r\nReferred-By: <sip:alice@example.org>;cid=\"x\"\r\n", 0, "sip:bob@example.org"},
        {"Refer-To: <sip:bob@example.org>\r\nReferred-By: \"\r\n", 400},
        {"Refer-To: <sip:bob@example.org?Replaces=1>\r\n", 403},
        {"Refer-To: <sip:bob@example.org;method=SUBSCRIBE>\r\n", 501},
        {"Refer-To: <sip:example.org>\r\n", 400},
        {"Refer-To: <mailto:bob@example.org>\r\n", 400},
        {"", 400},
    };
    for (const auto& row : rows) {
        INFO(row.headers);
        const auto text = request("REFER", row.headers);
        sip::Message message;
        REQUIRE(sip::split(text, message) == sip::ParseError::none);
        const auto order = read_refer(message);
        CHECK((order ? 0 : order.error()) == row.status);
        if (!order) continue;
        CHECK(order->target == row.target);
        CHECK(order->is_removal == row.removal);
        CHECK(order->wants_reports == row.reports);
        if (row.headers.contains("Referred-By")) CHECK(order->referred_by == "<sip:alice@example.org>;cid=\"x\"");
    }
}

TEST_CASE("a Referred-By beyond its bound is refused") {
    const auto text = request("REFER", "Refer-To: <sip:b@c>\r\nReferred-By: <sip:" + std::string(kLongestReferredBy, 'a') + "@c>\r\n");
    sip::Message message;
    REQUIRE(sip::split(text, message) == sip::ParseError::none);
    CHECK(read_refer(message).error() == 400);
}

TEST_CASE("the status line in a sipfrag") {
    const std::pair<std::string_view, int> rows[] = {{"SIP/2.0 200 OK\r\n", 200},
                                                     {"SIP/2.0 100 Trying", 100},
                                                     {"SIP/2.0 603\r\nX: y\r\n", 603},
                                                     {"SIP/2.0 200OK", 0},
                                                     {"SIP/2.0 99 x", 0},
                                                     {"SIP/2.0 700 x", 0},
                                                     {"", 0},
                                                     {"INVITE sip:a SIP/2.0", 0}};
    for (const auto& [text, status] : rows) CHECK(sipfrag_status(text) == status);
    CHECK(sipfrag(180) == "SIP/2.0 180 Ringing\r\n");
}

TEST_CASE("the event of a NOTIFY and the end of its subscription") {
    const auto text = request("NOTIFY", "Event: Refer;id=5\r\nSubscription-State: Terminated;reason=noresource\r\n");
    sip::Message message;
    REQUIRE(sip::split(text, message) == sip::ParseError::none);
    CHECK(refer_event(message).is_refer);
    CHECK(refer_event(message).id == "5");
    CHECK(is_terminated(message));
    const auto other = request("NOTIFY", "o: presence\r\nSubscription-State: active\r\n");
    REQUIRE(sip::split(other, message) == sip::ParseError::none);
    CHECK_FALSE(refer_event(message).is_refer);
    CHECK_FALSE(is_terminated(message));
}

}  // namespace
}  // namespace confab::bridge
