#include "io/tls.hpp"

#include <catch2/catch.hpp>

#include "stage.hpp"

using namespace confab;
using io::TlsContext;
using io::TlsSession;
using State = io::TlsSession::State;

namespace {

// Two sessions joined by strings; `chunk` octets at a time.
struct Link {
    Link(const TlsContext& server_side, const TlsContext& client_side, const std::string& name)
        : server(server_side, true, ""), client(client_side, false, name) {}

    void run(std::size_t chunk = 100'000) {
        client.start();
        for (int round = 0; round < 20; ++round) {
            carry(client, server, at_server, chunk);
            carry(server, client, at_client, chunk);
        }
    }
    static void carry(TlsSession& from, TlsSession& to, std::string& clear, std::size_t chunk) {
        std::string wire;
        from.take_output(wire);
        for (std::size_t at = 0; at < wire.size(); at += chunk) to.receive(std::string_view(wire).substr(at, chunk), clear);
    }

    TlsSession server, client;
    std::string at_server, at_client;
};

struct Certificates {
    test::Folder folder;
    test::Certificate edge = test::make_certificate(folder, "edge", "DNS:edge.example.org,IP:127.0.0.1,IP:::1");
    test::Certificate other = test::make_certificate(folder, "other", "DNS:*.example.org");
    TlsContext server = *TlsContext::server(edge.certificate, edge.key, {});
    TlsContext trusting = *TlsContext::client(edge.certificate, true, "", "");
};

const Certificates& certificates() {
    static const Certificates made;
    return made;
}

}  // namespace

TEST_CASE("tls: a verified session carries text both ways, in any pieces, and ends with a goodbye") {
    const std::string long_text(100'000, 'x');
    for (const std::size_t chunk : {std::size_t{100'000}, std::size_t{1}, std::size_t{37}}) {
        for (const std::string name : {"edge.example.org", "127.0.0.1", "::1"}) {
            Link link(certificates().server, certificates().trusting, name);
            link.run(chunk);
            REQUIRE(link.client.state() == State::open);
            REQUIRE(link.server.state() == State::open);
            CHECK(link.client.description().starts_with("TLSv1.3 "));
            CHECK(link.client.description() == link.server.description());
            link.client.send(long_text);
            link.server.send("hello");
            link.run(chunk);
            CHECK(link.at_server == long_text);
            CHECK(link.at_client == "hello");
            link.client.close();
            link.run(chunk);
            CHECK(link.server.state() == State::closed);
            CHECK(link.server.error().empty());
        }
    }
}

TEST_CASE("tls: a certificate for someone else, or by someone unknown, is refused with the reason") {
    const auto& made = certificates();
    const auto trusts_other = *TlsContext::client(made.other.certificate, true, "", "");
    const auto serves_other = *TlsContext::server(made.other.certificate, made.other.key, {});
    struct Row {
        const TlsContext &server, &client;
        std::string name, reason;
    };
    const Row rows[] = {
        {made.server, made.trusting, "sip.example.org", "TLS: certificate verify failed: hostname mismatch"},
        {made.server, made.trusting, "127.0.0.2", "TLS: certificate verify failed: IP address mismatch"},
        {made.server, trusts_other, "edge.example.org", "TLS: certificate verify failed: self-signed certificate"},
        {serves_other, trusts_other, "edge.example.org",
         "TLS: certificate verify failed: hostname mismatch"},  // no wildcards: RFC 5922 §7.2
    };
    for (const auto& row : rows) {
        Link link(row.server, row.client, row.name);
        link.run();
        CHECK(link.client.state() == State::failed);
        CHECK(link.client.error() == row.reason);
        CHECK(link.server.state() == State::failed);  // it was told
        CHECK(link.at_server.empty());
    }
}

TEST_CASE("tls: verification can be switched off for tests") {
    Link link(certificates().server, *TlsContext::client("", false, "", ""), "wrong.example.org");
    link.run();
    CHECK(link.client.state() == State::open);
}

TEST_CASE("tls: a server that wants a client certificate") {
    const auto& made = certificates();
    const auto strict = *TlsContext::server(made.edge.certificate, made.edge.key, {.ca = made.other.certificate});
    SECTION("has it") {
        Link link(strict, *TlsContext::client(made.edge.certificate, true, made.other.certificate, made.other.key), "127.0.0.1");
        link.run();
        CHECK(link.server.state() == State::open);
    }
    SECTION("does not get it") {
        Link link(strict, made.trusting, "127.0.0.1");
        link.run();
        CHECK(link.server.state() == State::failed);
        CHECK(link.server.error() == "TLS: peer did not return a certificate");
        CHECK(link.client.state() == State::failed);
    }
    SECTION("gets one by someone unknown") {
        Link link(strict, *TlsContext::client(made.edge.certificate, true, made.edge.certificate, made.edge.key), "127.0.0.1");
        link.run();
        CHECK(link.server.state() == State::failed);
    }
}

TEST_CASE("tls: what is not TLS fails at once, and the failed session stays harmless") {
    const std::string texts[] = {"OPTIONS sip:edge SIP/2.0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", std::string(500, '\0'),
                                 "\x16\x03\x01\xff\xff garbage"};
    for (const auto& text : texts) {
        TlsSession server(certificates().server, true, "");
        std::string clear, wire;
        server.receive(text, clear);
        server.receive(std::string(20'000, 'z'), clear);
        CHECK(server.state() == State::failed);
        CHECK(server.error().starts_with("TLS: "));
        CHECK(clear.empty());
        server.take_output(wire);
        CHECK(wire.size() < 20);  // an alert at most
        CHECK(server.send("x") == State::failed);
        server.close();
        CHECK(server.state() == State::failed);
    }
}

TEST_CASE("tls: nothing is sent before the session is open") {
    Link link(certificates().server, certificates().trusting, "127.0.0.1");
    CHECK(link.client.send("too early") == State::handshaking);
    link.run();
    CHECK(link.at_server.empty());
}

TEST_CASE("tls: contexts refuse files that do not fit, in a sentence that names them") {
    const auto& made = certificates();
    const auto& [folder, edge, other, server, trusting] = made;
    const auto text = folder.write("text.pem", "not a certificate\n");
    const auto absent = folder / "absent.pem";
    const auto error = [](const auto& result) { return result ? std::string() : result.error(); };
    CHECK(error(TlsContext::server(edge.certificate, other.key, {})) ==
          other.key + ": this private key does not belong to the certificate in " + edge.certificate);
    CHECK(error(TlsContext::server(absent, edge.key, {})) == absent + ": No such file or directory");
    CHECK(error(TlsContext::server(edge.certificate, absent, {})) == absent + ": No such file or directory");
    CHECK(error(TlsContext::server(text, edge.key, {})).starts_with(text + ": no certificate in PEM form"));
    CHECK(error(TlsContext::server(edge.certificate, text, {})).starts_with(text + ": no private key in PEM form"));
    CHECK(error(TlsContext::server(edge.certificate, edge.key, {.ca = text})).starts_with(text + ": no certificates in PEM form"));
    CHECK(error(TlsContext::client(absent, true, "", "")) == absent + ": No such file or directory");
    CHECK(error(TlsContext::client("", true, "", "")).empty());
}
