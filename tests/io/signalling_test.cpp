#include "io/signalling.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "io/error.hpp"
#include "party.hpp"
#include "peer.hpp"

using namespace confab;
using io::Signalling;
using sip::Transport;
using test::loopback;
using test::loopback6;
using test::run_until;
using test::listener;
using test::message;
using test::Party;
using test::tls;
using test::with_tls;

namespace {

base::SocketAddress nobody() {
    const test::Host brief;
    return brief.address();
}
base::SocketAddress at(const std::string& ip) { return {*base::IpAddress::parse(ip), 0}; }

}  // namespace

TEST_CASE("signalling: a message and its answer over each transport and family") {
    for (const auto transport : {Transport::udp, Transport::tcp, Transport::tls}) {
        for (const auto& where : {loopback(), loopback6()}) {
            if (transport == Transport::tls && where == loopback6()) continue;  // the certificate is for IPv4
            io::Loop loop;
            Party server(loop, {listener(transport, where)}), client(loop, {listener(transport, where)}, with_tls());
            client.send({transport, server.address()}, message("question"));
            REQUIRE(run_until(loop, [&] { return server.texts.size() == 1; }));
            CHECK(server.texts[0] == message("question"));
            const auto source = server.from[0];
            CHECK(source.transport == transport);
            CHECK(source.peer.ip == client.address().ip);
            CHECK(source.flow != sip::FlowId{});
            CHECK(source.listener == 0);
            server.send(source, message("answer"));
            REQUIRE(run_until(loop, [&] { return client.texts.size() == 1; }));
            CHECK(client.texts[0] == message("answer"));
            CHECK(client.from[0].peer == server.address());
            CHECK(client.from[0].listener == 0);
            CHECK(client.signalling.describe(client.from[0].flow).starts_with("TLSv1.3") == (transport == Transport::tls));
            CHECK(server.failed.empty());
            CHECK(client.failed.empty());
            CHECK(server.batches > 0);
        }
    }
}

TEST_CASE("signalling: a connection is used again, by both ends, and never mixed with another listener's") {
    io::Loop loop;
    Party server(loop, {listener(Transport::tcp)});
    Party client(loop, {listener(Transport::tcp, at("127.0.0.2")), listener(Transport::tcp, at("127.0.0.3"))});
    const sip::Hop first{Transport::tcp, server.address(), {}, 0}, second{Transport::tcp, server.address(), {}, 1};
    client.send(first, message("1"));
    client.send(first, message("2"));
    client.send({Transport::tcp, server.address(), {}, sip::kAnyListener}, message("3"));
    client.send(second, message("4"));
    REQUIRE(run_until(loop, [&] { return server.texts.size() == 4; }));
    CHECK(client.signalling.counts().connected == 2);
    CHECK(client.signalling.counts().open == 2);
    CHECK(server.signalling.counts().accepted == 2);
    std::vector<std::string> of_first;
    for (std::size_t i = 0; i < 4; ++i) {
        if (server.from[i].peer.ip.text() == "127.0.0.2") of_first.push_back(server.texts[i]);
    }
    CHECK(of_first == std::vector{message("1"), message("2"), message("3")});

    // The server, with flow 0, finds the accepted connection; its request arrives on the client's flow.
    const auto back = std::ranges::find_if(server.from, [](const sip::Hop& hop) { return hop.peer.ip.text() == "127.0.0.3"; });
    server.send({Transport::tcp, back->peer}, message("5"));
    REQUIRE(run_until(loop, [&] { return client.texts.size() == 1; }));
    CHECK(client.from[0].listener == 1);
    CHECK(server.signalling.counts().connected == 0);
}

