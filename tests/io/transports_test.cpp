// What connections owe to RFC 5626 and RFC 5923, and who may keep one: authentication deadline, certificates' names, reload.
#include <algorithm>
#include <catch2/catch.hpp>

#include "io/datagrams.hpp"
#include "io/signalling_setup.hpp"
#include "party.hpp"
#include "peer.hpp"

using namespace confab;
using io::Signalling;
using io::TlsContext;
using sip::Transport;
using test::listener;
using test::loopback;
using test::loopback6;
using test::message;
using test::Party;
using test::run_until;
using test::tls;
using test::with_tls;

namespace {

constexpr base::milliseconds kBrief{60};

Signalling::Options impatient() {
    auto options = with_tls();
    options.authentication_timeout = kBrief;
    return options;
}

std::string request(const std::string& via) {
    return "OPTIONS sip:a@b SIP/2.0\r\nVia: " + via + "\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
}

bool comes_in(const TlsContext::Clients& clients, const test::Certificate* shown) {
    io::Loop loop;
    const auto server_side = TlsContext::server(tls().certificate.certificate, tls().certificate.key, clients);
    REQUIRE(server_side);
    Party server(loop, {{Transport::tls, loopback(), *server_side}});
    auto options = with_tls();
    if (shown) options.tls_client = *TlsContext::client(tls().certificate.certificate, true, shown->certificate, shown->key);
    Party client(loop, {listener(Transport::udp)}, options);
    client.send({Transport::tls, server.address(), {}, sip::kAnyListener}, message("in"));
    REQUIRE(run_until(loop, [&] { return !server.texts.empty() || !client.failed.empty(); }));
    return !server.texts.empty();
}

}  // namespace

TEST_CASE("transports: whoever has not been vouched for is closed at the authentication deadline") {
    for (const auto transport : {Transport::tcp, Transport::tls}) {
        io::Loop loop;
        Party server(loop, {listener(transport)}, impatient());
        Party stranger(loop, {listener(Transport::udp)}, with_tls()), phone(loop, {listener(Transport::udp)}, with_tls());
        server.on_received = [&](const sip::Hop& source, std::string_view text) {
            if (text == message("right credentials")) server.signalling.trust(source.flow);
        };
        phone.send({transport, server.address()}, message("right credentials"));
        stranger.send({transport, server.address()}, message("hello"));
        REQUIRE(run_until(loop, [&] { return !stranger.failed.empty(); }));
        CHECK(server.reasons == std::vector<std::string>{"not authenticated in time"});
        CHECK(server.signalling.counts().unauthenticated_closed == 1);
        CHECK(server.signalling.counts().open == 1);
        // Well past the deadline the phone is still there.
        phone.send({transport, server.address()}, message("later"));
        REQUIRE(run_until(loop, [&] { return server.texts.size() == 3; }));
        CHECK(phone.failed.empty());
        CHECK(phone.signalling.counts().connected == 1);
    }
}

TEST_CASE("transports: no authentication deadline for trusted networks and listeners, verified certificates and connections of our own") {
    io::Loop loop;
    auto by_network = impatient();
    by_network.trusted = {*base::Network::parse("127.0.0.0/8")};
    auto trusted_listener = listener(Transport::tcp);
    trusted_listener.trusted = true;
    const auto& shown = tls().certificate;
    const auto mutual = *TlsContext::server(shown.certificate, shown.key, {.ca = shown.certificate});
    auto with_certificate = with_tls();
    with_certificate.tls_client = *TlsContext::client(shown.certificate, true, shown.certificate, shown.key);

    Party network(loop, {listener(Transport::tcp)}, by_network), marked(loop, {trusted_listener}, impatient());
    Party certified(loop, {{Transport::tls, loopback(), mutual}}, impatient()), strict(loop, {listener(Transport::tcp)}, impatient());
    Party client(loop, {listener(Transport::tcp)}, with_certificate), stranger(loop, {listener(Transport::udp)});
    client.send({Transport::tcp, network.address()}, message());
    client.send({Transport::tcp, marked.address()}, message());
    client.send({Transport::tls, certified.address(), {}, sip::kAnyListener}, message());
    strict.send({Transport::tcp, client.address()}, message());
    // A stranger who comes after all of them is closed, so theirs would have been.
    REQUIRE(run_until(loop, [&] { return network.texts.size() + marked.texts.size() + certified.texts.size() + client.texts.size() == 4; }));
    stranger.send({Transport::tcp, strict.address()}, message());
    REQUIRE(run_until(loop, [&] { return !stranger.failed.empty(); }));
    CHECK(client.failed.empty());
    CHECK(strict.signalling.counts().open == 1);
}

