#include "conf-bridge/media_thread.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/random.hpp"
#include "conf-bridge/source_latch.hpp"
#include "io/datagrams.hpp"
#include "io/ticker.hpp"
#include "io/worker.hpp"

namespace confab::bridge {
namespace {

constexpr unsigned kPhases = 4;
constexpr base::milliseconds kBeat{5};
constexpr std::uint64_t kReportBeats = 200;  // once a second, for counts that change without events

struct PlacedLeg;

struct PlacedRoom {
    explicit PlacedRoom(const media::RoomPolicy& policy, unsigned group) : room(policy), phase(group) {}
    media::Room room;
    unsigned phase;
    std::vector<PlacedLeg*> legs;  // in the room's own order
};

struct PlacedLeg {
    PlacedLeg(media::LegId leg, io::PortPair bound) : id(leg), sockets(std::move(bound)) {}
    const media::LegId id;
    io::PortPair sockets;
    SourceLatch latch;
    PlacedRoom* place = nullptr;
    RoomId room = kLobby;
    std::optional<media::LegStream> stream;  // between rooms
};

}  // namespace

struct MediaThread::Impl {
    Impl(unsigned number, MediaOptions given, std::function<void(MediaReport)> callback)
        : index(number),
          options(std::move(given)),
          deliver(std::move(callback)),
          random(io::kernel_seed()),
          ports(options.low_port, options.high_port, io::kernel_seed()),
          buffers(io::Datagrams::make_buffers(socket_options())),
          worker("media-" + std::to_string(number), true) {}

    io::Datagrams::Options socket_options() const {
        io::Datagrams::Options chosen;
        chosen.size = 2048;
        chosen.receive_buffer = options.receive_buffer;
        chosen.dscp = options.dscp;
        chosen.stamped = true;
        chosen.polled = true;  // at the tick that uses it: a wake-up for each packet would cost more than all the rest
        return chosen;
    }

    // On the media thread from here on.
    void run(const std::vector<MediaCommand>& commands);
    void operator()(const OpenLeg& what);
    void operator()(const AttachLeg& what);
    void operator()(const FormatLeg& what);
    void operator()(const MuteLeg& what);
    void operator()(const AdmitLeg& what);
    void operator()(const PlayPrompt& what);
    void operator()(const DeafenLeg& what);
    void operator()(const GainLeg& what);
    void operator()(const VolumeLeg& what);
    void operator()(const PlaySounds& what);
    void operator()(const AnnounceRoom& what);
    void operator()(const CloseLeg& what);

    std::expected<io::PortPair, std::string> bind(media::LegId leg, std::uint16_t port);
    PlacedRoom& room_for(RoomId id);
    void detach(media::LegId id, PlacedLeg& leg);
    void receive(media::LegId id, std::span<io::Datagram> batch);
    void beat(std::uint64_t number);
    void tick(PlacedRoom& placed);
    void measure();
    void report();

    PlacedLeg* find(media::LegId id) {
        const auto found = legs.find(id.value);
        return found == legs.end() ? nullptr : found->second.get();
    }
    void say(MediaEvent event) { events.push_back(event); }