TEST_CASE("signalling: the listener that sends is the one named, its sibling, or the first of the kind") {
    io::Loop loop;
    Party server(loop, {listener(Transport::udp), listener(Transport::tcp)});
    Party client(loop, {listener(Transport::udp, at("127.0.0.2")), listener(Transport::udp, at("127.0.0.3")),
                        listener(Transport::tcp, at("127.0.0.3")), listener(Transport::udp, loopback6())});
    CHECK(client.signalling.listener_for(Transport::udp, base::Family::ipv4) == 0);
    CHECK(client.signalling.listener_for(Transport::udp, base::Family::ipv6) == 3);
    CHECK(client.signalling.listener_for(Transport::tcp, base::Family::ipv4) == 2);
    CHECK(client.signalling.listener_for(Transport::tcp, base::Family::ipv6) == sip::kAnyListener);
    CHECK(client.signalling.listener_for(Transport::tls, base::Family::ipv4) == sip::kAnyListener);
    struct Row {
        Transport transport;
        std::uint16_t named;
        std::string leaves_from;
    };
    const Row rows[] = {
        {Transport::udp, sip::kAnyListener, "127.0.0.2"},
        {Transport::udp, 0, "127.0.0.2"},
        {Transport::udp, 1, "127.0.0.3"},
        {Transport::udp, 2, "127.0.0.3"},  // the sibling on the same address
        {Transport::udp, 3, "127.0.0.2"},  // of another family
        {Transport::udp, 99, "127.0.0.2"},
        {Transport::tcp, sip::kAnyListener, "127.0.0.3"},
        {Transport::tcp, 1, "127.0.0.3"},
        {Transport::tcp, 2, "127.0.0.3"},
        {Transport::tcp, 0, "127.0.0.2"},  // no sibling: a connection may still leave from there
    };
    for (const auto& row : rows) {
        server.from.clear();
        client.send({row.transport, server.address(row.transport == Transport::tcp ? 1 : 0), {}, row.named}, message());
        REQUIRE(run_until(loop, [&] { return server.from.size() == 1; }));
        CAPTURE(static_cast<int>(row.transport), row.named);
        CHECK(server.from[0].peer.ip.text() == row.leaves_from);
        CHECK(server.from[0].listener == (row.transport == Transport::tcp ? 1 : 0));
    }
}

TEST_CASE("signalling: flow numbers differ between runs, between listeners, and are never used twice") {
    io::Loop loop;
    std::vector<std::uint64_t> seen;
    for (int run = 0; run < 2; ++run) {
        Party server(loop, {listener(Transport::udp), listener(Transport::udp), listener(Transport::tcp)});
        Party client(loop, {listener(Transport::udp)});
        client.send({Transport::udp, server.address(0)}, message());
        client.send({Transport::udp, server.address(1)}, message());
        for (int i = 0; i < 3; ++i) {
            auto peer = test::Peer::tcp(server.address(2));
            peer.put(message());
            const auto before = server.failed.size();
            REQUIRE(run_until(loop, [&] { return server.texts.size() == static_cast<std::size_t>(3 + i); }));
            peer.leave();
            REQUIRE(run_until(loop, [&] { return server.failed.size() == before + 1; }));
        }
        for (const auto& hop : server.from) seen.push_back(hop.flow.value);
    }
    std::ranges::sort(seen);
    CHECK(std::ranges::adjacent_find(seen) == seen.end());
    CHECK(seen.size() == 10);
}

TEST_CASE("signalling: a stream is cut into messages however it arrives, and pings are answered") {
    io::Loop loop;
    Party server(loop, {listener(Transport::tcp)});
    auto peer = test::Peer::tcp(server.address());
    const std::string all = "\r\n\r\n" + message("one") + message() + "\r\n" + message("three");
    SECTION("at once") {
        REQUIRE(peer.put(all));
        REQUIRE(run_until(loop, [&] { return server.texts.size() == 3 && peer.look() == "\r\n"; }));
    }
    SECTION("octet by octet") {
        for (const char c : all) {
            REQUIRE(peer.put({&c, 1}));
            test::settle(loop);
        }
        REQUIRE(run_until(loop, [&] { return server.texts.size() == 3; }));
        CHECK(peer.look().starts_with("\r\n"));
    }
    CHECK(server.texts == std::vector{message("one"), message(), message("three")});
    CHECK(server.opened.size() == 1);
    peer.shut_writing();
    REQUIRE(run_until(loop, [&] { return server.failed.size() == 1; }));
    CHECK(server.failed[0].flow == server.from[0].flow);
    CHECK(server.reasons[0] == "closed by the peer");
    CHECK(server.signalling.counts().open == 0);
}

