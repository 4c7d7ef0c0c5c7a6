#include "sip/dialog.hpp"

#include "sip/wire.hpp"

using namespace confab::sip;
using namespace confab::sip::test;

namespace {

const Hop kUdp = hop_of(Transport::udp, "192.0.2.1:5060");
const Hop kTls = hop_of(Transport::tls, "192.0.2.1:40000", 7);

Dialog accepted(const RequestText& request, const Hop& source = kUdp) {
    Parsed parsed(request.text());
    auto dialog = Dialog::accept(parsed.message, source, "us");
    REQUIRE(dialog);
    return *dialog;
}

Dialog established(const std::string& response_headers, const Hop& hop, const char* to_tag = "b1") {
    Parsed request(RequestText{.cseq = "41"}.text());
    Parsed response(answer(request.bytes, 200, to_tag, response_headers));
    auto dialog = Dialog::establish(request.message, response.message, hop);
    REQUIRE(dialog);
    return *dialog;
}

std::string sent(Dialog& dialog, Method method, const char* contact = "sip:us@192.0.2.2", std::optional<std::uint32_t> cseq = {}) {
    std::string out;
    dialog.append_request(out, method, "z9hG4bKx", "192.0.2.2:5060", contact, "X-Extra: 1\r\n", "text/plain", "body", cseq);
    return out;
}

}  // namespace

TEST_CASE("dialog: accepted by a server (§12.1.1)") {
    auto dialog = accepted({.cseq = "7",
                            .headers = "Record-Route: <sip:192.0.2.11;lr>, <sip:192.0.2.12;lr>\r\nRecord-Route: <sip:192.0.2.13;lr>\r\n"
                                       "Contact: \"Al\" <sip:alice@10.0.0.1:5070;x=1>;q=0.5\r\n"});
    CHECK(dialog.id == DialogId{"c1", "us", "a1"});
    CHECK(dialog.local == "<sip:bob@192.0.2.2>;tag=us");
    CHECK(dialog.remote == "<sip:alice@192.0.2.1>;tag=a1");
    CHECK(dialog.remote_target == "sip:alice@10.0.0.1:5070;x=1");
    CHECK(dialog.route_set == std::vector<std::string>{"<sip:192.0.2.11;lr>", "<sip:192.0.2.12;lr>", "<sip:192.0.2.13;lr>"});
    CHECK(dialog.remote_cseq == 7);
    CHECK(dialog.local_cseq == 0);
    CHECK_FALSE(dialog.secure);
    CHECK(dialog.next_hop_uri() == "sip:192.0.2.11;lr");

    const auto bye = sent(dialog, Method::bye);
    Parsed parsed(bye);
    const auto& m = parsed.message;
    CHECK(m.method == Method::bye);
    CHECK(m.uri == "sip:alice@10.0.0.1:5070;x=1");
    CHECK(m.from == "<sip:bob@192.0.2.2>;tag=us");
    CHECK(m.to_tag == "a1");
    CHECK(m.cseq == 1);
    CHECK(m.count(HeaderName::route) == 3);
    CHECK(m.value(HeaderName::route) == "<sip:192.0.2.11;lr>");
    CHECK(m.count(HeaderName::contact) == 0);  // §20: a BYE has none
    CHECK(m.find("X-Extra")->value == "1");
    CHECK(m.via.branch == "z9hG4bKx");
    CHECK(m.via.transport == "UDP");
    CHECK(m.body == "body");
    CHECK(m.value(HeaderName::content_type) == "text/plain");
    CHECK(dialog.local_cseq == 1);
}

TEST_CASE("dialog: established by a client (§12.1.2)") {
    auto dialog = established("Record-Route: <sip:192.0.2.11;lr>, <sip:192.0.2.12;lr>\r\nContact: <sip:bob@192.0.2.2?Subject=x>\r\n", kUdp);
    CHECK(dialog.id == DialogId{"c1", "a1", "b1"});
    CHECK(dialog.local == "<sip:alice@192.0.2.1>;tag=a1");
    CHECK(dialog.remote == "<sip:bob@192.0.2.2>;tag=b1");
    CHECK(dialog.remote_target == "sip:bob@192.0.2.2");
    CHECK(dialog.route_set == std::vector<std::string>{"<sip:192.0.2.12;lr>", "<sip:192.0.2.11;lr>"});
    CHECK(dialog.local_cseq == 41);
    CHECK(dialog.remote_cseq == 0);
    const auto ack = sent(dialog, Method::ack, "sip:us@192.0.2.2", 41);
    CHECK(Parsed(ack).message.cseq == 41);
    CHECK(Parsed(ack).message.count(HeaderName::contact) == 0);
    CHECK(dialog.local_cseq == 41);
    const auto again = sent(dialog, Method::invite);
    CHECK(Parsed(again).message.cseq == 42);
    CHECK(Parsed(again).message.value(HeaderName::contact) == "<sip:us@192.0.2.2>");
    const auto focus = sent(dialog, Method::update, "<sip:us@192.0.2.2>;isfocus");
    CHECK(Parsed(focus).message.value(HeaderName::contact) == "<sip:us@192.0.2.2>;isfocus");
    CHECK(Parsed(focus).message.cseq == 43);
}

