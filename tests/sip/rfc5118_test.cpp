// The IPv6 cases that RFC 5118 describes (§4.1–§4.5, §4.7, §4.9, §4.10; §4.6 and §4.8 are about SDP), in messages of our own.
// Where the RFC leaves a choice: a colon too many in front of an embedded IPv4 address (§4.10) is refused, as RFC 5954 has corrected the grammar.
#include <catch2/catch.hpp>

#include <string>

#include "sip/compose.hpp"
#include "sip/forward.hpp"
#include "sip/grammar.hpp"
#include "sip/message.hpp"

using namespace confab;
using namespace confab::sip;

namespace {

std::string register_to(std::string_view uri, std::string_view via = "[2001:db8::9:1]", std::string_view contact = "[2001:db8::1]") {
    std::string text = "REGISTER ";
    text.append(uri).append(" SIP/2.0\r\nVia: SIP/2.0/UDP ").append(via).append(";branch=z9hG4bKas3-111\r\nMax-Forwards: 70\r\n");
    text.append("From: sip:user@example.com;tag=81x2\r\nTo: sip:user@example.com\r\nCall-ID: SSG9559905523997077@hlau_4100\r\nCSeq: 98176 REGISTER\r\n");
    return text.append("Contact: \"Caller\" <sip:caller@").append(contact).append(">\r\nContent-Length: 0\r\n\r\n");
}

base::IpAddress ip(std::string_view text) { return *base::IpAddress::parse(text); }

}  // namespace

TEST_CASE("rfc5118 4.1: references in Request-URI, Via and Contact") {
    const auto text = register_to("sip:[2001:db8::10]");
    Message message;
    REQUIRE(split(text, message) == ParseError::none);
    CHECK(parse_uri(message.uri)->ip() == ip("2001:db8::10"));
    CHECK(message.via.host == "[2001:db8::9:1]");
    CHECK(message.via.port == 0);
    CHECK(parse_name_addr(message.value(HeaderName::contact))->uri.ip() == ip("2001:db8::1"));
}

TEST_CASE("rfc5118 4.2: an address without brackets in the Request-URI is refused and can be answered") {
    const auto text = register_to("sip:2001:db8::10");
    Message message;
    CHECK(split(text, message) == ParseError::uri);
    CHECK(message.answerable());
    CHECK(status_for(message.error) == 400);
}

TEST_CASE("rfc5118 4.3 and 4.4: digits inside the brackets are address, behind them port") {
    const auto inside = register_to("sip:[2001:db8::10:5070]"), outside = register_to("sip:[2001:db8::10]:5070");
    Message message;
    REQUIRE(split(inside, message) == ParseError::none);
    CHECK(parse_uri(message.uri)->ip() == ip("2001:db8::10:5070"));
    CHECK(parse_uri(message.uri)->port == 0);
    REQUIRE(split(outside, message) == ParseError::none);
    CHECK(parse_uri(message.uri)->ip() == ip("2001:db8::10"));
    CHECK(parse_uri(message.uri)->port == 5070);
}

TEST_CASE("rfc5118 4.5: received has an address with or without brackets; we write it without") {
    for (const std::string received : {"[2001:db8::9:255]", "2001:db8::9:255"}) {
        INFO(received);
        const auto text = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP [2001:db8::a]\r\nVia: SIP/2.0/UDP [2001:db8::9:1];received=" + received +
                          ";branch=z9hG4bKas3-111\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n";
        Message message;
        REQUIRE(split(text, message) == ParseError::none);
        const auto hop = next_via_hop(message);
        REQUIRE(hop);
        CHECK(hop->peer == base::SocketAddress{ip("2001:db8::9:255"), 5060});
    }
    const auto text = register_to("sip:[2001:db8::10]");
    Message message;
    split(text, message);
    std::string response;
    append_response(response, message, {Transport::udp, *base::SocketAddress::parse("[2001:db8::9:255]:5060"), {}, 0}, {.status = 200, .to_tag = "t"});
    CHECK(response.find("Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111;received=2001:db8::9:255\r\n") != response.npos);
}

TEST_CASE("rfc5118 4.7: both families in one message") {
    const auto text = register_to("sip:user@example.com", "[2001:db8::9:1];received=[2001:db8::9:255]", "192.0.2.1");
    auto mixed = text;
    mixed.insert(mixed.find("Max-Forwards"), "Via: SIP/2.0/UDP 192.0.2.3:5080;branch=z9hG4bK1\r\nVia: SIP/2.0/TCP 192.0.2.4;received=192.0.2.5\r\n");
    Message message;
    REQUIRE(split(mixed, message) == ParseError::none);
    CHECK(message.count(HeaderName::via) == 3);
    CHECK(message.via.received == "[2001:db8::9:255]");
    CHECK(parse_via(second_via(message))->host == "192.0.2.3");
    CHECK(parse_name_addr(message.value(HeaderName::contact))->uri.ip() == ip("192.0.2.1"));
}

TEST_CASE("rfc5118 4.9: an IPv4 address inside an IPv6 one") {
    const auto text = register_to("sip:bob@[::ffff:192.0.2.10]:19823", "[::ffff:192.0.2.2]:5060", "[::ffff:192.0.2.2]");
    Message message;
    REQUIRE(split(text, message) == ParseError::none);
    const auto uri = parse_uri(message.uri);
    CHECK(uri->ip() == ip("::ffff:192.0.2.10"));
    CHECK(uri->port == 19823);
    CHECK(base::IpAddress::parse(message.via.host) == ip("::ffff:c000:202"));
    CHECK(uri->ip()->text() == "::ffff:192.0.2.10");
}

TEST_CASE("rfc5118 4.10: two colons in front of an IPv4 part are right, three are not") {
    const auto right = register_to("sip:user@example.com", "[2001:db8::9:1]", "[2001:db8::192.0.2.1]");
    Message message;
    REQUIRE(split(right, message) == ParseError::none);
    CHECK(parse_name_addr(message.value(HeaderName::contact))->uri.ip() == ip("2001:db8::c000:201"));
    CHECK_FALSE(parse_uri("sip:caller@[2001:db8:::192.0.2.1]"));
}
