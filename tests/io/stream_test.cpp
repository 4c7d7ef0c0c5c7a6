#include "io/stream.hpp"

#include <catch2/catch.hpp>

#include "io/acceptor.hpp"
#include "io/socket.hpp"
#include "peer.hpp"
#include "stage.hpp"

using namespace confab;
using io::Stream;
using test::run_until;

namespace {

struct Ear {
    Stream::Handlers handlers() {
        return {.opened = [this] { ++opened; },
                .received = [this](std::string_view bytes) { heard.append(bytes); },
                .closed =
                    [this](const std::string& why) {
                        ++closed;
                        reason = why;
                    }};
    }
    int opened = 0, closed = 0;
    std::string heard, reason;
    std::unique_ptr<Stream> stream;
};

// A listener whose accepted stream is `ear`'s.
struct House {
    House(io::Loop& loop, const io::TlsContext* tls, const Stream::Options& options = {})
        : acceptor(loop, std::move(*io::open_listener(test::loopback())),
                   [this, &loop, tls, options](io::Descriptor socket, const sockaddr_storage& peer) {
                       ear.stream = Stream::accepted(loop, std::move(socket), io::from_kernel(peer), tls, options, ear.handlers());
                   }) {}
    base::SocketAddress address() const { return io::local_address(acceptor.socket()); }
    Ear ear;
    io::Acceptor acceptor;
};

struct Tls {
    test::Folder folder;
    test::Certificate certificate = test::make_certificate(folder, "edge", "IP:127.0.0.1");
    io::TlsContext server = *io::TlsContext::server(certificate.certificate, certificate.key, {});
    io::TlsContext client = *io::TlsContext::client(certificate.certificate, true, "", "");
};
const Tls& tls() {
    static const Tls made;
    return made;
}

}  // namespace