TEST_CASE("transports: an authenticated connection is still closed when idle") {
    io::Loop loop;
    auto options = impatient();
    options.authentication_timeout = base::seconds(10);
    options.idle_timeout = kBrief;
    Party server(loop, {listener(Transport::tcp)}, options), client(loop, {listener(Transport::udp)});
    server.on_received = [&](const sip::Hop& source, std::string_view) { server.signalling.trust(source.flow); };
    client.send({Transport::tcp, server.address()}, message());
    REQUIRE(run_until(loop, [&] { return !server.failed.empty(); }));
    CHECK(server.reasons == std::vector<std::string>{"idle"});
}

TEST_CASE("transports: client certificates by authority and by name, as RFC 5922 compares") {
    const test::Folder folder;
    const auto both = test::make_certificate(folder, "trunk.example.org", "DNS:other.example.org,URI:sip:carrier.example.org");
    const auto host = test::make_certificate(folder, "common.example.org", "DNS:host.example.org,URI:sip:someone@carrier.example.org");
    const auto check = [](const test::Certificate& shown, const std::string& name) {
        return comes_in({.ca = shown.certificate, .names = {"absent.example.org", name}}, &shown);
    };
    CHECK(comes_in({.ca = both.certificate, .names = {}}, &both));
    CHECK_FALSE(comes_in({.ca = host.certificate, .names = {}}, &both));
    CHECK(check(both, "Carrier.example.org"));
    CHECK_FALSE(check(both, "other.example.org"));   // a sip URI is there, so DNS names do not count
    CHECK_FALSE(check(both, "trunk.example.org"));
    CHECK(check(host, "host.example.org"));
    CHECK_FALSE(check(host, "carrier.example.org"));  // a URI with a user part is no domain's
    CHECK_FALSE(check(host, "common.example.org"));   // alternative names are there, so the common name does not count
    CHECK_FALSE(check(host, "example.org"));
}

TEST_CASE("transports: a client without a certificate, where one is asked for") {
    const auto& ca = tls().certificate.certificate;
    CHECK_FALSE(comes_in({.ca = ca, .names = {}, .required = true}, nullptr));
    CHECK(comes_in({.ca = ca, .names = {}, .required = false}, nullptr));
    const test::Folder folder;
    const auto unknown = test::make_certificate(folder, "unknown", "DNS:unknown");
    CHECK_FALSE(comes_in({.ca = ca, .names = {}, .required = false}, &unknown));
}

TEST_CASE("transports: a new certificate serves new connections, and the old ones live on") {
    io::Loop loop;
    const test::Folder folder;
    const auto fresh = test::make_certificate(folder, "fresh", "IP:127.0.0.1");
    Party server(loop, {listener(Transport::tls)}), before(loop, {listener(Transport::udp)}, with_tls());
    before.send({Transport::tls, server.address(), {}, sip::kAnyListener}, message("1"));
    REQUIRE(run_until(loop, [&] { return server.texts.size() == 1; }));
    server.signalling.reload({.listeners = {{Transport::tls, loopback(), *TlsContext::server(fresh.certificate, fresh.key, {})}}, .options = {}});
    auto options = with_tls();
    options.tls_client = *TlsContext::client(fresh.certificate, true, "", "");
    Party after(loop, {listener(Transport::udp)}, options);
    after.send({Transport::tls, server.address(), {}, sip::kAnyListener}, message("2"));
    before.send({Transport::tls, server.address(), {}, sip::kAnyListener}, message("3"));
    REQUIRE(run_until(loop, [&] { return server.texts.size() == 3; }));
    CHECK(before.signalling.counts().connected == 1);
    CHECK(after.failed.empty());
}

TEST_CASE("transports: a known peer's alias draws requests for its listening port to its connection, nobody else's does") {
    struct Row {
        bool trusted;
        std::string sent_by, parameters;
        bool reused;
    };
    const Row rows[] = {{true, "127.0.0.1:PORT", ";alias", true},
                        {true, "peer.example.org:PORT", ";alias", true},  // the address that it comes from counts
                        {true, "127.0.0.1:PORT", "", false},
                        {true, "127.0.0.9:PORT", ";alias", false},
                        {true, "127.0.0.1:PORT", ";aliased", false},
                        {false, "127.0.0.1:PORT", ";alias", false}};
    for (const auto& row : rows) {
        CAPTURE(row.trusted, row.sent_by, row.parameters);
        io::Loop loop;
        Signalling::Options options;
        if (row.trusted) options.trusted = {*base::Network::parse("127.0.0.0/8")};
        Party server(loop, {listener(Transport::tcp)}, options), peer(loop, {listener(Transport::tcp)});
        auto via = "SIP/2.0/TCP " + row.sent_by + ";branch=z9hG4bK1" + row.parameters;
        via.replace(via.find("PORT"), 4, std::to_string(peer.address().port));
        peer.send({Transport::tcp, server.address()}, request(via));
        REQUIRE(run_until(loop, [&] { return server.texts.size() == 1; }));
        server.send({Transport::tcp, peer.address()}, message("back"));
        REQUIRE(run_until(loop, [&] { return peer.texts.size() == 1; }));
        CHECK(server.signalling.counts().connected == (row.reused ? 0 : 1));
        CHECK(peer.signalling.counts().accepted == (row.reused ? 0 : 1));
    }
}

