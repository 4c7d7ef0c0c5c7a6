#include "sip/forward.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace confab::sip;
using confab::base::SocketAddress;

namespace {

const std::string kInvite =
    "INVITE sip:bob@b.example SIP/2.0\r\n"
    "Via: SIP/2.0/UDP h;branch=z9hG4bK1;rport\r\n"
    "Route: <sip:me;lr>, <sip:next;lr>\r\n"
    "Max-Forwards: 10\r\n"
    "From: <sip:a@a>;tag=1\r\nTo: <sip:bob@b.example>\r\nCall-ID: c@d\r\nCSeq: 7 INVITE\r\n"
    "X-Foo :  exactly,,  this\r\n"
    "Content-Length: 3\r\n\r\nabc";

std::string with(std::string text, std::string_view from, std::string_view to) {
    const auto at = text.find(from);
    REQUIRE(at != text.npos);
    return text.replace(at, from.size(), to);
}

std::string mark_of(const std::string& text) {
    Message message;
    REQUIRE(split(text, message) == ParseError::none);
    return loop_mark(message);
}

RequestFault checked(const std::string& text, std::string_view mark = "") {
    Message message;
    REQUIRE(split(text, message) == ParseError::none);
    return check_request(message, mark);
}

}  // namespace

TEST_CASE("forward: checks of section 16.3") {
    CHECK(checked(kInvite).status == 0);
    CHECK(checked(with(kInvite, "Max-Forwards: 10", "Max-Forwards: 0")).status == 483);
    CHECK(checked(with(kInvite, "Max-Forwards: 10\r\n", "")).status == 0);
    CHECK(checked(with(kInvite, "sip:bob@b.example SIP", "tel:+123 SIP")).status == 416);
    CHECK(checked(with(kInvite, "sip:bob@b.example SIP", "SIPS:bob@b.example SIP")).status == 0);
    const auto fault = checked(with(kInvite, "X-Foo", "Proxy-Require: one, two\r\nProxy-Require: three\r\nX-Foo"));
    CHECK(fault.status == 420);
    CHECK(fault.headers == "Unsupported: one, two, three\r\n");
    CHECK(checked(with(with(with(kInvite, "INVITE sip", "CANCEL sip"), "7 INVITE", "7 CANCEL"), "X-Foo", "Proxy-Require: a\r\nX-Foo"))
              .status == 0);
}

TEST_CASE("forward: a request that comes back unchanged is a loop, a changed one is not") {
    const auto mark = "p1" + mark_of(kInvite);
    const auto looped = with(kInvite, "Via:", "Via: SIP/2.0/UDP x;branch=z9hG4bK9, SIP/2.0/UDP me;branch=z9hG4bKabc." + mark + "\r\nVia:");
    CHECK(mark_of(looped) == mark_of(kInvite));
    CHECK(checked(looped, mark).status == 482);
    CHECK(checked(looped, "p2" + mark_of(kInvite)).status == 0);
    CHECK(checked(looped, "").status == 0);
    CHECK(checked(with(kInvite, "z9hG4bK1", "z9hG4bKx" + mark), mark).status == 0);
    for (auto [from, to] :
         {std::pair{"bob@b.example SIP", "carl@b.example SIP"}, std::pair{"tag=1", "tag=2"}, std::pair{"c@d", "c@e"},
          std::pair{"CSeq: 7", "CSeq: 8"}, std::pair{"<sip:me;lr>, ", ""}, std::pair{"X-Foo", "Proxy-Authorization: Digest x=y\r\nX-Foo"},
          std::pair{"To: <sip:bob@b.example>", "To: <sip:bob@b.example>;tag=7"}}) {
        INFO(from);
        CHECK(mark_of(with(kInvite, from, to)) != mark_of(kInvite));
    }
    CHECK(mark_of(kInvite).find_first_not_of("0123456789abcdefghijklmnopqrstuv") == std::string::npos);
}

