// SIP's sockets for one thread: listeners, connections, framing, keepalives. Bytes of whole messages up, `Outbox` entries down. No SIP decisions here.
//
// Flow numbers start at a boot nonce and count up; each names a listener's datagram socket or one connection. A connection is found again by (transport, peer,
// listener) for entries with flow 0, also under the port that a known peer gave as its alias (RFC 5923). Keepalives of RFC 5626 are answered here.
// Bounds: connections, message size, write queue, idle time, time until authentication; each limit reached is counted.
// Handlers are never called from within `send` or `close`, and must not destroy the Signalling.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/loop.hpp"
#include "io/tls.hpp"
#include "sip/transport.hpp"

namespace confab::io {

struct SignallingSetup;

class Signalling {
public:
    struct Listener {
        sip::Transport transport;
        base::SocketAddress address;
        std::optional<TlsContext> tls;  // servers' side, for tls
        bool trusted = false;           // no authentication deadline for whoever connects here
    };
    struct Options {
        std::size_t message_limit = 65535;
        std::size_t connections = 10'000;
        std::size_t write_queue = 1 << 20;
        base::milliseconds open_timeout{10'000};
        base::milliseconds idle_timeout{7'200'000};   // a connection without traffic
        base::milliseconds authentication_timeout{0}; // for connections that others opened, until `trust`; 0: no limit
        std::vector<base::Network> trusted{};         // peers without an authentication deadline
        int receive_buffer = 4 << 20;
        std::optional<TlsContext> tls_client{};       // for connections that we open with TLS
    };
    struct Handlers {
        std::function<void(base::Now, const sip::Hop& source, std::string_view bytes, bool is_stream)> received;
        std::function<void(base::Now, const sip::Hop& hop, const std::string& reason)> failed;  // a connection closed, or could not be made
        std::function<void(base::Now, const sip::Hop& hop)> opened = {};                        // a connection was accepted or made
        // Before the datagrams of a batch: how long the first one waited in the kernel. Streams: 0.
        std::function<void(base::Now, base::Duration queue_delay)> batch_begin = {};
        std::function<void(base::Now)> batch_end = {};  // after each batch of inputs: time to flush
    };

    Signalling(Loop& loop, std::vector<Listener> listeners, const Options& options, Handlers handlers);  // throws StartupError
    ~Signalling();

    void send(base::Now now, const sip::Outbox& out);   // and flushes
    void close(sip::FlowId flow, bool now);             // `now` false: after what is queued
    void trust(sip::FlowId flow);                       // its peer has proven itself: the authentication deadline is over
    // For connections to come: certificates of the listeners that have TLS, the client's context, trusted networks, authentication deadline.
    void reload(const SignallingSetup& fresh);
    const base::SocketAddress& local(std::uint16_t listener) const;  // with the port that was bound
    // The listener that sends to a peer of this transport and family; kAnyListener when none.
    std::uint16_t listener_for(sip::Transport transport, base::Family family) const;
    // The name that the next TLS connection to this address must prove (RFC 5922 §4); default: its IP address.
    void expect_name(const base::SocketAddress& peer, const std::string& name);

    struct Counts {
        std::uint64_t datagrams = 0, accepted = 0, connected = 0, refused = 0, oversized = 0, malformed_frames = 0, slow_closed = 0, idle_closed = 0;
        std::uint64_t unauthenticated_closed = 0, keepalives = 0;  // keepalives: STUN Binding requests answered
        std::uint64_t unsent = 0;             // datagrams that the kernel did not take
        std::uint64_t handshakes_failed = 0;  // accepted, but never open: nobody is told of these
        std::size_t open = 0;
    };
    Counts counts() const;
    std::string describe(sip::FlowId flow) const;  // TLS version and suite for probes

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace confab::io
