// Server transactions through the layer, and its bounds.
#include "sip/transactions.hpp"

#include <set>

#include "sip/transactions_fixture.hpp"

using namespace confab::sip;
using namespace confab::sip::test;

namespace {

std::string ack_of(RequestText request, const std::string& to_tag) {
    request.method = "ACK";
    request.to += ";tag=" + to_tag;
    return request.text();
}

std::string tag_sent(const Layer& layer) { return std::string(Parsed(texts(layer.out).back()).message.to_tag); }

}  // namespace

TEST_CASE("server: an INVITE nobody answers gets 100 Trying after 200 ms, a repetition before that gets it at once") {
    Layer layer;
    const auto text = RequestText{}.text();
    const auto event = layer.receive(text, kUdp);
    CHECK(event.kind == Event::Kind::request);
    CHECK(*layer.transactions.source_of(event.server) == kUdp);

    SECTION("after 200 ms") {
        layer.advance(milliseconds(500));
        CHECK(layer.sent == decltype(layer.sent){{milliseconds(200), "100"}});
        CHECK(layer.receive(text, kUdp).kind == Event::Kind::none);
        CHECK(layer.take_kinds() == Kinds{"100"});
    }
    SECTION("at once, and then not again") {
        CHECK(layer.receive(text, kUdp).kind == Event::Kind::none);
        CHECK(layer.take_kinds() == Kinds{"100"});
        layer.advance(seconds(1));
        CHECK(layer.sent.empty());
    }
    SECTION("not when the user has answered") {
        layer.respond(event.server, text, 180, kUdp);
        layer.advance(seconds(1));
        CHECK(layer.sent.empty());
        CHECK(layer.receive(text, kUdp).kind == Event::Kind::none);
        CHECK(layer.take_kinds() == Kinds{"180", "180"});
    }
    CHECK(layer.transactions.live_servers() == 1);
}

TEST_CASE("server: a refusal is repeated at Timer G until the ACK, which is absorbed") {
    Layer layer;
    const RequestText request;
    const auto event = layer.receive(request.text(), kUdp);
    layer.respond(event.server, request.text(), 486, kUdp);
    CHECK(layer.take_kinds() == Kinds{"486"});
    layer.advance(seconds(12));
    CHECK(times(layer, "486") == Times{500, 1500, 3500, 7500, 11500});
    CHECK(layer.receive(request.text(), kUdp).kind == Event::Kind::none);
    CHECK(layer.take_kinds() == Kinds{"486"});
    layer.sent.clear();
    CHECK(layer.receive(ack_of(request, "us"), kUdp).kind == Event::Kind::none);
    CHECK(layer.receive(ack_of(request, "us"), kUdp).kind == Event::Kind::none);
    CHECK(layer.receive(request.text(), kUdp).kind == Event::Kind::none);
    layer.advance(milliseconds(4900));
    CHECK(layer.transactions.live_servers() == 1);
    layer.advance(milliseconds(200));
    CHECK(layer.transactions.live_servers() == 0);
    CHECK(layer.sent.empty());
    CHECK(layer.out.empty());
    CHECK(layer.events.empty());
}

TEST_CASE("server: a refusal without an ACK is over at Timer H") {
    for (const auto& hop : {kUdp, kTcp}) {
        Layer layer;
        const RequestText request;
        const auto event = layer.receive(request.text(), hop);
        layer.respond(event.server, request.text(), 404, hop);
        layer.advance(seconds(33));
        REQUIRE(layer.events.size() == 1);
        CHECK(layer.events[0].kind == Event::Kind::no_ack);
        CHECK(layer.events[0].server == event.server);
        CHECK(layer.sent.empty() == is_stream(hop.transport));
        CHECK(layer.transactions.live_servers() == 0);
    }
}

TEST_CASE("server: after a 2xx repetitions of the INVITE are absorbed, the user's own 2xx pass, and Timer L ends it") {
    Layer layer;
    RequestText request;
    const auto event = layer.receive(request.text(), kUdp);
    layer.respond(event.server, request.text(), 200, kUdp);
    layer.respond(event.server, request.text(), 200, kUdp);
    CHECK(layer.take_kinds() == Kinds{"200", "200"});
    layer.respond(event.server, request.text(), 486, kUdp);
    layer.respond(event.server, request.text(), 180, kUdp);
    CHECK(layer.receive(request.text(), kUdp).kind == Event::Kind::none);
    CHECK(layer.out.empty());
    const auto same_branch = layer.receive(ack_of(request, "us"), kUdp);
    CHECK(same_branch.kind == Event::Kind::ack);
    CHECK(same_branch.server == event.server);
    request.branch = "z9hG4bKanother";
    const auto own_branch = layer.receive(ack_of(request, "us"), kUdp);
    CHECK(own_branch.kind == Event::Kind::ack);
    CHECK(own_branch.server == ServerId{});
    layer.advance(seconds(33));
    REQUIRE(layer.events.size() == 1);
    CHECK(layer.events[0].kind == Event::Kind::gone);
    CHECK(layer.events[0].server == event.server);
    CHECK(layer.sent.empty());
    CHECK(layer.transactions.live_servers() == 0);
}