TEST_CASE("forward: everything else stays byte-identical") {
    Message message;
    REQUIRE(split(kInvite, message) == ParseError::none);
    Splice splice(message);
    const auto source = *SocketAddress::parse("192.0.2.7:40000");
    std::string out;
    append_forward(out, message, splice,
                   {.via_sent_by = "192.0.2.1:5060",
                    .transport = Transport::tcp,
                    .branch = "z9hG4bKr.m",
                    .record_route = "<sip:192.0.2.1;lr>",
                    .request_uri = "sip:bob@192.0.2.50",
                    .pop_route = true,
                    .push_route = "<sip:edge;lr>",
                    .extra_headers = "X-More: 1\r\n",
                    .source = &source});
    CHECK(out ==
          "INVITE sip:bob@192.0.2.50 SIP/2.0\r\n"
          "Via: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKr.m\r\n"
          "Record-Route: <sip:192.0.2.1;lr>\r\n"
          "Route: <sip:edge;lr>\r\n"
          "Via: SIP/2.0/UDP h;branch=z9hG4bK1;rport=40000;received=192.0.2.7\r\n"
          "Route: <sip:next;lr>\r\n"
          "Max-Forwards: 9\r\n"
          "From: <sip:a@a>;tag=1\r\nTo: <sip:bob@b.example>\r\nCall-ID: c@d\r\nCSeq: 7 INVITE\r\n"
          "X-Foo :  exactly,,  this\r\n"
          "Content-Length: 3\r\nX-More: 1\r\n\r\nabc");
}

TEST_CASE("forward: little to do") {
    const auto text = with(kInvite, "Max-Forwards: 10\r\n", "");
    Message message;
    REQUIRE(split(text, message) == ParseError::none);
    Splice splice(message);
    std::string out;
    append_forward(out, message, splice, {.via_sent_by = "a", .transport = Transport::udp, .branch = "b"});
    CHECK(out == with(with(text, "Via:", "Via: SIP/2.0/UDP a;branch=b\r\nVia:"), "\r\n\r\n", "\r\nMax-Forwards: 70\r\n\r\n"));
}

TEST_CASE("forward: Max-Forwards counts down") {
    for (auto [before, after] :
         {std::pair{"255", "254"}, std::pair{"100", "99"}, std::pair{"10", "9"}, std::pair{"1", "0"}, std::pair{"0068", "67"}}) {
        const auto text = with(kInvite, "Max-Forwards: 10", "Max-Forwards: " + std::string(before));
        Message message;
        REQUIRE(split(text, message) == ParseError::none);
        Splice splice(message);
        std::string out;
        append_forward(out, message, splice, {.via_sent_by = "a", .transport = Transport::udp, .branch = "b"});
        CHECK(out.find("\r\nMax-Forwards: " + std::string(after) + "\r\n") != out.npos);
    }
}

TEST_CASE("forward: a response loses our Via and goes to the next") {
    struct Row {
        std::string_view next, to;
    };
    for (auto [next, to] :
         {Row{"SIP/2.0/UDP 192.0.2.5;branch=2", "192.0.2.5:5060"}, Row{"SIP/2.0/UDP h:5070;received=192.0.2.6;branch=2", "192.0.2.6:5070"},
          Row{"SIP/2.0/UDP h:5070;received=192.0.2.6;rport=40000", "192.0.2.6:40000"},
          Row{"SIP/2.0/UDP 192.0.2.5;maddr=192.0.2.8;rport=1", "192.0.2.8:5060"}, Row{"SIP/2.0/TLS [2001:db8::1]", "[2001:db8::1]:5061"},
          Row{"SIP/2.0/UDP 255.255.255.255", ""}, Row{"SIP/2.0/UDP h;received=239.1.1.1", ""}, Row{"SIP/2.0/UDP name.example", ""},
          Row{"SIP/2.0/SCTP 192.0.2.5", ""}}) {
        for (const bool listed : {false, true}) {
            INFO(next << listed);
            const std::string head = "SIP/2.0 200 OK\r\n";
            const auto rest =
                std::string(next) + "\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b@b>;tag=2\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n\r\n";
            const auto text = head + "Via: SIP/2.0/UDP me;branch=z9hG4bK1" + (listed ? ", " : "\r\nVia: ") + rest;
            Message message;
            REQUIRE(split(text, message) == ParseError::none);
            const auto hop = next_via_hop(message);
            CHECK((hop ? hop->peer.text() : "") == to);
            Splice splice(message);
            std::string out;
            append_response_forward(out, message, splice);
            CHECK(out == head + "Via: " + rest);
        }
    }
}

TEST_CASE("forward: a response without a second Via goes nowhere") {
    Message message;
    split("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP me\r\n\r\n", message);
    CHECK_FALSE(next_via_hop(message));
}
