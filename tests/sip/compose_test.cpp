#include "sip/compose.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace confab::sip;
using confab::base::SocketAddress;

namespace {

std::string invite(std::string_view via) {
    return "INVITE sip:bob@b.example SIP/2.0\r\n"
           "Via: " +
           std::string(via) +
           "\r\n"
           "v: SIP/2.0/UDP second;branch=z9hG4bK2\r\n"
           "Max-Forwards: 10\r\nRecord-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2;lr>\r\nRoute: <sip:r1;lr>, <sip:r2;lr>\r\n"
           "f: A <sip:a@a>;tag=1\r\nTo: <sip:bob@b.example>\r\nCall-ID: c@d\r\nCSeq: 7 INVITE\r\nTimestamp: 5\r\nContent-Length: 0\r\n\r\n";
}

Hop hop(std::string_view address, Transport transport = Transport::udp) {
    return {transport, *SocketAddress::parse(address), FlowId{3}, 1};
}

std::string answer(const std::string& request, const ResponseParts& parts, std::string_view source = "192.0.2.7:5071") {
    Message message;
    split(request, message);
    std::string out;
    append_response(out, message, hop(source), parts);
    return out;
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("response: what is copied") {
    CHECK(answer(invite("SIP/2.0/UDP h:5066;branch=z9hG4bK1"), {.status = 180, .to_tag = "t", .headers = "Contact: <sip:x>\r\n"}) ==
          "SIP/2.0 180 Ringing\r\n"
          "Via: SIP/2.0/UDP h:5066;branch=z9hG4bK1;received=192.0.2.7\r\n"
          "Via: SIP/2.0/UDP second;branch=z9hG4bK2\r\n"
          "Record-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2;lr>\r\n"
          "From: A <sip:a@a>;tag=1\r\nTo: <sip:bob@b.example>;tag=t\r\nCall-ID: c@d\r\nCSeq: 7 INVITE\r\n"
          "Contact: <sip:x>\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("response: the top Via is stamped") {
    struct Row {
        std::string_view via, stamped;
    };
    for (auto [via, stamped] : {
             Row{"SIP/2.0/UDP 192.0.2.7:5071;branch=1", "SIP/2.0/UDP 192.0.2.7:5071;branch=1\r\n"},
             Row{"SIP/2.0/UDP 192.0.2.7;rport;branch=1", "SIP/2.0/UDP 192.0.2.7;rport=5071;branch=1;received=192.0.2.7\r\n"},
             Row{"SIP/2.0/UDP h;branch=1;rport=1;received=6.6.6.6", "SIP/2.0/UDP h;branch=1;rport=5071;received=192.0.2.7\r\n"},
             Row{"SIP/2.0/UDP h;received=6.6.6.6;branch=1;rport", "SIP/2.0/UDP h;received=192.0.2.7;branch=1;rport=5071\r\n"},
             Row{"SIP/2.0/UDP h;branch=1 , SIP/2.0/UDP i", "SIP/2.0/UDP h;branch=1;received=192.0.2.7 , SIP/2.0/UDP i\r\n"},
         }) {
        INFO(via);
        CHECK(has(answer(invite(via), {.status = 200}), "Via: " + std::string(stamped)));
    }
    CHECK(has(answer(invite("SIP/2.0/UDP h;branch=1"), {.status = 200}, "[2001:db8::1]:5060"), ";received=2001:db8::1\r\n"));
}

TEST_CASE("response: tags, bodies and reasons") {
    const auto request = invite("SIP/2.0/UDP h;branch=1");
    CHECK(has(answer(request, {.status = 100, .to_tag = "t"}), "To: <sip:bob@b.example>\r\n"));
    CHECK(has(answer(request, {.status = 100}), "Timestamp: 5\r\n"));
    CHECK_FALSE(has(answer(request, {.status = 486}), "Timestamp"));
    CHECK_FALSE(has(answer(request, {.status = 486}), "Record-Route"));
    CHECK(has(answer(request, {.status = 200}), "Record-Route"));
    CHECK(answer(request, {.status = 404, .reason = "Nobody"}).starts_with("SIP/2.0 404 Nobody\r\n"));
    CHECK(answer(request, {.status = 200, .content_type = "text/plain", .body = "hi"})
              .ends_with("Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"));
    CHECK(reason_phrase(299) == "OK");
    CHECK(reason_phrase(481) == "Call/Transaction Does Not Exist");
}

TEST_CASE("response: a malformed request gets what can be copied") {
    const auto out = answer("INVITE sip:b SIP/2.0\r\nVia: SIP/2.0/UDP h;;x\r\nTo: \"open <sip:b>\r\nCSeq: 1 INVITE\r\n\r\n",
                            {.status = 400, .to_tag = "t"});
    CHECK(out ==
          "SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP h;;x\r\nTo: \"open <sip:b>;tag=t\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("response: where it goes") {
    struct Row {
        std::string_view via;
        Transport transport;
        std::string_view to;
    };
    for (auto [via, transport, to] : {
             Row{"SIP/2.0/UDP h;branch=1", Transport::udp, "192.0.2.7:5060"},
             Row{"SIP/2.0/UDP h:5099;branch=1", Transport::udp, "192.0.2.7:5099"},
             Row{"SIP/2.0/UDP h:5099;branch=1;rport", Transport::udp, "192.0.2.7:40000"},
             Row{"SIP/2.0/UDP h;branch=1;maddr=192.0.2.99", Transport::udp, "192.0.2.99:5060"},
             Row{"SIP/2.0/UDP h:5099;branch=1;maddr=255.255.255.255", Transport::udp, "192.0.2.7:5099"},
             Row{"SIP/2.0/UDP h:5099;branch=1;maddr=224.0.1.75", Transport::udp, "192.0.2.7:5099"},
             Row{"SIP/2.0/TCP h:5099;branch=1", Transport::tcp, "192.0.2.7:40000"},
         }) {
        INFO(via);
        const auto text = invite(via);
        Message message;
        split(text, message);
        const auto answer_hop = response_hop(message, hop("192.0.2.7:40000", transport));
        CHECK(answer_hop.peer.text() == to);
        CHECK(answer_hop.flow == FlowId{3});
    }
}

TEST_CASE("request, its CANCEL and its ACK") {
    std::string text;
    append_request(text, {.method = Method::invite,
                          .uri = "sip:b@c",
                          .via_sent_by = "192.0.2.1:5060",
                          .transport = Transport::tcp,
                          .branch = "z9hG4bKq",
                          .from = "<sip:a@a>;tag=1",
                          .to = "<sip:b@c>",
                          .call_id = "i",
                          .cseq = 4,
                          .headers = "Route: <sip:r;lr>\r\nContact: <sip:a@192.0.2.1>\r\n",
                          .content_type = "application/sdp",
                          .body = "v=0\r\n"});
    CHECK(text ==
          "INVITE sip:b@c SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKq;rport\r\nMax-Forwards: 70\r\nFrom: "
          "<sip:a@a>;tag=1\r\nTo: <sip:b@c>\r\n"
          "Call-ID: i\r\nCSeq: 4 INVITE\r\nRoute: <sip:r;lr>\r\nContact: <sip:a@192.0.2.1>\r\nContent-Type: "
          "application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n");
    Message request, response;
    REQUIRE(split(text, request) == ParseError::none);
    std::string cancel, ack, refusal;
    append_cancel(cancel, request);
    CHECK(cancel ==
          "CANCEL sip:b@c SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKq;rport\r\nMax-Forwards: 70\r\nRoute: "
          "<sip:r;lr>\r\nFrom: <sip:a@a>;tag=1\r\n"
          "To: <sip:b@c>\r\nCall-ID: i\r\nCSeq: 4 CANCEL\r\nContent-Length: 0\r\n\r\n");
    append_response(refusal, request, hop("192.0.2.1:5060"), {.status = 486, .to_tag = "zz"});
    REQUIRE(split(refusal, response) == ParseError::none);
    append_ack(ack, request, response);
    CHECK(has(ack, "ACK sip:b@c SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKq;rport\r\n"));
    CHECK(has(ack, "To: <sip:b@c>;tag=zz\r\nCall-ID: i\r\nCSeq: 4 ACK\r\n"));
    CHECK(split(ack, response) == ParseError::none);
}