TEST_CASE("server: a non-INVITE is silent until answered, then repeats its answer until Timer J") {
    Layer layer;
    const auto text = RequestText{.method = "OPTIONS"}.text();
    const auto event = layer.receive(text, kUdp);
    layer.advance(seconds(1));
    CHECK(layer.receive(text, kUdp).kind == Event::Kind::none);
    CHECK(layer.out.empty());
    layer.respond(event.server, text, 200, kUdp);
    CHECK(layer.receive(text, kUdp).kind == Event::Kind::none);
    layer.respond(event.server, text, 404, kUdp);
    CHECK(layer.take_kinds() == Kinds{"200", "200"});
    layer.advance(seconds(31));
    CHECK(layer.transactions.live_servers() == 1);
    layer.advance(seconds(2));
    CHECK(layer.transactions.live_servers() == 0);
    CHECK(layer.sent.empty());
    CHECK(layer.events.empty());
    layer.respond(event.server, text, 200, kUdp);
    CHECK(layer.out.empty());
    CHECK(layer.transactions.source_of(event.server) == nullptr);
}

TEST_CASE("server: on a stream an answered non-INVITE and an acknowledged refusal are over at once") {
    Layer layer;
    const auto text = RequestText{.method = "BYE", .transport = "TCP"}.text();
    layer.respond(layer.receive(text, kTcp).server, text, 200, kTcp);
    CHECK(layer.transactions.live_servers() == 0);
    const RequestText request{.transport = "TCP"};
    layer.respond(layer.receive(request.text(), kTcp).server, request.text(), 486, kTcp);
    CHECK(layer.transactions.live_servers() == 1);
    CHECK(layer.receive(ack_of(request, "us"), kTcp).kind == Event::Kind::none);
    CHECK(layer.transactions.live_servers() == 0);
    CHECK_FALSE(layer.transactions.next_deadline());
}

TEST_CASE("server: which requests are one transaction") {
    struct Case {
        const char* what;
        RequestText first, second;
        bool same;
    };
    const Case cases[] = {
        {"the same", {}, {}, true},
        {"another branch", {}, {.branch = "z9hG4bK2"}, false},
        {"another sent-by host", {}, {.sent_by = "192.0.2.3:5060"}, false},
        {"another sent-by port", {}, {.sent_by = "192.0.2.1:5070"}, false},
        {"a sent-by in other case", {.sent_by = "Host.example"}, {.sent_by = "hOST.example"}, true},
        {"another method", {.method = "OPTIONS"}, {.method = "INFO"}, false},
        {"unknown methods", {.method = "PING"}, {.method = "PONG"}, false},
        {"the same unknown method", {.method = "PING"}, {.method = "PING"}, true},
        {"magic branch, other Call-ID", {}, {.call_id = "c2"}, true},
        {"no branch, the same", {.branch = ""}, {.branch = ""}, true},
        {"old branch, the same", {.branch = "1"}, {.branch = "1"}, true},
        {"no branch, other Call-ID", {.branch = ""}, {.branch = "", .call_id = "c2"}, false},
        {"no branch, other CSeq", {.branch = ""}, {.branch = "", .cseq = "2"}, false},
        {"no branch, other URI", {.branch = ""}, {.branch = "", .uri = "sip:carol@192.0.2.2"}, false},
        {"no branch, other From tag", {.branch = ""}, {.branch = "", .from = "<sip:alice@192.0.2.1>;tag=a2"}, false},
        {"no branch, other Via", {.branch = ""}, {.branch = "", .sent_by = "192.0.2.3"}, false},
    };
    for (const auto& row : cases) {
        INFO(row.what);
        Layer layer;
        CHECK(layer.receive(row.first.text(), kUdp).kind == Event::Kind::request);
        CHECK((layer.receive(row.second.text(), kUdp).kind == Event::Kind::none) == row.same);
    }
}

