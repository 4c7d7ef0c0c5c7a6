#include "io/connections.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "sip/grammar.hpp"
#include "sip/message.hpp"

namespace confab::io {

FlowNumbers::FlowNumbers() : next_((1 + base::Random(kernel_seed()).below((1U << 20) - 1)) << 40) {}

Connections::Connections(Loop& loop, const Signalling::Options& options, const Signalling::Handlers& handlers, FlowNumbers& numbers,
                         Signalling::Counts& counts)
    : loop_(loop), options_(options), handlers_(handlers), numbers_(numbers), counts_(counts), deadline_timer_(loop, [this] {
          check_deadlines();
      }) {}

Connections::Connection& Connections::add(const sip::Hop& hop, bool accepted, const std::string& name) {
    const auto [place, fresh] = connections_.try_emplace(hop.flow, hop, accepted, options_.message_limit);
    CHECK(fresh, "flow " + std::to_string(hop.flow.value) + " is there already");
    by_peer_[{hop.transport, hop.peer, hop.listener, name}] = hop.flow;
    auto& connection = place->second;
    connection.name = name;
    connection.last_traffic = loop_.now().steady;
    return connection;
}

Stream::Options Connections::stream_options() const {
    Stream::Options stream;
    stream.queue = options_.write_queue;
    stream.open_timeout = options_.open_timeout;
    return stream;
}

Stream::Handlers Connections::stream_handlers(sip::FlowId flow) {
    return {.opened = [this, flow] { opened(flow); },
            .received = [this, flow](std::string_view bytes) { received(flow, bytes); },
            .closed = [this, flow](const std::string& reason) { end(flow, reason); }};
}

void Connections::accept(Descriptor socket, sip::Hop hop, const TlsContext* tls, bool trusted) {
    if (connections_.size() >= options_.connections) {
        ++counts_.refused;
        return;
    }
    ++counts_.accepted;
    hop.flow = numbers_.next();
    auto& connection = add(hop, true, {});
    const auto contains_peer = [&](const base::Network& network) { return network.contains(hop.peer.ip); };
    connection.may_alias = trusted || std::ranges::any_of(options_.trusted, contains_peer);
    if (!connection.may_alias && options_.authentication_timeout.count() > 0)
        connection.prove_by = connection.last_traffic + options_.authentication_timeout;
    watch_deadline(connection);
    connection.stream = Stream::accepted(loop_, std::move(socket), hop.peer, tls, stream_options(), stream_handlers(hop.flow));
}

bool Connections::open(base::Now now, const sip::Hop& to, const base::IpAddress& local, const std::string& name, std::string_view bytes) {
    if (connections_.size() >= options_.connections) {
        ++counts_.refused;
        return false;
    }
    sip::Hop hop = to;
    hop.flow = numbers_.next();
    auto& connection = add(hop, false, to.transport == sip::Transport::tls ? name : std::string());
    watch_deadline(connection);
    const TlsContext* tls = to.transport == sip::Transport::tls ? &*options_.tls_client : nullptr;
    connection.stream = Stream::connect(loop_, to.peer, local, tls, name, stream_options(), stream_handlers(hop.flow));
    write(now, connection, bytes);
    return true;
}

bool Connections::send(base::Now now, const sip::Hop& to, std::string_view bytes) {
    const auto found = connections_.find(to.flow);
    if (found == connections_.end() || found->second.ending) return false;
    write(now, found->second, bytes);
    return true;
}

bool Connections::write(base::Now now, Connection& connection, std::string_view bytes) {
    connection.last_traffic = now.steady;
    if (connection.stream->send(bytes)) return true;
    if (connection.stream->queued() > options_.write_queue) ++counts_.slow_closed;
    connection.ending = true;  // the stream reports the end itself
    forget(connection);
    return false;
}

sip::FlowId Connections::find(const sip::Hop& to, const std::string& name) const {
    auto found = by_peer_.find({to.transport, to.peer, to.listener, name});
    if (found == by_peer_.end() && !name.empty()) found = by_peer_.find({to.transport, to.peer, to.listener, {}});  // one that the peer opened
    return found == by_peer_.end() ? sip::FlowId{} : found->second;
}

void Connections::opened(sip::FlowId flow) {
    auto& connection = connections_.at(flow);
    connection.opened = true;
    if (connection.stream->has_verified_peer()) {
        connection.prove_by.reset();
        connection.may_alias = connection.accepted;
    }
    if (!connection.accepted) ++counts_.connected;
    const auto now = loop_.now();
    connection.last_traffic = now.steady;
    if (handlers_.opened) handlers_.opened(now, connection.hop);
    if (handlers_.batch_end) handlers_.batch_end(now);
}

void Connections::received(sip::FlowId flow, std::string_view bytes) {
    auto& connection = connections_.at(flow);
    if (connection.ending) return;
    const auto now = loop_.now();
    if (handlers_.batch_begin) handlers_.batch_begin(now, {});
    connection.framer.append(bytes);
    bool lost = false;
    while (!connection.ending && !lost) {
        const auto next = connection.framer.next();
        if (next.kind == sip::StreamFramer::Kind::none) break;
        lost = !frame(now, connection, next);
    }
    if (handlers_.batch_end) handlers_.batch_end(now);
    // Not before: the core's answer to what was wrong should still leave.
    if (lost) close(flow, false);
}

// False: framing is lost.
bool Connections::frame(base::Now now, Connection& connection, const sip::StreamFramer::Frame& frame) {
    using Kind = sip::StreamFramer::Kind;
    connection.last_traffic = now.steady;
    switch (frame.kind) {
        case Kind::message:
            if (connection.may_alias && connection.alias_port == 0) learn_alias(connection, frame.bytes);
            handlers_.received(now, connection.hop, frame.bytes, true);
            return true;
        case Kind::ping:
            write(now, connection, "\r\n");  // RFC 5626 §3.5.1
            return true;
        case Kind::malformed:
            ++counts_.malformed_frames;
            if (!frame.bytes.empty()) handlers_.received(now, connection.hop, frame.bytes, true);
            return false;
        case Kind::too_large:
            ++counts_.oversized;
            return false;
        case Kind::pong:
        case Kind::none:
            return true;
    }
    return true;
}

// RFC 5923: requests to the address where the peer says that it listens go over this connection. Believed only of peers whose certificate was
// verified or whose network is trusted, and only for the address that they come from; anybody else could draw a neighbour's requests to himself.
void Connections::learn_alias(Connection& connection, std::string_view message) {
    if (!message.contains(";alias")) return;
    sip::Message parsed;
    if (sip::split(message, parsed, true) != sip::ParseError::none || !parsed.is_request) return;
    const auto via = sip::parse_via(parsed.via.value);
    const auto host = base::IpAddress::parse(parsed.via.host);
    if (!via || !via->params.has("alias") || (host && *host != connection.hop.peer.ip)) return;
    const auto& hop = connection.hop;
    connection.alias_port = via->port != 0 ? via->port : sip::default_port(hop.transport);
    by_peer_[{hop.transport, {hop.peer.ip, connection.alias_port}, hop.listener, {}}] = hop.flow;
}

void Connections::forget(const Connection& connection) {
    const auto& hop = connection.hop;
    for (const auto port : {hop.peer.port, connection.alias_port}) {
        const auto found = by_peer_.find({hop.transport, {hop.peer.ip, port}, hop.listener, connection.name});
        if (found != by_peer_.end() && found->second == hop.flow) by_peer_.erase(found);
    }
}

void Connections::close(sip::FlowId flow, bool now) {
    const auto found = connections_.find(flow);
    if (found == connections_.end() || found->second.ending) return;
    if (now) return end_later(found->second, "closed here");
    found->second.ending = true;
    forget(found->second);
    found->second.stream->close();
}

void Connections::end_later(Connection& connection, const std::string& reason) {
    connection.ending = true;
    forget(connection);
    loop_.post([this, alive = std::weak_ptr(alive_), flow = connection.hop.flow, reason] {
        if (!alive.expired()) end(flow, reason);
    });
}

void Connections::end(sip::FlowId flow, const std::string& reason) {
    const auto found = connections_.find(flow);
    if (found == connections_.end()) return;
    const auto hop = found->second.hop;
    const bool known = found->second.opened || !found->second.accepted;
    forget(found->second);
    deadlines_.cancel(flow);
    connections_.erase(found);
    if (!known) {
        ++counts_.handshakes_failed;
        return;
    }
    const auto now = loop_.now();
    handlers_.failed(now, hop, reason);
    if (handlers_.batch_end) handlers_.batch_end(now);
}

void Connections::trust(sip::FlowId flow) {
    if (const auto found = connections_.find(flow); found != connections_.end()) found->second.prove_by.reset();
}

base::Instant Connections::deadline_of(const Connection& connection) const {
    const auto idle = connection.last_traffic + options_.idle_timeout;
    return connection.prove_by ? std::min(*connection.prove_by, idle) : idle;
}

void Connections::watch_deadline(const Connection& connection) {
    deadlines_.set(connection.hop.flow, deadline_of(connection));
    arm_deadlines();
}

// Neither traffic nor trust moves a deadline: one that comes looks what has been since.
void Connections::check_deadlines() {
    const auto now = loop_.now().steady;
    while (const auto flow = deadlines_.pop_due(now)) {
        auto& connection = connections_.at(*flow);
        const auto due = deadline_of(connection);
        if (due > now) {
            deadlines_.set(*flow, due);
        } else if (!connection.ending) {
            const bool unproven = connection.prove_by && *connection.prove_by <= now;
            ++(unproven ? counts_.unauthenticated_closed : counts_.idle_closed);
            end_later(connection, unproven ? "not authenticated in time" : "idle");
        }
    }
    arm_deadlines();
}

void Connections::arm_deadlines() {
    if (const auto next = deadlines_.next()) deadline_timer_.at(*next);
}

std::string Connections::describe(sip::FlowId flow) const {
    const auto found = connections_.find(flow);
    return found == connections_.end() ? std::string() : found->second.stream->description();
}

}  // namespace confab::io