    const unsigned index;
    const MediaOptions options;
    const std::function<void(MediaReport)> deliver;
    base::Random random;
    io::PortPairs ports;
    std::shared_ptr<io::Datagrams::Buffers> buffers;
    std::unordered_map<std::uint32_t, std::unique_ptr<PlacedLeg>> legs;
    std::unordered_map<RoomId, std::unique_ptr<PlacedRoom>> rooms;
    std::optional<io::Ticker> clock;
    std::uint64_t next_beat = 0, reported_beat = 0;
    unsigned next_phase = 0;
    media::RoomOutput output;
    std::vector<MediaEvent> events;
    std::vector<LegSample> samples;
    MediaCounts counts;
    io::Worker worker;
};

void MediaThread::Impl::run(const std::vector<MediaCommand>& commands) {
    for (const auto& command : commands) std::visit(*this, command.what);
    if (rooms.empty()) clock.reset();
    report();
}

std::expected<io::PortPair, std::string> MediaThread::Impl::bind(media::LegId leg, std::uint16_t port) {
    const auto on_rtp = [this, leg](base::Now, std::span<io::Datagram> batch) { receive(leg, batch); };
    const auto on_rtcp = [](base::Now, std::span<io::Datagram>) {};
    if (port == 0) return ports.bind(worker.loop(), options.address, socket_options(), buffers, on_rtp, on_rtcp);
    const base::SocketAddress even{options.address, port}, odd{options.address, static_cast<std::uint16_t>(port + 1)};
    auto rtp = io::Datagrams::bind(worker.loop(), even, socket_options(), buffers, on_rtp);
    if (!rtp) return std::unexpected(rtp.error());
    auto rare = socket_options();
    rare.polled = false;
    auto rtcp = io::Datagrams::bind(worker.loop(), odd, rare, buffers, on_rtcp);
    if (!rtcp) return std::unexpected(rtcp.error());
    return io::PortPair{std::move(*rtp), std::move(*rtcp)};
}

void MediaThread::Impl::operator()(const OpenLeg& what) {
    auto bound = bind(what.leg, what.port);
    if (!bound) return say({MediaEvent::Kind::open_failed, what.leg});
    const auto local = bound->rtp.local();
    legs.emplace(what.leg.value, std::make_unique<PlacedLeg>(what.leg, std::move(*bound)));
    say({MediaEvent::Kind::opened, what.leg, local});
}

PlacedRoom& MediaThread::Impl::room_for(RoomId id) {
    auto& slot = rooms[id];
    if (!slot) slot = std::make_unique<PlacedRoom>(options.policy, next_phase++ % kPhases);
    if (!clock) {
        next_beat = reported_beat = 0;
        clock.emplace(worker.loop(), kBeat, [this](base::Now, std::uint64_t number) { beat(number); });
    }
    return *slot;
}

void MediaThread::Impl::detach(media::LegId id, PlacedLeg& leg) {
    if (!leg.place) return;
    leg.stream = leg.place->room.remove(id);
    std::erase(leg.place->legs, &leg);
    if (leg.place->room.empty()) rooms.erase(leg.room);
    leg.place = nullptr;
}

void MediaThread::Impl::operator()(const AttachLeg& what) {
    auto* leg = find(what.leg);
    if (!leg) return;
    detach(what.leg, *leg);
    auto& placed = room_for(what.room);
    if (!leg->stream) {
        const auto first = random.next();
        leg->stream = media::LegStream{static_cast<std::uint32_t>(random.next()), static_cast<std::uint16_t>(first), static_cast<std::uint32_t>(first >> 32)};
    }
    if (!placed.room.add(what.leg, what.format, *leg->stream))
        return say({MediaEvent::Kind::room_full, what.leg});
    if (!leg->place) leg->sockets.rtp.poll();  // what came before it had a place
    leg->place = &placed;
    placed.legs.push_back(leg);
    leg->room = what.room;
    leg->latch.expect(what.remote);
    placed.room.set_muted(what.leg, what.muted);
    placed.room.set_lobby(what.leg, what.room == kLobby || what.waits);
}

void MediaThread::Impl::operator()(const FormatLeg& what) {
    auto* leg = find(what.leg);
    if (!leg || !leg->place) return;
    leg->latch.expect(what.remote);
    leg->place->room.set_format(what.leg, what.format);
}

void MediaThread::Impl::operator()(const MuteLeg& what) {
    if (auto* leg = find(what.leg); leg && leg->place) leg->place->room.set_muted(what.leg, what.muted);
}

void MediaThread::Impl::operator()(const AdmitLeg& what) {
    if (auto* leg = find(what.leg); leg && leg->place) leg->place->room.set_lobby(what.leg, false);
}

void MediaThread::Impl::operator()(const PlayPrompt& what) {
    auto* leg = find(what.leg);
    if (!leg || !leg->place) return;
    leg->place->room.play(what.leg, what.prompt ? options.prompts[static_cast<std::size_t>(*what.prompt)] : nullptr);
}

void MediaThread::Impl::operator()(const DeafenLeg& what) {
    if (auto* leg = find(what.leg); leg && leg->place) leg->place->room.set_deaf(what.leg, what.deaf);
}

void MediaThread::Impl::operator()(const GainLeg& what) {
    if (auto* leg = find(what.leg); leg && leg->place) leg->place->room.set_gain(what.leg, what.decibels);
}

void MediaThread::Impl::operator()(const VolumeLeg& what) {
    if (auto* leg = find(what.leg); leg && leg->place) leg->place->room.set_volume(what.leg, what.decibels);
}

void MediaThread::Impl::operator()(const PlaySounds& what) {
    if (auto* leg = find(what.leg); leg && leg->place) leg->place->room.play(what.leg, what.sounds);
}

void MediaThread::Impl::operator()(const AnnounceRoom& what) {
    if (const auto found = rooms.find(what.room); found != rooms.end()) found->second->room.play_all(what.sounds);
}

void MediaThread::Impl::operator()(const CloseLeg& what) {
    auto* leg = find(what.leg);
    if (!leg) return;
    detach(what.leg, *leg);
    legs.erase(what.leg.value);
    say({MediaEvent::Kind::closed, what.leg});
}

void MediaThread::Impl::receive(media::LegId id, std::span<io::Datagram> batch) {
    auto* leg = find(id);
    for (const auto& datagram : batch) {
        const bool is_rtp = media::kind_of(datagram.bytes) == media::PacketKind::rtp;
        if (!leg || !leg->place || !is_rtp || !leg->latch.admit(datagram.peer)) {
            ++counts.rejected;
            continue;
        }
        ++counts.received;
        leg->place->room.receive(id, datagram.bytes, std::chrono::duration_cast<std::chrono::microseconds>(datagram.age).count());
    }
}

void MediaThread::Impl::beat(std::uint64_t number) {
    if (number >= next_beat + kPhases) {
        counts.lost_ticks += (number - next_beat) / kPhases * rooms.size();
        next_beat = number - (kPhases - 1);
    }
    for (; next_beat <= number; ++next_beat)
        for (auto& [id, placed] : rooms)
            if (placed->phase == next_beat % kPhases) tick(*placed);
    if (number >= reported_beat + kReportBeats) {
        reported_beat = number;
        measure();
    }
    if (!events.empty() || !samples.empty()) report();
}

void MediaThread::Impl::measure() {
    for (const auto& [id, placed] : rooms)
        for (const auto* leg : placed->legs) samples.push_back({leg->id, placed->room.report(leg->id)});
}

void MediaThread::Impl::tick(PlacedRoom& placed) {
    for (auto* leg : placed.legs) leg->sockets.rtp.poll();
    placed.room.tick(output);
    auto at = placed.legs.begin();
    for (const auto& packet : output.packets) {
        while ((*at)->id != packet.leg) ++at;
        auto& leg = **at;
        if (leg.latch.destination().port == 0) continue;
        leg.sockets.rtp.send(leg.latch.destination(), packet.header, packet.payload);
        leg.sockets.rtp.flush();
        ++counts.sent;
    }
    for (const auto& event : output.events) {
        using From = media::RoomEvent::Kind;
        switch (event.kind) {
            case From::talking: say({MediaEvent::Kind::talking, event.leg}); break;
            case From::silent: say({MediaEvent::Kind::silent, event.leg}); break;
            case From::digit: say({MediaEvent::Kind::digit, event.leg, {}, event.digit}); break;
            case From::prompt_ended: say({MediaEvent::Kind::prompt_ended, event.leg}); break;
            case From::media_stopped: say({MediaEvent::Kind::media_stopped, event.leg}); break;
            case From::media_started: break;
        }
    }
}

void MediaThread::Impl::report() {
    counts.rooms = rooms.size();
    deliver({index, std::exchange(events, {}), counts, std::exchange(samples, {})});
}

MediaThread::MediaThread(unsigned index, MediaOptions options, std::function<void(MediaReport)> deliver)
    : impl_(std::make_unique<Impl>(index, std::move(options), std::move(deliver))) {}

// What was made on the thread is destroyed there.
MediaThread::~MediaThread() {
    impl_->worker.finish([impl = impl_.get()] {
        impl->clock.reset();
        impl->rooms.clear();
        impl->legs.clear();
    });
}

void MediaThread::post(std::vector<MediaCommand> commands) {
    impl_->worker.loop().post([impl = impl_.get(), commands = std::move(commands)] { impl->run(commands); });
}

}  // namespace confab::bridge