TEST_CASE("stream: text goes both ways, what is sent early waits, and a close is clean") {
    for (const bool secure : {false, true}) {
        io::Loop loop;
        House house(loop, secure ? &tls().server : nullptr);
        Ear caller;
        caller.stream = Stream::connect(loop, house.address(), {}, secure ? &tls().client : nullptr, "127.0.0.1", {}, caller.handlers());
        CHECK(caller.stream->send("early "));
        CHECK(caller.stream->send("words"));
        CHECK(caller.opened == 0);
        REQUIRE(run_until(loop, [&] { return house.ear.heard == "early words"; }));
        CHECK(caller.opened == 1);
        CHECK(house.ear.opened == 1);
        CHECK(house.ear.stream->peer() == caller.stream->local());
        CHECK(house.ear.stream->local() == caller.stream->peer());
        CHECK(caller.stream->description().starts_with("TLS") == secure);
        house.ear.stream->send("answer");
        REQUIRE(run_until(loop, [&] { return caller.heard == "answer"; }));

        const std::string much(300'000, 'm');
        house.ear.stream->send(much);
        house.ear.stream->close();
        CHECK_FALSE(house.ear.stream->send("after the close"));
        REQUIRE(run_until(loop, [&] { return caller.closed == 1 && house.ear.closed == 1; }));
        CHECK(caller.heard == "answer" + much);
        CHECK(caller.reason == "closed by the peer");
        CHECK_FALSE(caller.stream->send("nobody"));
    }
}

TEST_CASE("stream: bulk in both directions at once") {
    for (const bool secure : {false, true}) {
        io::Loop loop;
        const Stream::Options roomy{.queue = 8 << 20};
        House house(loop, secure ? &tls().server : nullptr, roomy);
        Ear caller;
        caller.stream = Stream::connect(loop, house.address(), {}, secure ? &tls().client : nullptr, "127.0.0.1", roomy, caller.handlers());
        REQUIRE(run_until(loop, [&] { return house.ear.opened == 1 && caller.opened == 1; }));
        std::string sent;
        for (int i = 0; i < 500'000; ++i) sent += std::to_string(i);
        for (std::size_t at = 0; at < sent.size(); at += 10'000) {
            REQUIRE(caller.stream->send(std::string_view(sent).substr(at, 10'000)));
            REQUIRE(house.ear.stream->send(std::string_view(sent).substr(at, 10'000)));
        }
        REQUIRE(run_until(loop, [&] { return caller.heard.size() == sent.size() && house.ear.heard.size() == sent.size(); }));
        CHECK(caller.heard == sent);
        CHECK(house.ear.heard == sent);
        CHECK(caller.stream->queued() == 0);
    }
}

TEST_CASE("stream: a peer that does not read is cut off at the bound, and nobody else notices") {
    for (const bool secure : {false, true}) {
        io::Loop loop;
        House house(loop, secure ? &tls().server : nullptr, {.queue = 100'000});
        auto caller = std::make_unique<Ear>();
        caller->stream = Stream::connect(loop, house.address(), {}, secure ? &tls().client : nullptr, "127.0.0.1", {}, caller->handlers());
        REQUIRE(run_until(loop, [&] { return house.ear.opened == 1 && caller->opened == 1; }));
        // The loop does not run, so the caller does not read.
        const std::string chunk(50'000, 'x');
        int accepted = 0;
        while (house.ear.stream->send(chunk)) REQUIRE(++accepted < 1000);
        CHECK(accepted > 2);
        CHECK(house.ear.closed == 0);  // never from within send
        REQUIRE(run_until(loop, [&] { return house.ear.closed == 1; }));
        CHECK(house.ear.reason == "it does not read: more than 100000 octets are queued");
    }
}

TEST_CASE("stream: a connection that is refused, unroutable or never shaken hands with") {
    io::Loop loop;
    Ear caller;
    base::SocketAddress nobody;
    {
        const test::Host brief;
        nobody = brief.address();
    }
    SECTION("refused") {
        caller.stream = Stream::connect(loop, nobody, {}, nullptr, "", {}, caller.handlers());
        caller.stream->send("x");
        REQUIRE(run_until(loop, [&] { return caller.closed == 1; }));
        CHECK(caller.reason == "Connection refused");
    }
    SECTION("from an address that is not ours") {
        caller.stream = Stream::connect(loop, nobody, *base::IpAddress::parse("192.0.2.1"), nullptr, "", {}, caller.handlers());
        CHECK(caller.closed == 0);
        REQUIRE(run_until(loop, [&] { return caller.closed == 1; }));
        CHECK(caller.reason == "Cannot assign requested address");
    }
    SECTION("a TLS server that says nothing") {
        test::Host mute;
        caller.stream = Stream::connect(loop, mute.address(), {}, &tls().client, "127.0.0.1", {.open_timeout = base::milliseconds(50)},
                                        caller.handlers());
        REQUIRE(run_until(loop, [&] { return caller.closed == 1; }));
        CHECK(caller.reason == "TLS: the handshake took too long");
    }
    SECTION("a TLS client that says nothing") {
        House house(loop, &tls().server, {.open_timeout = base::milliseconds(50)});
        auto mute = test::Peer::tcp(house.address());
        REQUIRE(run_until(loop, [&] { return mute.ended(); }));
        CHECK(mute.look().empty());
    }
    CHECK(caller.opened == 0);
}

TEST_CASE("stream: connects from the address it is told") {
    io::Loop loop;
    House house(loop, nullptr);
    Ear caller;
    caller.stream = Stream::connect(loop, house.address(), *base::IpAddress::parse("127.0.0.77"), nullptr, "", {}, caller.handlers());
    REQUIRE(run_until(loop, [&] { return house.ear.opened == 1; }));
    CHECK(house.ear.stream->peer().ip.text() == "127.0.0.77");
}

TEST_CASE("stream: a wrong name ends the handshake with the reason") {
    io::Loop loop;
    House house(loop, &tls().server);
    Ear caller;
    caller.stream = Stream::connect(loop, house.address(), {}, &tls().client, "edge.example.org", {}, caller.handlers());
    caller.stream->send("secret");
    REQUIRE(run_until(loop, [&] { return caller.closed == 1 && house.ear.closed == 1; }));
    CHECK(caller.reason == "TLS: certificate verify failed: hostname mismatch");
    CHECK(caller.opened == 0);
    CHECK(house.ear.heard.empty());
}

TEST_CASE("stream: plain text to a TLS listener gets an alert at most") {
    io::Loop loop;
    House house(loop, &tls().server);
    auto plain = test::Peer::tcp(house.address());
    REQUIRE(plain.put("REGISTER sip:example.org SIP/2.0\r\nContent-Length: 0\r\n\r\n"));
    REQUIRE(run_until(loop, [&] { return plain.ended() && house.ear.closed == 1; }));
    CHECK(house.ear.opened == 0);
    CHECK(plain.look().size() < 20);
    CHECK(plain.look().find("SIP/2.0") == std::string::npos);
}

TEST_CASE("stream: a peer that never closes its side is left after the farewell") {
    io::Loop loop;
    House house(loop, nullptr, {.farewell = base::milliseconds(300)});
    auto peer = test::Peer::tcp(house.address());
    REQUIRE(run_until(loop, [&] { return house.ear.opened == 1; }));
    house.ear.stream->send("goodbye");
    house.ear.stream->close();
    peer.put("but wait");
    REQUIRE(run_until(loop, [&] { return peer.ended(); }));
    CHECK(peer.look() == "goodbye");
    CHECK(house.ear.closed == 0);  // the half that we closed; ours is open until the farewell is over
    REQUIRE(run_until(loop, [&] { return house.ear.closed == 1; }));
    CHECK(house.ear.heard.empty());
}

TEST_CASE("stream: destroyed in each of its handlers, and no handler is called after that") {
    for (const bool secure : {false, true})
        for (const std::string where : {"opened", "received", "closed"}) {
            io::Loop loop;
            int calls = 0;
            std::unique_ptr<Stream> doomed;
            auto marker = std::make_shared<int>(1);
            const auto die = [&](const std::string& here) {
                if (!doomed) ++calls;
                if (here != where || !doomed) return;
                doomed.reset();
                CHECK(marker.use_count() > 1);
            };
            House house(loop, secure ? &tls().server : nullptr);
            doomed = Stream::connect(loop, house.address(), {}, secure ? &tls().client : nullptr, "127.0.0.1", {},
                                     {.opened = [&, marker] { die("opened"); },
                                      .received = [&, marker](std::string_view) { die("received"); },
                                      .closed = [&, marker](const std::string&) { die("closed"); }});
            doomed->send("x");
            REQUIRE(run_until(loop, [&] { return house.ear.opened == 1 || !doomed; }));
            if (where == "received") REQUIRE((run_until(loop, [&] { return house.ear.opened == 1; }) && house.ear.stream->send("y")));
            if (where == "closed") house.ear.stream.reset();
            REQUIRE(run_until(loop, [&] { return !doomed; }));
            test::settle(loop);
            CHECK(calls == 0);
            CHECK(marker.use_count() == 1);
        }
}