TEST_CASE("signalling: a frame without a usable length is passed up, answered, and ends the connection") {
    io::Loop loop;
    Party server(loop, {listener(Transport::tcp)});
    // As a core does: the answer is sent at the end of the batch.
    std::optional<sip::Hop> to_answer;
    server.on_received = [&](const sip::Hop& source, std::string_view) { to_answer = source; };
    server.on_batch_end = [&] {
        if (const auto to = std::exchange(to_answer, std::nullopt)) server.send(*to, "SIP/2.0 400 Bad Request\r\n\r\n");
    };
    auto peer = test::Peer::tcp(server.address());
    REQUIRE(peer.put("MESSAGE sip:a SIP/2.0\r\nContent-Length: many\r\n\r\n" + message("never read")));
    REQUIRE(run_until(loop, [&] { return peer.ended(); }));
    CHECK(peer.look() == "SIP/2.0 400 Bad Request\r\n\r\n");
    CHECK(server.texts.size() == 1);
    CHECK(server.signalling.counts().malformed_frames == 1);
    peer.leave();
    REQUIRE(run_until(loop, [&] { return server.signalling.counts().open == 0; }));
}

TEST_CASE("signalling: what is too large ends a connection and is dropped as a datagram; both are counted") {
    io::Loop loop;
    Party server(loop, {listener(Transport::udp), listener(Transport::tcp)}, {.message_limit = 1000});
    auto peer = test::Peer::tcp(server.address(1));
    REQUIRE(peer.put(message(std::string(2000, 'x'))));
    REQUIRE(run_until(loop, [&] { return peer.ended(); }));
    CHECK(peer.look().empty());
    Party client(loop, {listener(Transport::udp)});
    client.send({Transport::udp, server.address(0)}, message(std::string(1000, 'x')));
    client.send({Transport::udp, server.address(0)}, message("fits"));
    REQUIRE(run_until(loop, [&] { return !server.texts.empty(); }));
    CHECK(server.texts == std::vector{message("fits")});
    CHECK(server.signalling.counts().oversized == 2);
    CHECK(server.signalling.counts().datagrams == 1);
    client.send({Transport::udp, server.address(0)}, message(std::string(70'000, 'x')));
    CHECK(client.signalling.counts().unsent == 1);
}

TEST_CASE("signalling: keepalive datagrams are counted and not passed up") {
    io::Loop loop;
    Party server(loop, {listener(Transport::udp)}), client(loop, {listener(Transport::udp)});
    for (const auto& text : {std::string("\r\n\r\n"), std::string(4, '\0'), std::string(), std::string("\r\n"), message()})
        client.send({Transport::udp, server.address()}, text);
    REQUIRE(run_until(loop, [&] { return server.signalling.counts().datagrams == 5; }));
    CHECK(server.texts == std::vector{message()});
}

TEST_CASE("signalling: what cannot be sent is reported with its hop, and never from within send") {
    io::Loop loop;
    struct Row {
        sip::Hop to;
        std::string reason;
    };
    const auto closed = nobody();
    const Row rows[] = {
        {{Transport::tcp, closed}, "Connection refused"},
        {{Transport::tls, closed}, "Connection refused"},
        {{Transport::tcp, closed, {12345}}, "the connection is gone"},
        {{Transport::udp, closed, {12345}}, "no UDP listener sends to addresses of this kind"},
        {{Transport::udp, loopback6(9)}, "no UDP listener sends to addresses of this kind"},
    };
    for (const auto& row : rows) {
        Party client(loop, {listener(Transport::udp), listener(Transport::tcp)}, with_tls());
        client.send(row.to, message());
        client.send(row.to, message("joins the attempt"));
        CHECK(client.failed.empty());
        REQUIRE(run_until(loop, [&] { return !client.failed.empty(); }));
        CHECK(client.failed[0].transport == row.to.transport);
        CHECK(client.failed[0].peer == row.to.peer);
        if (row.to.flow != sip::FlowId{}) CHECK(client.failed[0].flow == row.to.flow);
        CHECK(client.reasons[0] == row.reason);
        CHECK(client.signalling.counts().open == 0);
    }
    Party plain(loop, {});
    plain.send({Transport::tls, closed}, message());
    REQUIRE(run_until(loop, [&] { return plain.failed.size() == 1; }));
    CHECK(plain.reasons[0] == "no TLS towards others is configured");
}

TEST_CASE("signalling: a failed connection is tried anew by the next message, and another by a core that is told in between") {
    io::Loop loop;
    Party client(loop, {listener(Transport::tcp)});
    const auto host = nobody();
    client.send({Transport::tcp, host}, message());
    REQUIRE(run_until(loop, [&] { return client.failed.size() == 1; }));
    client.send({Transport::tcp, host}, message());
    REQUIRE(run_until(loop, [&] { return client.failed.size() == 2; }));
    CHECK(client.failed[0].flow != client.failed[1].flow);
    Party late(loop, {{Transport::tcp, host, {}}});
    client.send({Transport::tcp, host}, message());
    REQUIRE(run_until(loop, [&] { return late.texts.size() == 1; }));
}

TEST_CASE("signalling: TLS proves the peer's address, or the name that is expected of it") {
    io::Loop loop;
    Party server(loop, {listener(Transport::tls)});
    struct Row {
        std::string expected, reason;
    };
    for (const auto& row :
         {Row{"", ""}, Row{"edge.example.org", ""}, Row{"other.example.org", "TLS: certificate verify failed: hostname mismatch"}}) {
        Party client(loop, {}, with_tls());
        if (!row.expected.empty()) client.signalling.expect_name(server.address(), row.expected);
        const auto before = server.texts.size();
        client.send({Transport::tls, server.address()}, message());
        if (row.reason.empty()) {
            REQUIRE(run_until(loop, [&] { return server.texts.size() == before + 1; }));
            server.send(server.from.back(), message());
            REQUIRE(run_until(loop, [&] { return client.from.size() == 1; }));
            CHECK(client.from[0].listener == sip::kAnyListener);
        } else {
            REQUIRE(run_until(loop, [&] { return client.failed.size() == 1; }));
            CHECK(client.reasons[0] == row.reason);
            REQUIRE(run_until(loop, [&] { return server.signalling.counts().handshakes_failed == 1; }));
            CHECK(server.texts.size() == before);
        }
    }
}

TEST_CASE("signalling: plain SIP to a TLS listener is closed, and no core hears of it") {
    io::Loop loop;
    Party server(loop, {listener(Transport::tls)});
    auto peer = test::Peer::tcp(server.address());
    REQUIRE(peer.put(message()));
    REQUIRE(run_until(loop, [&] { return peer.ended(); }));
    CHECK(peer.look().size() < 20);
    CHECK(server.texts.empty());
    CHECK(server.failed.empty());
    CHECK(server.opened.empty());
    CHECK(server.signalling.counts().handshakes_failed == 1);
    CHECK(server.signalling.counts().open == 0);
}

TEST_CASE("signalling: the bound on connections holds, and room that is freed is used") {
    io::Loop loop;
    Party server(loop, {listener(Transport::tcp)}, {.connections = 2});
    std::vector<test::Peer> peers;
    for (int i = 0; i < 3; ++i) peers.push_back(test::Peer::tcp(server.address()));
    REQUIRE(run_until(loop, [&] { return server.signalling.counts().refused == 1 && server.opened.size() == 2; }));
    CHECK(std::ranges::count_if(peers, [](test::Peer& peer) { return peer.ended(); }) == 1);
    server.send({Transport::tcp, nobody()}, message());
    REQUIRE(run_until(loop, [&] { return server.failed.size() == 1; }));
    CHECK(server.reasons[0] == "too many connections");
    for (auto& peer : peers) peer.leave();
    REQUIRE(run_until(loop, [&] { return server.signalling.counts().open == 0; }));
    auto again = test::Peer::tcp(server.address());
    again.put(message());
    REQUIRE(run_until(loop, [&] { return server.texts.size() == 1; }));
}

TEST_CASE("signalling: a peer that does not read is cut off at the bound; others are served meanwhile") {
    io::Loop loop;
    Party server(loop, {listener(Transport::tcp)}, {.write_queue = 100'000});
    auto deaf = test::Peer::tcp(server.address()), good = test::Peer::tcp(server.address());
    deaf.put(message("deaf"));
    good.put(message("good"));
    REQUIRE(run_until(loop, [&] { return server.texts.size() == 2; }));
    const auto to_deaf = server.texts[0] == message("deaf") ? server.from[0] : server.from[1];
    const auto to_good = server.texts[0] == message("deaf") ? server.from[1] : server.from[0];
    const std::string large = message(std::string(60'000, 'x'));
    std::size_t to_read = 0;
    for (int i = 0; i < 1000 && server.signalling.counts().slow_closed == 0; ++i) {
        server.send(to_deaf, large);
        server.send(to_good, message());
        to_read += message().size();
        REQUIRE(run_until(loop, [&] { return good.look().size() == to_read; }));
    }
    CHECK(server.signalling.counts().slow_closed == 1);
    REQUIRE(run_until(loop, [&] { return server.failed.size() == 1; }));
    CHECK(server.failed[0] == to_deaf);
    CHECK(server.signalling.counts().open == 1);
    server.send(to_good, message());
    REQUIRE(run_until(loop, [&] { return good.look().size() == to_read + message().size(); }));
}

TEST_CASE("signalling: a connection without whole messages is idle, one with them is not") {
    io::Loop loop;
    Party server(loop, {listener(Transport::tcp)}, {.idle_timeout = base::milliseconds(300)});
    auto silent = test::Peer::tcp(server.address()), trickling = test::Peer::tcp(server.address()),
         alive = test::Peer::tcp(server.address());
    const auto start = loop.now().steady;
    auto next = start;
    const bool both_closed = run_until(loop, [&] {
        if (loop.now().steady >= next) {
            next += base::milliseconds(50);
            trickling.put("M");
            alive.put(message());
        }
        return silent.ended() && trickling.ended();
    });
    CHECK(both_closed);
    CHECK(loop.now().steady - start >= base::milliseconds(300));
    CHECK_FALSE(alive.ended());
    CHECK(server.signalling.counts().idle_closed == 2);
    CHECK(server.reasons == std::vector<std::string>{"idle", "idle"});
}

TEST_CASE("signalling: close, at once or after what is queued, also from within received") {
    for (const bool now : {true, false}) {
        io::Loop loop;
        Party server(loop, {listener(Transport::tcp)});
        server.on_received = [&](const sip::Hop& source, std::string_view bytes) {
            const std::string before(bytes);
            server.send(source, message("last words"));
            server.signalling.close(source.flow, now);
            server.signalling.close(source.flow, now);
            CHECK(bytes == before);  // still there
        };
        auto peer = test::Peer::tcp(server.address());
        peer.put(message("1") + message("2"));
        REQUIRE(run_until(loop, [&] { return peer.ended(); }));
        CHECK(peer.look() == message("last words"));
        CHECK(server.texts == std::vector{message("1")});
        peer.leave();
        REQUIRE(run_until(loop, [&] { return server.failed.size() == 1; }));
        server.signalling.close(server.failed[0].flow, now);
        test::settle(loop);
        CHECK(server.failed.size() == 1);
    }
}

TEST_CASE("signalling: a busy port, a TLS listener without certificate") {
    io::Loop loop;
    Party first(loop, {listener(Transport::udp), listener(Transport::tcp)});
    const auto refusal = [&](const Signalling::Listener& wanted) {
        try {
            Party second(loop, {wanted});
        } catch (const io::StartupError& error) {
            return std::to_string(error.exit_code()) + " " + error.what();
        }
        return std::string("accepted");
    };
    CHECK(refusal({Transport::udp, first.address(0), {}}) == "71 udp " + first.address(0).text() + ": Address already in use");
    CHECK(refusal({Transport::tcp, first.address(1), {}}) == "71 tcp " + first.address(1).text() + ": Address already in use");
    CHECK(refusal({Transport::tcp, at("192.0.2.1"), {}}) == "71 tcp 192.0.2.1:0: Cannot assign requested address");
    CHECK(refusal({Transport::tls, loopback(), {}}) == "78 tls 127.0.0.1:0: a TLS listener needs a certificate");
}

TEST_CASE("signalling: destroyed with reports under way, it tells nobody") {
    io::Loop loop;
    auto client = std::make_unique<Party>(loop, std::vector{listener(Transport::tcp)});
    client->send({Transport::tcp, nobody()}, message());
    client->send({Transport::udp, loopback(9)}, message());
    client.reset();
    test::settle(loop);
}
