// Client transactions through the layer: what goes on the wire when, and what the user is told.
#include "sip/transactions_fixture.hpp"

using namespace confab::sip;
using namespace confab::sip::test;

namespace {

std::string invite(Layer& layer) { return RequestText{.branch = layer.branch()}.text(); }
std::string options(Layer& layer) { return RequestText{.method = "OPTIONS", .branch = layer.branch()}.text(); }

}  // namespace

TEST_CASE("client: an unanswered INVITE is repeated at Timer A and given up at Timer B") {
    Layer layer;
    const auto id = layer.request(invite(layer), kUdp);
    CHECK(layer.take_kinds() == Kinds{"INVITE"});
    layer.advance(seconds(40));
    CHECK(times(layer, "INVITE") == Times{500, 1500, 3500, 7500, 15500, 31500});
    REQUIRE(layer.events.size() == 1);
    CHECK(layer.events[0].kind == Event::Kind::timeout);
    CHECK(layer.events[0].client == id);
    CHECK(layer.events[0].user == 42);
    CHECK(layer.transactions.live_clients() == 0);
    CHECK_FALSE(layer.transactions.next_deadline());
}

TEST_CASE("client: an unanswered OPTIONS is repeated at Timer E up to T2 and given up at Timer F") {
    Layer layer;
    layer.request(options(layer), kUdp);
    layer.advance(seconds(40));
    CHECK(times(layer, "OPTIONS") == Times{500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500});
    REQUIRE(layer.events.size() == 1);
    CHECK(layer.events[0].kind == Event::Kind::timeout);
    CHECK(layer.transactions.live_clients() == 0);
}

TEST_CASE("client: a provisional slows the repetition of a non-INVITE to T2 and stops that of an INVITE") {
    Layer layer;
    const auto asked = options(layer), called = invite(layer);
    layer.request(asked, kUdp);
    layer.request(called, kUdp);
    CHECK(layer.receive(answer(asked, 100), kUdp).kind == Event::Kind::response);
    CHECK(layer.receive(answer(called, 180), kUdp).kind == Event::Kind::response);
    layer.advance(seconds(31));
    CHECK(times(layer, "OPTIONS") == Times{500, 4500, 8500, 12500, 16500, 20500, 24500, 28500});
    CHECK(times(layer, "INVITE").empty());
    layer.advance(std::chrono::hours(1));
    REQUIRE(layer.events.size() == 1);
    CHECK(layer.transactions.live_clients() == 1);  // ringing is not limited here
}

TEST_CASE("client: on a stream nothing is repeated, but patience is the same") {
    Layer layer;
    layer.request(invite(layer), kTcp);
    layer.request(options(layer), kTcp);
    layer.advance(seconds(40));
    CHECK(layer.sent.empty());
    REQUIRE(layer.events.size() == 2);
    CHECK(layer.events[0].kind == Event::Kind::timeout);
    CHECK(layer.events[1].kind == Event::Kind::timeout);
}

TEST_CASE("client: a refused INVITE is acknowledged, each repetition again, and told once") {
    Layer layer;
    const auto text = RequestText{.branch = layer.branch(), .headers = "Route: <sip:192.0.2.9;lr>\r\nContact: <sip:a@192.0.2.1>\r\n"}.text();
    const auto id = layer.request(text, kUdp);
    layer.out.clear();
    const auto event = layer.receive(answer(text, 486), kUdp);
    CHECK(event.kind == Event::Kind::response);
    CHECK(event.client == id);
    CHECK(event.user == 42);
    CHECK(layer.receive(answer(text, 486), kUdp).kind == Event::Kind::none);
    REQUIRE(kinds(layer.out) == Kinds{"ACK", "ACK"});
    const auto acks = texts(layer.out);
    CHECK(acks[0] == acks[1]);
    Parsed ack(acks[0]), request(text);
    CHECK(ack.message.via.value == request.message.via.value);
    CHECK(ack.message.to_tag == "b1");
    CHECK(ack.message.cseq == 1);
    CHECK(ack.message.value(HeaderName::route) == "<sip:192.0.2.9;lr>");
    layer.advance(seconds(31));
    CHECK(layer.transactions.live_clients() == 1);
    layer.advance(seconds(2));
    CHECK(layer.transactions.live_clients() == 0);
    CHECK(layer.events.empty());
}