TEST_CASE("dialog: a strict router is addressed, and the target comes last (§12.2.1.1)") {
    auto dialog = accepted({.headers = "Record-Route: \"P\" <sip:192.0.2.11;transport=tcp?Subject=x>;y=1, <sip:192.0.2.12;lr>\r\n"
                                       "Contact: <sip:alice@10.0.0.1>\r\n"});
    CHECK(dialog.hop.peer.text() == "192.0.2.11:5060");
    const auto bye = sent(dialog, Method::bye);
    Parsed parsed(bye);
    CHECK(parsed.message.uri == "sip:192.0.2.11;transport=tcp");
    CHECK(bye.find("Route: <sip:192.0.2.12;lr>\r\nRoute: <sip:alice@10.0.0.1>\r\n") != bye.npos);
    CHECK(parsed.message.count(HeaderName::route) == 2);

    auto later = accepted({.headers = "Record-Route: <sip:192.0.2.11;LR=on>, <sip:192.0.2.12>\r\nContact: <sip:alice@10.0.0.1>\r\n"});
    const auto loose = sent(later, Method::bye);
    CHECK(Parsed(loose).message.uri == "sip:alice@10.0.0.1");
    CHECK(loose.find("Route: <sip:192.0.2.11;LR=on>\r\nRoute: <sip:192.0.2.12>\r\n") != loose.npos);
}

TEST_CASE("dialog: without one usable Contact there is none") {
    for (const char* headers : {"", "Contact: *\r\n", "Contact: <sip:a@x>, <sip:b@x>\r\n", "Contact: <sip:a@x>\r\nContact: <sip:b@x>\r\n",
                                "Contact: <mailto:a@x>\r\n", "Contact: <tel:+123>\r\n"}) {
        INFO(headers);
        Parsed request(RequestText{.headers = headers}.text());
        CHECK_FALSE(Dialog::accept(request.message, kUdp, "us"));
        Parsed response(answer(request.bytes, 200, "b1", headers));
        CHECK_FALSE(Dialog::establish(request.message, response.message, kUdp));
    }
}

TEST_CASE("dialog: where requests of a server go") {
    struct Case {
        const char* what;
        const char* headers;
        Hop source;
        Transport transport;
        const char* peer;
        std::uint64_t flow;
    };
    const Case cases[] = {
        {"the Contact", "Contact: <sip:a@192.0.2.9:5070>\r\n", kUdp, Transport::udp, "192.0.2.9:5070", 0},
        {"the default port", "Contact: <sip:a@192.0.2.9>\r\n", kUdp, Transport::udp, "192.0.2.9:5060", 0},
        {"IPv6", "Contact: <sip:a@[2001:db8::1]>\r\n", kUdp, Transport::udp, "[2001:db8::1]:5060", 0},
        {"the first route", "Contact: <sip:a@192.0.2.9>\r\nRecord-Route: <sip:192.0.2.8;lr>\r\n", kUdp, Transport::udp, "192.0.2.8:5060", 0},
        {"its transport", "Contact: <sip:a@192.0.2.9>\r\nRecord-Route: <sip:192.0.2.8;transport=tcp;lr>\r\n", kUdp, Transport::tcp, "192.0.2.8:5060", 0},
        {"a name stays with the source", "Contact: <sip:a@phone.example>\r\n", kUdp, Transport::udp, "192.0.2.1:5060", 0},
        {"an unknown transport too", "Contact: <sip:a@192.0.2.9;transport=sctp>\r\n", kUdp, Transport::udp, "192.0.2.1:5060", 0},
        {"a stream is kept", "Contact: <sip:a@192.0.2.9>\r\nRecord-Route: <sip:192.0.2.8;lr>\r\n", kTls, Transport::tls, "192.0.2.1:40000", 7},
    };
    for (const auto& row : cases) {
        INFO(row.what);
        const auto dialog = accepted({.headers = row.headers}, row.source);
        CHECK(dialog.hop.transport == row.transport);
        CHECK(dialog.hop.peer.text() == row.peer);
        CHECK(dialog.hop.flow.value == row.flow);
    }
}