TEST_CASE("transports: an alias ends with its connection") {
    io::Loop loop;
    Signalling::Options options;
    options.trusted = {*base::Network::parse("127.0.0.0/8")};
    Party server(loop, {listener(Transport::tcp)}, options), peer(loop, {listener(Transport::tcp)});
    const auto via = "SIP/2.0/TCP " + peer.address().text() + ";branch=z9hG4bK1;alias";
    peer.send({Transport::tcp, server.address()}, request(via));
    REQUIRE(run_until(loop, [&] { return server.texts.size() == 1; }));
    peer.signalling.close(peer.opened.at(0).flow, true);
    REQUIRE(run_until(loop, [&] { return !server.failed.empty(); }));
    server.send({Transport::tcp, peer.address()}, message("back"));
    REQUIRE(run_until(loop, [&] { return peer.texts.size() == 1; }));
    CHECK(server.signalling.counts().connected == 1);
}

TEST_CASE("transports: a STUN keepalive at a SIP port is answered and not told to the core") {
    const std::string binding = std::string("\0\1\0\0\x21\x12\xa4\x42", 8) + "abcdefghijkl";
    for (const auto& where : {loopback(), loopback6()}) {
        io::Loop loop;
        Party server(loop, {listener(Transport::udp, where)});
        std::string answer;
        auto client = io::Datagrams::bind(loop, where, {}, nullptr, [&](base::Now, std::span<io::Datagram> batch) {
            answer.assign(batch[0].bytes.begin(), batch[0].bytes.end());
        });
        client->send(server.address(), {reinterpret_cast<const std::uint8_t*>(binding.data()), binding.size()});
        client->flush();
        REQUIRE(run_until(loop, [&] { return !answer.empty(); }));
        CHECK(answer.substr(0, 2) == std::string("\1\1", 2));
        CHECK(answer.substr(4, 16) == binding.substr(4, 16));
        CHECK(server.texts.empty());
        CHECK(server.signalling.counts().keepalives == 1);
    }
}

TEST_CASE("transports: handshakes by the hundred do not hold up a datagram") {
    io::Loop loop;
    Party server(loop, {listener(Transport::tls), listener(Transport::udp)});
    std::vector<test::Peer> callers;
    // A hello without a handshake behind it: enough to cost the server its share.
    io::TlsSession hello(tls().client, false, "127.0.0.1");
    hello.start();
    std::string wire;
    hello.take_output(wire);
    for (int i = 0; i < 300; ++i) {
        callers.push_back(test::Peer::tcp(server.address(0)));
        REQUIRE(callers.back().put(wire));
    }
    Party phone(loop, {listener(Transport::udp)});
    REQUIRE(run_until(loop, [&] { return server.signalling.counts().accepted == 300; }));
    phone.send({Transport::udp, server.address(1)}, message("REGISTER"));
    REQUIRE(run_until(loop, [&] { return !server.texts.empty(); }));
    std::size_t begun = 0;
    for (auto& caller : callers) begun += caller.look().empty() ? 0 : 1;
    CHECK(begun < callers.size());  // it went before the last of them
    REQUIRE(run_until(loop, [&] { return std::ranges::all_of(callers, [](test::Peer& caller) { return !caller.look().empty(); }); }));
}

TEST_CASE("transports: a connection on which one name was proven serves no other name at the same address") {
    io::Loop loop;
    Party server(loop, {listener(Transport::tls)}), client(loop, {listener(Transport::udp)}, with_tls());
    const sip::Hop to{Transport::tls, server.address(), {}, sip::kAnyListener};
    client.send(to, message("1"));
    REQUIRE(run_until(loop, [&] { return server.texts.size() == 1; }));
    client.signalling.expect_name(server.address(), "edge.example.org");
    client.send(to, message("2"));
    client.send(to, message("3"));
    REQUIRE(run_until(loop, [&] { return server.texts.size() == 3; }));
    CHECK(client.signalling.counts().connected == 2);
    client.signalling.expect_name(server.address(), "wrong.example.org");
    client.send(to, message("4"));
    REQUIRE(run_until(loop, [&] { return !client.failed.empty(); }));
    CHECK(server.texts.size() == 3);
    client.signalling.expect_name(server.address(), "edge.example.org");
    client.send(to, message("5"));
    REQUIRE(run_until(loop, [&] { return server.texts.size() == 4; }));
    CHECK(client.signalling.counts().connected == 2);
}