TEST_CASE("client: on a stream a final answer ends the transaction at once, except for a 2xx to INVITE") {
    struct Case {
        const char* method;
        int status;
        std::size_t live;
    };
    const Case cases[] = {{"INVITE", 404, 0}, {"INVITE", 200, 1}, {"OPTIONS", 200, 0}, {"OPTIONS", 404, 0}};
    for (const auto& row : cases) {
        INFO(row.method << " " << row.status);
        Layer layer;
        const auto text = RequestText{.method = row.method, .branch = layer.branch(), .transport = "TCP"}.text();
        layer.request(text, kTcp);
        CHECK(layer.receive(answer(text, row.status), kTcp).kind == Event::Kind::response);
        CHECK(layer.transactions.live_clients() == row.live);
        layer.advance(seconds(33));
        CHECK(layer.transactions.live_clients() == 0);
        CHECK(layer.events.empty());
    }
}

TEST_CASE("client: every 2xx to an INVITE goes up, forked and repeated, until Timer M; then it is stray") {
    Layer layer;
    const auto text = invite(layer);
    const auto id = layer.request(text, kUdp);
    layer.out.clear();
    for (const char* tag : {"b1", "b2", "b1"}) {
        const auto event = layer.receive(answer(text, 200, tag), kUdp);
        CHECK(event.kind == Event::Kind::response);
        CHECK(event.client == id);
    }
    CHECK(layer.receive(answer(text, 180, "b3"), kUdp).kind == Event::Kind::none);
    CHECK(layer.receive(answer(text, 486, "b3"), kUdp).kind == Event::Kind::none);
    CHECK(layer.out.empty());
    layer.advance(seconds(31));
    CHECK(layer.receive(answer(text, 200), kUdp).kind == Event::Kind::response);
    layer.advance(seconds(2));
    CHECK(layer.receive(answer(text, 200), kUdp).kind == Event::Kind::stray);
    CHECK(layer.transactions.live_clients() == 0);
}

TEST_CASE("client: a repeated final answer to a non-INVITE is absorbed until Timer K") {
    Layer layer;
    const auto text = options(layer);
    layer.request(text, kUdp);
    CHECK(layer.receive(answer(text, 200), kUdp).kind == Event::Kind::response);
    CHECK(layer.receive(answer(text, 200), kUdp).kind == Event::Kind::none);
    layer.advance(milliseconds(5001));
    CHECK(layer.receive(answer(text, 200), kUdp).kind == Event::Kind::stray);
    CHECK(layer.transactions.live_clients() == 0);
}

TEST_CASE("client: a response finds its transaction by branch and method only") {
    Layer layer;
    const auto text = invite(layer);
    layer.request(text, kUdp);
    for (const char* method : {"1 CANCEL", "1 ACK"}) {
        auto other_method = answer(text, 200);
        other_method.replace(other_method.find("1 INVITE"), 8, method);
        CHECK(layer.receive(other_method, kUdp).kind == Event::Kind::stray);
    }
    auto other_branch = text;
    other_branch.replace(other_branch.find("z9hG4bK") + 7, 1, "!");
    CHECK(layer.receive(answer(other_branch, 200), kUdp).kind == Event::Kind::stray);
    CHECK(layer.receive(answer(text, 200), kTcp).kind == Event::Kind::response);
}

TEST_CASE("client: a suffix after the branch is part of it") {
    Layer layer;
    const auto text = RequestText{.branch = layer.branch() + ".mark"}.text();
    layer.request(text, kUdp);
    CHECK(layer.receive(answer(text, 180), kUdp).kind == Event::Kind::response);
}

TEST_CASE("client: CANCEL waits for the first provisional") {
    Layer layer;
    const auto text = invite(layer);
    const auto id = layer.request(text, kUdp);
    layer.out.clear();
    layer.transactions.cancel(layer.now(), id, layer.out);
    CHECK(layer.out.empty());
    layer.time += milliseconds(100);
    const auto event = layer.receive(answer(text, 180), kUdp);
    CHECK(event.kind == Event::Kind::response);
    REQUIRE(kinds(layer.out) == Kinds{"CANCEL"});
    const auto cancel_text = texts(layer.out)[0];
    Parsed cancel(cancel_text), request(text);
    CHECK(cancel.message.via.value == request.message.via.value);
    CHECK(cancel.message.cseq == request.message.cseq);
    CHECK(cancel.message.to_tag.empty());
    layer.out.clear();

    SECTION("again it has no effect, its answer is absorbed, and 487 ends the INVITE") {
        layer.transactions.cancel(layer.now(), id, layer.out);
        CHECK(layer.receive(answer(text, 180), kUdp).kind == Event::Kind::response);
        CHECK(layer.out.empty());
        CHECK(layer.receive(answer(cancel_text, 200), kUdp).kind == Event::Kind::none);
        CHECK(layer.receive(answer(text, 487), kUdp).kind == Event::Kind::response);
        CHECK(layer.take_kinds() == Kinds{"ACK"});
        layer.advance(seconds(40));
        CHECK(layer.events.empty());
        CHECK(layer.transactions.live_clients() == 0);
    }
    SECTION("64*T1 after it without a final answer is a timeout; the CANCEL's own is not told") {
        layer.advance(seconds(40));
        REQUIRE(layer.events.size() == 1);
        CHECK(layer.events[0].kind == Event::Kind::timeout);
        CHECK(layer.events[0].client == id);
        CHECK(times(layer, "CANCEL").front() == 600);
        CHECK(layer.transactions.live_clients() == 0);
    }
    SECTION("a 200 that crosses it goes up") {
        CHECK(layer.receive(answer(text, 200), kUdp).kind == Event::Kind::response);
        layer.advance(seconds(40));
        CHECK(layer.events.empty());
        CHECK(layer.transactions.live_clients() == 0);
    }
}

