// A Signalling and what it told, and certificates for it: what the tests of io's transports stand on.
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "io/signalling.hpp"
#include "stage.hpp"

namespace confab::test {

using io::Signalling;
using sip::Transport;

inline std::string message(const std::string& body = "") {
    return "MESSAGE sip:a@b SIP/2.0\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Party {
    Party(io::Loop& loop_used, std::vector<Signalling::Listener> listeners, const Signalling::Options& options = {})
        : loop(loop_used), signalling(loop, std::move(listeners), options, handlers()) {}

    Signalling::Handlers handlers() {
        return {.received =
                    [this](base::Now, const sip::Hop& source, std::string_view bytes, bool is_stream) {
                        CHECK(is_stream == sip::is_stream(source.transport));
                        from.push_back(source);
                        texts.emplace_back(bytes);
                        if (on_received) on_received(source, bytes);
                    },
                .failed =
                    [this](base::Now, const sip::Hop& hop, const std::string& reason) {
                        failed.push_back(hop);
                        reasons.push_back(reason);
                    },
                .opened = [this](base::Now, const sip::Hop& hop) { opened.push_back(hop); },
                .batch_end =
                    [this](base::Now) {
                        ++batches;
                        if (on_batch_end) on_batch_end();
                    }};
    }
    void send(const sip::Hop& to, std::string_view text) {
        out.clear();
        out.send(to, text);
        signalling.send(loop.now(), out);
    }
    base::SocketAddress address(std::uint16_t listener = 0) const { return signalling.local(listener); }

    io::Loop& loop;
    std::vector<sip::Hop> from, failed, opened;
    std::vector<std::string> texts, reasons;
    int batches = 0;
    std::function<void(const sip::Hop&, std::string_view)> on_received;
    std::function<void()> on_batch_end;
    sip::Outbox out;
    Signalling signalling;
};

struct Tls {
    Folder folder;
    Certificate certificate = make_certificate(folder, "edge", "IP:127.0.0.1,DNS:edge.example.org");
    io::TlsContext server = *io::TlsContext::server(certificate.certificate, certificate.key, {});
    io::TlsContext client = *io::TlsContext::client(certificate.certificate, true, "", "");
};
inline const Tls& tls() {
    static const Tls made;
    return made;
}

inline Signalling::Listener listener(Transport transport, const base::SocketAddress& at = loopback()) {
    return {transport, at, transport == Transport::tls ? std::optional(tls().server) : std::nullopt};
}
inline Signalling::Options with_tls() {
    Signalling::Options options;
    options.tls_client = tls().client;
    return options;
}

}  // namespace confab::test
