// Signalling's stream connections: framing, keepalives, reuse, bounds, idle time. Private to io. Owner: one loop's thread.
// A connection is erased only from the loop, never while one of its handlers runs.
#pragma once

#include <unordered_map>

#include "base/deadlines.hpp"
#include "io/signalling.hpp"
#include "io/stream.hpp"
#include "sip/stream_framer.hpp"

namespace confab::io {

// Never used twice in a run, and hardly ever again in the next: 20 random bits over a 40-bit counter.
class FlowNumbers {
public:
    FlowNumbers();
    sip::FlowId next() { return {next_++}; }

private:
    std::uint64_t next_;
};

class Connections {
public:
    Connections(Loop& loop, const Signalling::Options& options, const Signalling::Handlers& handlers, FlowNumbers& numbers,
                Signalling::Counts& counts);

    // `hop.flow` is given here.
    void accept(Descriptor socket, sip::Hop hop, const TlsContext* tls, bool trusted);
    // `to.listener` is final here. False: no such flow, or (flow 0) one more connection is not allowed.
    bool send(base::Now now, const sip::Hop& to, std::string_view bytes);
    // Opens one and queues the bytes.
    bool open(base::Now now, const sip::Hop& to, const base::IpAddress& local, const std::string& name, std::string_view bytes);
    // The live connection for these, flow 0 when there is none. `name`: what its certificate was to be for, where it is one of ours with TLS.
    sip::FlowId find(const sip::Hop& to, const std::string& name) const;
    void close(sip::FlowId flow, bool now);
    void trust(sip::FlowId flow);
    std::string describe(sip::FlowId flow) const;
    std::size_t size() const { return connections_.size(); }

private:
    struct Key {
        sip::Transport transport;
        base::SocketAddress peer;
        std::uint16_t listener;
        std::string name;  // who was to answer, where we asked: a connection that one domain proved itself on serves no other (RFC 5922 §4)
        bool operator==(const Key&) const = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const noexcept {
            return std::hash<base::SocketAddress>{}(key.peer) * 31 + static_cast<std::size_t>(key.transport) * 65536 + key.listener;
        }
    };
    struct Connection {
        Connection(const sip::Hop& where, bool came_in, std::size_t message_limit) : hop(where), accepted(came_in), framer(message_limit) {}
        sip::Hop hop;
        std::string name{};
        bool accepted;
        bool opened = false, ending = false;
        bool may_alias = false;  // its peer is known: it may say at which other port it listens
        base::Instant last_traffic{};
        std::optional<base::Instant> prove_by{};  // the authentication deadline
        std::uint16_t alias_port = 0;             // where the peer listens, as its Via said (RFC 5923)
        sip::StreamFramer framer;
        std::unique_ptr<Stream> stream;
    };

    Connection& add(const sip::Hop& hop, bool accepted, const std::string& name);
    Stream::Options stream_options() const;
    Stream::Handlers stream_handlers(sip::FlowId flow);
    void opened(sip::FlowId flow);
    void received(sip::FlowId flow, std::string_view bytes);
    bool frame(base::Now now, Connection& connection, const sip::StreamFramer::Frame& frame);
    void learn_alias(Connection& connection, std::string_view message);
    bool write(base::Now now, Connection& connection, std::string_view bytes);
    void end(sip::FlowId flow, const std::string& reason);
    void end_later(Connection& connection, const std::string& reason);
    void forget(const Connection& connection);
    base::Instant deadline_of(const Connection& connection) const;
    void watch_deadline(const Connection& connection);
    void check_deadlines();
    void arm_deadlines();

    Loop& loop_;
    const Signalling::Options& options_;
    const Signalling::Handlers& handlers_;
    FlowNumbers& numbers_;
    Signalling::Counts& counts_;
    std::unordered_map<sip::FlowId, Connection> connections_;
    std::unordered_map<Key, sip::FlowId, KeyHash> by_peer_;
    base::Deadlines<sip::FlowId> deadlines_;
    Timer deadline_timer_;
    std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace confab::io