TEST_CASE("server: the ACK of an RFC 2543 peer finds its INVITE, whatever its To tag") {
    Layer layer;
    const RequestText request{.branch = ""};
    layer.respond(layer.receive(request.text(), kUdp).server, request.text(), 486, kUdp);
    CHECK(layer.receive(ack_of(request, "us"), kUdp).kind == Event::Kind::none);
    layer.advance(seconds(6));
    CHECK(layer.transactions.live_servers() == 0);
    CHECK(layer.sent.empty());
}

TEST_CASE("server: CANCEL of a pending INVITE is answered here and told once") {
    Layer layer;
    RequestText request;
    const auto event = layer.receive(request.text(), kUdp);
    layer.respond(event.server, request.text(), 180, kUdp);
    layer.out.clear();
    request.method = "CANCEL";
    const auto cancel = layer.receive(request.text(), kUdp);
    CHECK(cancel.kind == Event::Kind::cancel);
    CHECK(cancel.server == event.server);
    REQUIRE(kinds(layer.out) == Kinds{"200"});
    CHECK(tag_sent(layer) == "us");
    CHECK(Parsed(texts(layer.out)[0]).message.cseq_method == Method::cancel);
    CHECK(layer.receive(request.text(), kUdp).kind == Event::Kind::none);
    CHECK(layer.take_kinds() == Kinds{"200", "200"});
    request.method = "INVITE";
    layer.respond(event.server, request.text(), 487, kUdp);
    CHECK(layer.take_kinds() == Kinds{"487"});
    CHECK(layer.receive(ack_of(request, "us"), kUdp).kind == Event::Kind::none);
    layer.advance(seconds(40));
    CHECK(layer.transactions.live_servers() == 0);
}

TEST_CASE("server: what a CANCEL finds") {
    struct Case {
        const char* what;
        RequestText request;
        int answered;  // 0: not yet
        bool with_request;
        const char* reply;
        Event::Kind event;
    };
    const Case cases[] = {
        {"an INVITE before any answer", {}, 0, true, "200", Event::Kind::cancel},
        {"an RFC 2543 INVITE", {.branch = ""}, 0, true, "200", Event::Kind::cancel},
        {"an INVITE that was refused", {}, 486, true, "200", Event::Kind::none},
        {"an INVITE that was accepted", {}, 200, true, "200", Event::Kind::none},
        {"a request that cannot be cancelled", {.method = "OPTIONS"}, 0, true, "200", Event::Kind::none},
        {"nothing", {}, 0, false, "481", Event::Kind::none},
    };
    for (const auto& row : cases) {
        INFO(row.what);
        Layer layer;
        if (row.with_request) {
            const auto event = layer.receive(row.request.text(), kUdp);
            if (row.answered != 0) layer.respond(event.server, row.request.text(), row.answered, kUdp);
        }
        layer.out.clear();
        auto cancel = row.request;
        cancel.method = "CANCEL";
        CHECK(layer.receive(cancel.text(), kUdp).kind == row.event);
        REQUIRE(kinds(layer.out) == Kinds{row.reply});
        CHECK_FALSE(tag_sent(layer).empty());
        if (row.answered != 0) CHECK(tag_sent(layer) == "us");
    }
}

TEST_CASE("server: above the limit a request gets 503 without a transaction, and its ACK is absorbed") {
    Layer layer({}, 2);
    layer.receive(RequestText{.branch = "z9hG4bK1"}.text(), kUdp);
    layer.request(RequestText{.method = "OPTIONS", .branch = layer.branch()}.text(), kUdp);
    layer.out.clear();
    const RequestText late{.branch = "z9hG4bK2"};
    CHECK(layer.receive(late.text(), kUdp).kind == Event::Kind::none);
    REQUIRE(kinds(layer.out) == Kinds{"503"});
    CHECK(Parsed(texts(layer.out)[0]).message.value(HeaderName::retry_after) == "5");
    const auto tag = tag_sent(layer);
    CHECK(layer.receive(late.text(), kUdp).kind == Event::Kind::none);
    CHECK(tag_sent(layer) == tag);
    CHECK(layer.receive(ack_of(late, tag), kUdp).kind == Event::Kind::none);
    CHECK(layer.receive(ack_of(late, "another"), kUdp).kind == Event::Kind::ack);
    CHECK(layer.transactions.live_servers() == 1);
    layer.out.clear();
    CHECK(layer.receive(RequestText{.method = "CANCEL", .branch = "z9hG4bK1"}.text(), kUdp).kind == Event::Kind::cancel);
    CHECK(layer.take_kinds() == Kinds{"200"});
    CHECK(layer.transactions.live_servers() == 1);
}

