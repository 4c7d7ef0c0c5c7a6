#include "sbc-edge/media_thread.hpp"

#include <algorithm>
#include <optional>

#include "io/port_pairs.hpp"

namespace confab::edge {
namespace {

constexpr std::size_t kLargestPacket = 2048;
constexpr base::seconds kSweep{1};

using media::Side;

io::Datagrams::Options socket_options(const Config& config) {
    io::Datagrams::Options options;
    options.size = kLargestPacket;
    options.headroom = media::kSrtpOverhead;
    options.dscp = static_cast<int>(config.dscp);
    return options;
}

}  // namespace

// One relay with its four sockets.
struct MediaThread::Path {
    media::Relay relay;
    std::optional<io::PortPair> ports[2];
    std::optional<RelaySettings::Keys> keys;
    base::Instant opened{};

    void carry(base::Now now, Side from, bool rtcp, std::span<io::Datagram> batch) {
        const auto other = from == Side::outside ? Side::inside : Side::outside;
        auto& socket = rtcp ? ports[static_cast<int>(other)]->rtcp : ports[static_cast<int>(other)]->rtp;
        for (auto& datagram : batch) {
            // The buffer has room behind the packet for SRTP's work in place.
            const std::span<std::uint8_t> room(datagram.bytes.data(), datagram.bytes.size() + media::kSrtpOverhead);
            const auto out = relay.receive(now.steady, from, datagram.peer, rtcp, room, datagram.bytes.size());
            if (out) socket.send(out->destination, room.first(out->size));
        }
        socket.flush();
    }
};

struct MediaThread::Impl {
    Impl(io::Loop& signalling_loop, const Config& settings, Handlers on)
        : signalling(signalling_loop), config(settings), handlers(std::move(on)), timeout(config.media_timeout), options(socket_options(config)),
          buffers(io::Datagrams::make_buffers(options)),
          pairs{io::PortPairs(config.outside_ports.low, config.outside_ports.high, io::kernel_seed()),
                io::PortPairs(config.inside_ports.low, config.inside_ports.high, io::kernel_seed())} {}

    std::expected<io::PortPair, std::string> bind(io::Loop& loop, Path& path, Side side) {
        const auto& ip = side == Side::outside ? config.media_outside : config.media_inside;
        const auto on = [&path, side](bool rtcp) {
            return [&path, side, rtcp](base::Now now, std::span<io::Datagram> batch) { path.carry(now, side, rtcp, batch); };
        };
        return pairs[static_cast<int>(side)].bind(loop, ip, options, buffers, on(false), on(true));
    }

    void open(io::Loop& loop, CallId call) {
        auto path = std::make_unique<Path>();
        path->opened = loop.now().steady;
        for (const auto side : {Side::outside, Side::inside}) {
            auto ports = bind(loop, *path, side);
            if (!ports) return signalling.post([this, call, reason = ports.error()] { handlers.failed(call, reason); });
            path->ports[static_cast<int>(side)] = std::move(*ports);
        }
        const auto outside = path->ports[0]->rtp.local(), inside = path->ports[1]->rtp.local();
        paths[call] = std::move(path);
        signalling.post([this, call, outside, inside] { handlers.opened(call, outside, inside); });
    }

    void update(CallId call, const RelaySettings& settings) {
        const auto found = paths.find(call);
        if (found == paths.end()) return;
        auto& path = *found->second;
        if (settings.outside) path.relay.set_remote(Side::outside, *settings.outside);
        if (settings.inside) path.relay.set_remote(Side::inside, *settings.inside);
        // Keys that stay must not be set again: SRTP's packet index would start over.
        if (!settings.keys || path.keys == settings.keys) return;
        path.keys = settings.keys;
        media::RelayKeys keys;
        keys.receive = media::Srtp::create(media::Srtp::Direction::receive, settings.keys->receive.suite, settings.keys->receive.key);
        keys.send = media::Srtp::create(media::Srtp::Direction::send, settings.keys->send.suite, settings.keys->send.key);
        path.relay.set_keys(Side::outside, std::move(keys));
    }

    void close(CallId call) {
        const auto found = paths.find(call);
        if (found == paths.end()) return;
        count(found->second->relay.counts(), closed);
        paths.erase(found);
    }

    static void count(const media::RelayCounts& counts, Totals& totals) {
        totals.packets += counts.packets_in[0] + counts.packets_in[1];
        totals.rejected += counts.rejected[0] + counts.rejected[1];
    }

    void sweep(base::Now now) {
        auto totals = closed;
        totals.relays = paths.size();
        for (const auto& [call, path] : paths) {
            count(path->relay.counts(), totals);
            const auto last = std::max({path->opened, path->relay.last_packet(Side::outside), path->relay.last_packet(Side::inside)});
            if (now.steady - last < timeout) continue;
            path->opened = now.steady;  // told once; closing is signalling's to decide
            signalling.post([this, id = call] { handlers.idle(id); });
        }
        signalling.post([this, totals] { handlers.totals(totals); });
    }

    io::Loop& signalling;
    const Config config;
    Handlers handlers;
    base::milliseconds timeout;
    io::Datagrams::Options options;
    std::shared_ptr<io::Datagrams::Buffers> buffers;
    io::PortPairs pairs[2];
    std::unordered_map<CallId, std::unique_ptr<Path>> paths;
    Totals closed;
    std::optional<io::Timer> sweeper;
};

MediaThread::MediaThread(io::Loop& signalling, const Config& config, Handlers handlers)
    : impl_(std::make_shared<Impl>(signalling, config, std::move(handlers))), worker_("media", true) {
    worker_.loop().post([impl = impl_, &loop = worker_.loop()] {
        impl->sweeper.emplace(loop, [impl = impl.get(), &loop] {
            impl->sweep(loop.now());
            impl->sweeper->after(kSweep);
        });
        impl->sweeper->after(kSweep);
    });
}

MediaThread::~MediaThread() {
    // Sockets and timers belong to the worker's loop: they go there, before it ends.
    worker_.finish([this] {
        impl_->sweeper.reset();
        impl_->paths.clear();
    });
}

void MediaThread::open(CallId call) {
    worker_.loop().post([impl = impl_, &loop = worker_.loop(), call] { impl->open(loop, call); });
}

void MediaThread::update(CallId call, const RelaySettings& settings) {
    worker_.loop().post([impl = impl_, call, settings] { impl->update(call, settings); });
}

void MediaThread::close(CallId call) {
    worker_.loop().post([impl = impl_, call] { impl->close(call); });
}

void MediaThread::set_timeout(base::milliseconds timeout) {
    worker_.loop().post([impl = impl_, timeout] { impl->timeout = timeout; });
}

}  // namespace confab::edge