TEST_CASE("dialog: where requests of a client go") {
    const auto edge = hop_of(Transport::tls, "192.0.2.8:5061", 5);
    const auto contact = std::string("Contact: <sip:b@10.0.0.1>\r\n");
    CHECK(established(contact + "Record-Route: <sip:192.0.2.8;transport=tls;lr>\r\n", edge).hop == edge);
    CHECK(established(contact + "Record-Route: <sip:edge.example;transport=tls;lr>\r\n", edge).hop == edge);
    const auto moved = established(contact + "Record-Route: <sip:192.0.2.7;transport=tls;lr>\r\n", edge).hop;
    CHECK(moved.peer.text() == "192.0.2.7:5061");
    CHECK(moved.flow == FlowId{});
    const auto direct = established(contact, kUdp).hop;
    CHECK(direct.peer.text() == "10.0.0.1:5060");
    CHECK(direct.listener == kUdp.listener);
}

TEST_CASE("dialog: it is secure with sips over TLS only (§12.1.1)") {
    CHECK(accepted({.uri = "sips:bob@192.0.2.2", .headers = "Contact: <sips:a@192.0.2.1>\r\n"}, kTls).secure);
    CHECK_FALSE(accepted({.uri = "sips:bob@192.0.2.2", .headers = "Contact: <sips:a@192.0.2.1>\r\n"}, kUdp).secure);
    CHECK_FALSE(accepted({}, kTls).secure);
}

TEST_CASE("dialog: requests inside it come in order (§12.2.2)") {
    struct Case {
        const char* method;
        const char* cseq;
        bool accepted;
        std::uint32_t after;
        const char* target;
    };
    const Case cases[] = {
        {"INVITE", "11", true, 11, "sip:alice@192.0.2.5"}, {"BYE", "10", false, 11, "sip:alice@192.0.2.5"},
        {"ACK", "10", true, 11, "sip:alice@192.0.2.5"},    {"CANCEL", "10", true, 11, "sip:alice@192.0.2.5"},
        {"INFO", "20", true, 20, "sip:alice@192.0.2.5"},   {"UPDATE", "19", false, 20, "sip:alice@192.0.2.5"},
        {"UPDATE", "20", true, 20, "sip:alice@192.0.2.6"},
    };
    auto dialog = accepted({.cseq = "10"});
    int last = 5;
    for (const auto& row : cases) {
        INFO(row.method << " " << row.cseq);
        if (row.target != std::string("sip:alice@192.0.2.5")) last = 6;
        Parsed request(RequestText{.method = row.method, .to = "<sip:bob@192.0.2.2>;tag=us", .cseq = row.cseq,
                                   .headers = "Contact: <sip:alice@192.0.2." + std::to_string(last) + ">\r\n"}.text());
        CHECK(dialog.receive(request.message) == row.accepted);
        CHECK(dialog.remote_cseq == row.after);
        CHECK(dialog.remote_target == row.target);
    }
    CHECK(dialog.hop.peer.text() == "192.0.2.6:5060");
}

TEST_CASE("dialog: a new target moves the hop only where no route and no stream holds it") {
    Parsed moved(RequestText{.cseq = "2", .headers = "Contact: <sip:alice@192.0.2.99>\r\n"}.text());
    auto routed = accepted({.headers = "Contact: <sip:a@192.0.2.1>\r\nRecord-Route: <sip:192.0.2.8;lr>\r\n"});
    routed.refresh_target(moved.message);
    CHECK(routed.remote_target == "sip:alice@192.0.2.99");
    CHECK(routed.hop.peer.text() == "192.0.2.8:5060");
    auto streamed = accepted({}, kTls);
    streamed.refresh_target(moved.message);
    CHECK(streamed.hop == kTls);
    Parsed bare(RequestText{.cseq = "2", .headers = ""}.text());
    streamed.refresh_target(bare.message);
    CHECK(streamed.remote_target == "sip:alice@192.0.2.99");
}

TEST_CASE("dialog: when its flow is gone requests go where the Contact leads") {
    auto dialog = accepted({.headers = "Contact: <sip:alice@192.0.2.99:5070;transport=tcp>\r\n"}, kTls);
    CHECK_FALSE(dialog.flow_failed(hop_of(Transport::tls, "192.0.2.1:40000", 8)));
    CHECK(dialog.hop.flow == kTls.flow);
    CHECK(dialog.flow_failed(kTls));
    CHECK(dialog.hop.flow == FlowId{});
    CHECK(dialog.hop.peer.text() == "192.0.2.99:5070");
    CHECK(dialog.hop.transport == Transport::tcp);
    CHECK(dialog.hop.listener == kAnyListener);

    auto named = accepted({.headers = "Contact: <sip:alice@phone.example.org>\r\n"}, kTls);
    CHECK(named.flow_failed(kTls));
    CHECK(named.hop.peer == kTls.peer);
    CHECK(named.hop.flow == FlowId{});
}