TEST_CASE("server: an answer that is forgotten is given again, and the ACK for it is absorbed") {
    Layer layer;
    const RequestText request;
    std::set<std::string> tags;
    for (int i = 0; i < 2; ++i) {
        Parsed parsed(request.text());
        const auto event = layer.transactions.receive(layer.now(), kUdp, parsed.message, layer.out);
        REQUIRE(event.kind == Event::Kind::request);
        std::string tag, response;
        layer.transactions.append_stateless_tag(tag, parsed.message);
        append_response(response, parsed.message, kUdp, {.status = 407, .to_tag = tag});
        layer.transactions.respond_and_forget(event.server, response, layer.out);
        layer.transactions.respond_and_forget(event.server, response, layer.out);  // over: nothing is sent twice
        tags.insert(tag_sent(layer));
        CHECK(layer.take_kinds() == Kinds{"407"});
        CHECK(layer.transactions.live_servers() == 0);
        CHECK_FALSE(layer.transactions.next_deadline());
    }
    REQUIRE(tags.size() == 1);
    CHECK(layer.receive(ack_of(request, *tags.begin()), kUdp).kind == Event::Kind::none);
    CHECK(layer.receive(ack_of(request, "another"), kUdp).kind == Event::Kind::ack);
}

TEST_CASE("server: a request repeated on a new connection has its answer there, but only from the same address") {
    Layer layer;
    const RequestText request{.method = "OPTIONS", .transport = "TCP"};
    const auto event = layer.receive(request.text(), kTcp);
    auto elsewhere = hop_of(Transport::tcp, "192.0.2.66:5060", 11), again = hop_of(Transport::tcp, "192.0.2.1:40000", 12);
    CHECK(layer.receive(request.text(), elsewhere).kind == Event::Kind::none);
    CHECK(layer.transactions.source_of(event.server)->flow == kTcp.flow);
    CHECK(layer.receive(request.text(), again).kind == Event::Kind::none);
    CHECK(*layer.transactions.source_of(event.server) == again);
    layer.respond(event.server, request.text(), 200, again);
    REQUIRE(layer.out.entries().size() == 1);
    CHECK(layer.out.entries().front().to == again);
}

TEST_CASE("server: 100 Trying and the tag of a late CANCEL come from what a transaction keeps") {
    Layer layer;
    RequestText request;
    request.to = "\"the; tag=none\" <sip:bob@example.org>";
    const auto event = layer.receive(request.text(), kUdp);
    layer.advance(milliseconds(200));
    REQUIRE(layer.sent.size() == 1);
    layer.respond(event.server, request.text(), 200, kUdp);
    layer.take_kinds();
    auto cancel = request;
    cancel.method = "CANCEL";
    CHECK(layer.receive(cancel.text(), kUdp).kind == Event::Kind::none);
    CHECK(tag_sent(layer) == "us");
}

TEST_CASE("server: answers go where the Via says") {
    Layer layer;
    auto text = RequestText{.sent_by = "10.0.0.1:5060;rport"}.text();
    const auto natted = hop_of(Transport::udp, "192.0.2.1:40000");
    layer.respond(layer.receive(text, natted).server, text, 404, natted);
    CHECK(layer.out.entries().back().to.peer.text() == "192.0.2.1:40000");
    text = RequestText{.branch = "z9hG4bK2", .sent_by = "192.0.2.1:5062"}.text();
    layer.respond(layer.receive(text, natted).server, text, 404, natted);
    CHECK(layer.out.entries().back().to.peer.text() == "192.0.2.1:5062");
}

TEST_CASE("branches carry the magic cookie and do not repeat") {
    Layer layer;
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const auto branch = layer.branch();
        CHECK(branch.starts_with("z9hG4bK"));
        seen.insert(branch);
    }
    CHECK(seen.size() == 1000);
}

TEST_CASE("thousands of transactions come and go and leave nothing") {
    Layer layer({}, 100'000);
    for (int i = 0; i < 5000; ++i) {
        const auto text = RequestText{.method = i % 2 ? "OPTIONS" : "INVITE", .branch = "z9hG4bK" + std::to_string(i)}.text();
        const auto event = layer.receive(text, kUdp);
        REQUIRE(event.kind == Event::Kind::request);
        layer.respond(event.server, text, 200, kUdp);
        const auto sent = RequestText{.method = i % 2 ? "INVITE" : "OPTIONS", .branch = layer.branch()}.text();
        layer.request(sent, kUdp);
        CHECK(layer.receive(answer(sent, 200), kUdp).kind == Event::Kind::response);
        layer.out.clear();
        layer.advance(milliseconds(10));
    }
    layer.advance(seconds(33));
    CHECK(layer.transactions.live_servers() == 0);
    CHECK(layer.transactions.live_clients() == 0);
    CHECK_FALSE(layer.transactions.next_deadline());
}