TEST_CASE("client: CANCEL goes at once after a provisional and never after a final answer") {
    Layer layer;
    const auto ringing = invite(layer), answered = invite(layer), asked = options(layer);
    const auto first = layer.request(ringing, kUdp), second = layer.request(answered, kUdp), third = layer.request(asked, kUdp);
    layer.receive(answer(ringing, 180), kUdp);
    layer.receive(answer(answered, 200), kUdp);
    layer.out.clear();
    layer.transactions.cancel(layer.now(), second, layer.out);
    layer.transactions.cancel(layer.now(), third, layer.out);
    CHECK(layer.out.empty());
    layer.transactions.cancel(layer.now(), first, layer.out);
    CHECK(layer.take_kinds() == Kinds{"CANCEL"});
}

TEST_CASE("client: a cancelled INVITE that is never answered at all ends by Timer B") {
    Layer layer;
    const auto id = layer.request(invite(layer), kUdp);
    layer.transactions.cancel(layer.now(), id, layer.out);
    layer.advance(seconds(33));
    REQUIRE(layer.events.size() == 1);
    CHECK(layer.events[0].kind == Event::Kind::timeout);
    CHECK(times(layer, "CANCEL").empty());
}

TEST_CASE("client: an abandoned transaction is silent, and its id finds nothing") {
    Layer layer;
    const auto text = invite(layer);
    const auto id = layer.request(text, kUdp);
    layer.transactions.abandon(id);
    layer.transactions.abandon(id);
    layer.out.clear();
    const auto next = layer.request(invite(layer), kUdp);
    CHECK(next != id);
    layer.out.clear();
    layer.transactions.cancel(layer.now(), id, layer.out);
    CHECK(layer.receive(answer(text, 180), kUdp).kind == Event::Kind::stray);
    CHECK(layer.transactions.live_clients() == 1);
}

TEST_CASE("client: a failed flow makes what waits on it unreachable, one by one") {
    Layer layer;
    const auto any = hop_of(Transport::tcp, "192.0.2.1:5060");
    const auto other_peer = hop_of(Transport::tcp, "192.0.2.7:5060");
    const auto other_flow = hop_of(Transport::tcp, "192.0.2.1:5060", 10);
    const auto refused = invite(layer), accepted = invite(layer);
    const auto on_flow = layer.request(invite(layer), kTcp), on_any = layer.request(options(layer), any);
    layer.request(refused, kTcp);
    layer.request(accepted, kTcp);
    layer.receive(answer(refused, 404), kTcp);
    layer.receive(answer(accepted, 200), kTcp);
    layer.request(invite(layer), other_peer);
    layer.request(invite(layer), other_flow);
    layer.transactions.flow_failed(layer.now(), kTcp);
    CHECK(layer.transactions.next_deadline() == layer.now().steady);
    layer.run_due();
    REQUIRE(layer.events.size() == 2);
    for (const auto& event : layer.events) {
        CHECK(event.kind == Event::Kind::unreachable);
        CHECK((event.client == on_flow || event.client == on_any));
    }
    CHECK(layer.events[0].client != layer.events[1].client);
    CHECK(layer.transactions.live_clients() == 3);  // the accepted one and the two elsewhere
    CHECK_FALSE(layer.transactions.more_due(layer.now()));
}

TEST_CASE("client: timers scale with their table") {
    Timers fast;
    fast.t1 = milliseconds(10);
    fast.t2 = milliseconds(40);
    Layer layer(fast);
    layer.request(options(layer), kUdp);
    layer.advance(milliseconds(200));
    CHECK(times(layer, "OPTIONS") == Times{10, 30, 70, 110, 150, 190});
    layer.advance(milliseconds(440));
    CHECK(layer.events.size() == 1);
}
