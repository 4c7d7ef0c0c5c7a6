#include "io/signalling.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/check.hpp"
#include "io/acceptor.hpp"
#include "io/activation.hpp"
#include "io/connections.hpp"
#include "io/datagrams.hpp"
#include "io/error.hpp"
#include "io/signalling_setup.hpp"
#include "io/socket.hpp"
#include "sip/stun_keepalive.hpp"

namespace confab::io {

namespace {

std::string_view as_text(std::span<const std::uint8_t> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
std::span<const std::uint8_t> as_octets(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

}  // namespace

struct Signalling::Impl {
    struct Bound {
        Listener listener;
        base::SocketAddress local;
        sip::FlowId flow{};  // udp
        std::optional<Datagrams> datagrams{};
        std::unique_ptr<Acceptor> acceptor{};
        bool written = false;  // in the batch that is being sent
    };

    Impl(Loop& loop_used, std::vector<Listener> listeners, const Options& chosen, Handlers given)
        : loop(loop_used), options(chosen), handlers(std::move(given)), connections(loop, options, handlers, numbers, counts) {
        CHECK(handlers.received && handlers.failed, "Signalling without handlers");
        for (auto& listener : listeners) bind(std::move(listener));
    }

    void bind(Listener listener) {
        const auto index = static_cast<std::uint16_t>(bound.size());
        Bound made{.listener = std::move(listener), .local = {}};
        if (made.listener.transport == sip::Transport::udp)
            bind_datagrams(made, index);
        else
            bind_stream(made, index);
        bound.push_back(std::move(made));
    }

    void bind_datagrams(Bound& made, std::uint16_t index) {
        Datagrams::Options wanted{.size = options.message_limit, .headroom = 0, .receive_buffer = options.receive_buffer, .dscp = 0, .stamped = static_cast<bool>(handlers.batch_begin), .joined = true};
        if (!buffers) buffers = Datagrams::make_buffers(wanted);
        const auto name = name_of(made.listener);
        auto socket = inherited_or(SocketKind::datagram, name, made.listener.address, [&] { return open_udp(made.listener.address, 0, 0); });
        if (options.receive_buffer > 0) enlarge_receive_buffer(socket.get(), options.receive_buffer);
        made.local = local_address(socket.get());
        made.flow = numbers.next();
        made.datagrams.emplace(Datagrams::adopt(loop, std::move(socket), wanted, buffers, [this, index](base::Now now, std::span<Datagram> batch) {
            received(now, index, batch);
        }));
    }

    static std::string name_of(const Listener& listener) { return std::string(sip::param_name(listener.transport)) + " " + listener.address.text(); }

    // The one that the service manager kept for us, or a new one that it is asked to keep.
    template <class Open>
    static Descriptor inherited_or(SocketKind kind, const std::string& name, const base::SocketAddress& local, Open open) {
        if (auto socket = take_inherited(kind, local)) return std::move(*socket);
        auto socket = open();
        if (!socket) throw StartupError(socket.error() == EACCES ? kPermission : kOsError, name + ": " + os_error_text(socket.error()));
        leave_for_restart(socket->get(), name);
        return std::move(*socket);
    }

    void bind_stream(Bound& made, std::uint16_t index) {
        const auto transport = made.listener.transport;
        const auto name = name_of(made.listener);
        if (transport == sip::Transport::tls && !made.listener.tls)
            throw StartupError(kConfig, name + ": a TLS listener needs a certificate");
        auto socket = inherited_or(SocketKind::listener, name, made.listener.address, [&] { return open_listener(made.listener.address); });
        made.local = local_address(socket.get());
        made.acceptor = std::make_unique<Acceptor>(
            loop, std::move(socket), [this, index, transport](Descriptor accepted, const sockaddr_storage& peer) {
                const auto& tls = bound[index].listener.tls;
                connections.accept(std::move(accepted), {transport, from_kernel(peer), {}, index}, tls ? &*tls : nullptr, bound[index].listener.trusted);
            });
    }

    void received(base::Now now, std::uint16_t index, std::span<Datagram> batch) {
        if (handlers.batch_begin) handlers.batch_begin(now, bound[index].datagrams->queue_delay());
        counts.datagrams += batch.size();
        for (const auto& datagram : batch) {
            const auto kind = sip::kind_of(datagram.bytes);
            if (kind == sip::DatagramKind::message)
                handlers.received(now, {sip::Transport::udp, datagram.peer, bound[index].flow, index}, as_text(datagram.bytes), false);
            else if (kind == sip::DatagramKind::stun)
                answer_keepalive(*bound[index].datagrams, datagram);
        }
        if (handlers.batch_end) handlers.batch_end(now);
    }

    void answer_keepalive(Datagrams& socket, const Datagram& request) {
        std::array<std::uint8_t, sip::kStunAnswerSize> answer;
        const auto size = sip::answer_stun(request.bytes, request.peer, answer);
        if (!size) return;
        ++counts.keepalives;
        socket.send(request.peer, std::span(answer).first(*size));
        socket.flush();
    }

    // --- sending

    void send(base::Now now, const sip::Hop& to, std::string_view bytes) {
        if (to.transport == sip::Transport::udp) return send_datagram(to, bytes);
        if (to.flow != sip::FlowId{}) {
            if (!connections.send(now, to, bytes)) report(to, "the connection is gone");
            return;
        }
        sip::Hop hop = to;
        hop.listener = sender(to);
        hop.flow = connections.find(hop, expected_name(hop));
        if (hop.flow != sip::FlowId{} && connections.send(now, hop, bytes)) return;
        open(now, hop, bytes);
    }

    void open(base::Now now, sip::Hop hop, std::string_view bytes) {
        hop.flow = {};
        if (hop.transport == sip::Transport::tls && !options.tls_client) return report(hop, "no TLS towards others is configured");
        const auto local = hop.listener < bound.size() ? bound[hop.listener].local.ip : base::IpAddress{};
        if (!connections.open(now, hop, local, expected_name(hop), bytes)) report(hop, "too many connections");
    }

    std::string expected_name(const sip::Hop& to) const {
        if (to.transport != sip::Transport::tls) return {};
        const auto name = names.find(to.peer);
        return name == names.end() ? to.peer.ip.text() : name->second;
    }

    void send_datagram(const sip::Hop& to, std::string_view bytes) {
        const bool named = to.flow != sip::FlowId{} && to.listener < bound.size() && bound[to.listener].flow == to.flow;
        const auto index = named ? to.listener : to.flow == sip::FlowId{} ? sender(to) : owner_of(to.flow);
        if (index >= bound.size() || !bound[index].datagrams) return report(to, "no UDP listener sends to addresses of this kind");
        bound[index].datagrams->send(to.peer, as_octets(bytes));
        bound[index].written = true;
    }

    void flush() {
        for (auto& each : bound)
            if (std::exchange(each.written, false)) each.datagrams->flush();
    }

    // Never from within `send`: the core that is told may send again.
    void report(const sip::Hop& hop, const std::string& reason) {
        loop.post([this, alive = std::weak_ptr(alive_token), hop, reason] {
            if (alive.expired()) return;
            const auto now = loop.now();
            handlers.failed(now, hop, reason);
            if (handlers.batch_end) handlers.batch_end(now);
        });
    }

    // --- choosing a listener

    std::uint16_t owner_of(sip::FlowId flow) const {
        const auto found = std::ranges::find(bound, flow, &Bound::flow);
        return found == bound.end() ? sip::kAnyListener : static_cast<std::uint16_t>(found - bound.begin());
    }

    template <class Accepts>
    std::uint16_t first_listener(Accepts accepts) const {
        const auto found = std::ranges::find_if(bound, accepts);
        return found == bound.end() ? sip::kAnyListener : static_cast<std::uint16_t>(found - bound.begin());
    }

    std::uint16_t listener_for(sip::Transport transport, base::Family family) const {
        return first_listener([&](const Bound& each) { return each.listener.transport == transport && each.local.ip.family == family; });
    }

    // The one named, or its sibling of the right transport on the same address; a connection may leave from a named listener's address
    // even when it has no sibling.
    std::uint16_t sender(const sip::Hop& to) const {
        if (to.listener >= bound.size() || bound[to.listener].local.ip.family != to.peer.ip.family)
            return listener_for(to.transport, to.peer.ip.family);
        const auto& named = bound[to.listener];
        if (named.listener.transport == to.transport) return to.listener;
        const auto sibling =
            first_listener([&](const Bound& each) { return each.listener.transport == to.transport && each.local.ip == named.local.ip; });
        if (sibling != sip::kAnyListener) return sibling;
        return sip::is_stream(to.transport) ? to.listener : listener_for(to.transport, to.peer.ip.family);
    }

    Loop& loop;
    Options options;
    Handlers handlers;
    FlowNumbers numbers;
    Counts counts;
    std::shared_ptr<Datagrams::Buffers> buffers;
    std::unordered_map<base::SocketAddress, std::string> names;
    Connections connections;
    std::vector<Bound> bound;
    std::shared_ptr<const bool> alive_token = std::make_shared<const bool>(true);
};

Signalling::Signalling(Loop& loop, std::vector<Listener> listeners, const Options& options, Handlers handlers)
    : impl_(std::make_unique<Impl>(loop, std::move(listeners), options, std::move(handlers))) {}
Signalling::~Signalling() = default;

void Signalling::send(base::Now now, const sip::Outbox& out) {
    for (const auto& entry : out.entries()) impl_->send(now, entry.to, out.bytes(entry));
    impl_->flush();
}

void Signalling::close(sip::FlowId flow, bool now) { impl_->connections.close(flow, now); }

void Signalling::trust(sip::FlowId flow) { impl_->connections.trust(flow); }

void Signalling::reload(const SignallingSetup& fresh) {
    impl_->options.trusted = fresh.options.trusted;
    impl_->options.authentication_timeout = fresh.options.authentication_timeout;
    impl_->options.tls_client = fresh.options.tls_client;
    const auto with_tls = std::ranges::find_if(fresh.listeners, [](const Listener& listener) { return listener.tls.has_value(); });
    if (with_tls == fresh.listeners.end()) return;
    for (auto& each : impl_->bound)
        if (each.listener.tls) each.listener.tls = with_tls->tls;
}

const base::SocketAddress& Signalling::local(std::uint16_t listener) const {
    static const base::SocketAddress kNone;
    return listener < impl_->bound.size() ? impl_->bound[listener].local : kNone;
}

std::uint16_t Signalling::listener_for(sip::Transport transport, base::Family family) const {
    return impl_->listener_for(transport, family);
}

void Signalling::expect_name(const base::SocketAddress& peer, const std::string& name) {
    // Names are told again before they are needed again, so at the bound all may go.
    if (impl_->names.size() >= impl_->options.connections && !impl_->names.contains(peer)) impl_->names.clear();
    impl_->names[peer] = name;
}

Signalling::Counts Signalling::counts() const {
    Counts counts = impl_->counts;
    counts.open = impl_->connections.size();
    for (const auto& each : impl_->bound) {
        if (each.datagrams) counts.oversized += each.datagrams->counts().oversized;
        if (each.datagrams) counts.unsent += each.datagrams->counts().unsent;
        if (each.acceptor) counts.refused += each.acceptor->turned_away();
    }
    return counts;
}

std::string Signalling::describe(sip::FlowId flow) const { return impl_->connections.describe(flow); }

}  // namespace confab::io
