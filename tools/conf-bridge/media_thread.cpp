#include "conf-bridge/media_thread.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/prefetch.hpp"
#include "base/random.hpp"
#include "conf-bridge/leg_path.hpp"
#include "io/datagrams.hpp"
#include "io/error.hpp"
#include "io/polled_sockets.hpp"
#include "io/port_pairs.hpp"
#include "io/ticker.hpp"
#include "io/worker.hpp"

namespace confab::bridge {
namespace {

constexpr std::size_t kLargestDatagram = 2048;
constexpr int kMostBatches = 8;  // of a leg in a tick
constexpr unsigned kPhases = 4;
constexpr std::size_t kLegsAhead = 3;
constexpr base::milliseconds kBeat{5}, kTick{20};
constexpr std::uint64_t kReportBeats = 200;  // once a second, for counts that change without events

struct PlacedLeg;

media::Micros micros_of(base::Duration time) { return std::chrono::duration_cast<std::chrono::microseconds>(time).count(); }
media::Micros micros_of(base::Instant time) { return micros_of(time.time_since_epoch()); }

struct PlacedRoom {
    explicit PlacedRoom(const media::RoomPolicy& policy, unsigned group) : room(policy), phase(group) {}
    media::Room room;
    unsigned phase;
    media::Micros next_tick = 0;
    std::vector<PlacedLeg*> legs;  // in the room's own order
    std::shared_ptr<media::SoundSink> sink;
};

struct PlacedLeg {
    PlacedLeg(media::LegId leg, MovedLeg comes) : id(leg), path(std::move(comes.path)), stream(std::move(comes.stream)) {}
    const media::LegId id;
    io::Descriptor direct;  // RTP of `source`; read with the tick that uses it: a wake-up for each packet would cost more than all the rest
    PlacedRoom* place = nullptr;
    media::Micros next_report = 0;
    std::size_t arrived = 0;  // with the last tick
    LegPath path;
    std::optional<io::Datagrams> door;  // RTP of everybody else: until the leg's source is known, the leg's too
    std::optional<io::Datagrams> rtcp;
    void prefetch() const {
        base::prefetch(&id, &path);
        path.prefetch();
    }

    base::SocketAddress source;  // that `direct` is, or should be, connected to

    RoomId room = kLobby;
    std::optional<media::LegStream> stream;  // between rooms, on this thread or another
    std::shared_ptr<media::SoundSink> sink;
};

// Over a room's legs in their order. Each is met once in a tick, so that no cache holds it: its state comes from memory while those before it are served.
struct Walk {
    std::span<PlacedLeg* const> legs;
    media::Srtp::Direction way;
    std::size_t at = 0;

    Walk(const std::vector<PlacedLeg*>& all, media::Srtp::Direction direction) : legs(all), way(direction) {
        for (auto* leg : legs.first(std::min(legs.size(), kLegsAhead))) leg->prefetch();
    }
    PlacedLeg& step() { return *legs[at++]; }
    void fetch_ahead() const {
        const auto left = legs.subspan(at);
        if (left.size() >= kLegsAhead) left[kLegsAhead - 1]->prefetch();
        if (left.size() > 1) left[1]->path.prefetch(way);
        if (!left.empty()) left[0]->path.prefetch_keys(way);
    }
};

}  // namespace

struct MediaThread::Impl {
    Impl(unsigned number, MediaOptions given, std::function<void(MediaReport)> callback)
        : index(number),
          options(std::move(given)),
          deliver(std::move(callback)),
          random(io::kernel_seed()),
          ports(options.low_port, options.high_port, io::kernel_seed()),
          buffers(io::Datagrams::make_buffers(datagram_options())),
          worker("media-" + std::to_string(number), true) {}

    static io::Datagrams::Options datagram_options() {
        io::Datagrams::Options chosen;
        chosen.size = kLargestDatagram;
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
    void operator()(const AnnounceRoom& what);
    void operator()(const AnnouncePrompt& what);
    void operator()(const RecordRoom& what);
    void operator()(const RecordLeg& what);
    void operator()(const CloseLeg& what);

    bool start_clock();
    LegPath make_path();
    PlacedRoom& room_for(RoomId id);
    void remove(RoomId id);
    void detach(media::LegId id, PlacedLeg& leg);
    void receive(PlacedLeg& leg, const Walk* walk = nullptr);
    void receive_at_door(media::LegId id, std::span<io::Datagram> batch);
    void take(PlacedLeg& leg, const base::SocketAddress& source, std::span<std::uint8_t> packet, media::Micros arrival, media::Micros early);
    void follow(PlacedLeg& leg);
    void receive_rtcp(media::LegId id, std::span<io::Datagram> batch);
    void report_to(PlacedLeg& leg, bool goodbye);
    void send(PlacedLeg& leg, const media::RoomOutput::Packet& packet);
    void beat(std::uint64_t number);
    void tick(PlacedRoom& placed);
    void record(const PlacedRoom& placed);
    void measure();
    void report();

    PlacedLeg* find(media::LegId id) {
        const auto found = legs.find(id.value);
        return found == legs.end() ? nullptr : found->second.get();
    }
    media::Micros rtcp_interval() const { return options.rtcp_interval.count() * 1000; }
    media::Micros some_of(media::Micros time) { return static_cast<media::Micros>(random.below(static_cast<std::uint64_t>(time) + 1)); }
    void say(MediaEvent event) { events.push_back(std::move(event)); }

    const unsigned index;
    const MediaOptions options;
    const std::function<void(MediaReport)> deliver;
    base::Random random;
    io::PortPairs ports;
    io::PolledSockets sockets{kLargestDatagram};
    std::shared_ptr<io::Datagrams::Buffers> buffers;
    std::unordered_map<std::uint32_t, std::unique_ptr<PlacedLeg>> legs;
    std::unordered_map<RoomId, std::unique_ptr<PlacedRoom>> rooms;
    std::array<std::vector<PlacedRoom*>, kPhases> phases;
    std::optional<io::Ticker> clock;
    std::uint64_t next_beat = 0, reported_beat = 0;
    double load = 0;  // percent
    base::Duration measured_cpu{};
    base::Instant measured_at{};
    unsigned next_phase = 0;
    media::Micros polled_at = 0;
    media::RoomOutput output;
    LegPath::Scratch scratch;
    std::vector<MediaEvent> events;
    std::vector<LegSample> samples;
    MediaCounts counts;
    io::Worker worker;
};

void MediaThread::Impl::run(const std::vector<MediaCommand>& commands) {
    for (const auto& command : commands) std::visit(*this, command.what);
    if (legs.empty()) {
        clock.reset();
        load = counts.load = 0;
    }
    report();
}

void MediaThread::Impl::operator()(const OpenLeg& what) {
    auto bound = what.port == 0 ? ports.open(options.address, options.receive_buffer, options.dscp)
                                : io::PortPairs::open_at({options.address, what.port}, options.receive_buffer, options.dscp);
    if (!bound || !start_clock()) return say({MediaEvent::Kind::open_failed, what.leg});
    auto leg = std::make_unique<PlacedLeg>(what.leg, what.moved ? std::move(*what.moved) : MovedLeg{make_path(), std::nullopt});
    leg->door = io::Datagrams::adopt(worker.loop(), std::move(bound->rtp), datagram_options(), buffers,
                                     [this, id = what.leg](base::Now, std::span<io::Datagram> batch) { receive_at_door(id, batch); });
    leg->rtcp = io::Datagrams::adopt(worker.loop(), std::move(bound->rtcp), datagram_options(), buffers,
                                     [this, id = what.leg](base::Now, std::span<io::Datagram> batch) { receive_rtcp(id, batch); });
    legs.emplace(what.leg.value, std::move(leg));
    say({MediaEvent::Kind::opened, what.leg, bound->local});
}

LegPath MediaThread::Impl::make_path() {
    const auto now = worker.loop().now();
    const auto ntp_at_zero = media::ntp_of(now.wall.time_since_epoch().count()) - media::ntp_length_of(micros_of(now.steady));
    return {static_cast<std::uint32_t>(random.next()), random.next(), ntp_at_zero};
}

bool MediaThread::Impl::start_clock() {
    if (clock) return true;
    next_beat = reported_beat = 0;
    measured_cpu = io::Worker::cpu_time();
    measured_at = worker.loop().now().steady;
    try {
        clock.emplace(worker.loop(), kBeat, [this](base::Now, std::uint64_t number) { beat(number); });
    } catch (const io::StartupError&) {  // no descriptor left
        return false;
    }
    return true;
}

PlacedRoom& MediaThread::Impl::room_for(RoomId id) {
    auto& slot = rooms[id];
    if (!slot) {
        slot = std::make_unique<PlacedRoom>(options.policy, next_phase++ % kPhases);
        phases[slot->phase].push_back(slot.get());
    }
    return *slot;
}

void MediaThread::Impl::remove(RoomId id) {
    const auto gone = rooms.find(id);
    std::erase(phases[gone->second->phase], gone->second.get());
    rooms.erase(gone);
}

void MediaThread::Impl::detach(media::LegId id, PlacedLeg& leg) {
    if (!leg.place) return;
    leg.stream = leg.place->room.remove(id);
    std::erase(leg.place->legs, &leg);
    if (leg.place->room.empty()) remove(leg.room);
    leg.place = nullptr;
}

void MediaThread::Impl::operator()(const AttachLeg& what) {
    auto* leg = find(what.leg);
    if (!leg) return;
    detach(what.leg, *leg);
    auto& placed = room_for(what.room);
    if (!leg->stream) {
        const auto first = random.next();
        // The upper half of the sequence numbers is left free, RFC 3711 §3.3.1.
        leg->stream = media::LegStream{leg->path.ssrc(), static_cast<std::uint16_t>(first & 0x7fff), static_cast<std::uint32_t>(first >> 32)};
    }
    if (!placed.room.add(what.leg, what.format, *leg->stream))
        return say({MediaEvent::Kind::room_full, what.leg});
    leg->place = &placed;
    placed.legs.push_back(leg);
    leg->room = what.room;
    leg->path.expect(what.remote, what.keys, what.remote_rtcp);
    follow(*leg);
    leg->path.set_clock_rate(what.format.codec.clock_rate());
    if (leg->next_report == 0) leg->next_report = micros_of(worker.loop().now().steady) + some_of(rtcp_interval());
    placed.room.set_muted(what.leg, what.muted);
    placed.room.set_lobby(what.leg, what.room == kLobby || what.waits);
}

void MediaThread::Impl::operator()(const FormatLeg& what) {
    auto* leg = find(what.leg);
    if (!leg || !leg->place) return;
    leg->path.expect(what.remote, what.keys, what.remote_rtcp);
    follow(*leg);
    leg->path.set_clock_rate(what.format.codec.clock_rate());
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
    leg->place->room.play(what.leg, options.prompts->joined(what.language, what.prompts));
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

void MediaThread::Impl::operator()(const AnnounceRoom& what) {
    if (const auto found = rooms.find(what.room); found != rooms.end()) found->second->room.play_all(what.sounds);
}

void MediaThread::Impl::operator()(const AnnouncePrompt& what) {
    const auto found = rooms.find(what.room);
    if (found != rooms.end()) found->second->room.play_all({what.name, options.prompts->joined(what.language, {what.prompt})}, true);
}

void MediaThread::Impl::operator()(const RecordRoom& what) {
    const auto found = rooms.find(what.room);
    if (found == rooms.end()) return;
    found->second->sink = what.sink;
    found->second->room.set_mix_tap(what.sink != nullptr, what.rate);
}

void MediaThread::Impl::operator()(const RecordLeg& what) {
    auto* leg = find(what.leg);
    if (!leg || !leg->place) return;
    leg->sink = what.sink;
    leg->place->room.set_leg_tap(what.leg, what.sink != nullptr);
}

void MediaThread::Impl::operator()(const CloseLeg& what) {
    auto* leg = find(what.leg);
    if (!leg) return;
    if (leg->place && !what.moves) report_to(*leg, true);
    detach(what.leg, *leg);
    MediaEvent closed{MediaEvent::Kind::closed, what.leg};
    if (what.moves) closed.moved = std::make_shared<MovedLeg>(std::move(leg->path), std::move(leg->stream));
    legs.erase(what.leg.value);
    say(std::move(closed));
}

void MediaThread::Impl::take(PlacedLeg& leg, const base::SocketAddress& source, std::span<std::uint8_t> packet, media::Micros arrival, media::Micros early) {
    const auto verdict = leg.place ? leg.path.receive_rtp(source, packet, arrival) : LegPath::Verdict::stranger;
    counts.rejected += verdict != LegPath::Verdict::taken;
    counts.unauthentic += verdict == LegPath::Verdict::unauthentic;
    if (verdict != LegPath::Verdict::taken) return;
    ++counts.received;
    leg.place->room.receive(leg.id, packet, early);
}

void MediaThread::Impl::receive_at_door(media::LegId id, std::span<io::Datagram> batch) {
    auto* leg = find(id);
    if (!leg) return;
    const auto now = micros_of(worker.loop().now().steady);
    const auto early = leg->place ? std::clamp<media::Micros>(leg->place->next_tick - now, 0, micros_of(kTick)) : 0;
    for (const auto& datagram : batch) take(*leg, datagram.peer, datagram.bytes, now, early);
    follow(*leg);
}

void MediaThread::Impl::follow(PlacedLeg& leg) {
    const auto source = leg.path.source();
    if (source == leg.source) return;
    leg.source = source;
    leg.arrived = 0;
    leg.direct = source.port == 0 ? io::Descriptor() : io::PolledSockets::open_beside(leg.door->socket(), source, options.receive_buffer, options.dscp);
    // Before it was connected, others could reach it, and one of them be the address that is believed rather.
    receive(leg);
    if (leg.path.source() != leg.source) follow(leg);
}

// What comes next is fetched behind the call to the kernel, which has its own lines to wait for, and before keys are at work, which need none.
void MediaThread::Impl::receive(PlacedLeg& leg, const Walk* walk) {
    if (!leg.direct) {
        if (walk) walk->fetch_ahead();
        return;
    }
    // One packet a tick is the usual; another is looked for where the last tick's number was not that, or this one is old.
    bool one_alone = std::exchange(leg.arrived, 0) == 1;
    for (int batches = 0; batches < kMostBatches; ++batches) {
        const auto most = one_alone ? 1 : io::PolledSockets::kBatch;
        const auto arrivals = sockets.receive(leg.direct, most);
        if (walk) std::exchange(walk, nullptr)->fetch_ahead();
        leg.arrived += arrivals.size();
        for (const auto& arrival : arrivals) {
            const auto early = micros_of(arrival.age);
            take(leg, arrival.peer, arrival.bytes, polled_at - early, early);
        }
        if (arrivals.size() < most || (one_alone && arrivals.front().age < kTick)) return;
        one_alone = false;
    }
}

void MediaThread::Impl::receive_rtcp(media::LegId id, std::span<io::Datagram> batch) {
    auto* leg = find(id);
    const auto now = micros_of(worker.loop().now().steady);
    for (const auto& datagram : batch) {
        const auto verdict = leg ? leg->path.receive_rtcp(datagram.peer, datagram.bytes, now) : LegPath::Verdict::stranger;
        const bool is_taken = verdict == LegPath::Verdict::taken;
        ++(is_taken ? counts.rtcp_received : counts.rtcp_rejected);
        if (is_taken && leg->place) leg->place->room.keep(id);
    }
}

void MediaThread::Impl::report_to(PlacedLeg& leg, bool goodbye) {
    const auto now = micros_of(worker.loop().now().steady);
    leg.next_report = now + rtcp_interval() / 2 + some_of(rtcp_interval());
    const auto to = leg.path.rtcp_destination();
    if (to.port == 0) return;
    const auto report = leg.path.report(now, goodbye, scratch);
    if (report.empty()) return;
    leg.rtcp->send(to, report);
    leg.rtcp->flush();
    ++counts.rtcp_sent;
}

void MediaThread::Impl::beat(std::uint64_t number) {
    if (number >= next_beat + kPhases) {
        counts.lost_ticks += (number - next_beat) / kPhases * rooms.size();
        next_beat = number - (kPhases - 1);
    }
    for (; next_beat <= number; ++next_beat)
        for (auto* placed : phases[next_beat % kPhases]) tick(*placed);
    if (number >= reported_beat + kReportBeats) {
        reported_beat = number;
        measure();
        return report();
    }
    if (!events.empty()) report();
}

// The load is that of the last seconds, each counting half of the next: a burst is not told as a state.
void MediaThread::Impl::measure() {
    const auto used = io::Worker::cpu_time();
    const auto now = worker.loop().now().steady;
    const auto share = 100.0 * static_cast<double>((used - measured_cpu).count()) / static_cast<double>(std::max<base::Duration>(now - measured_at, base::milliseconds(1)).count());
    load = (load + std::min(share, 100.0)) / 2;
    counts.load = static_cast<unsigned>(std::lround(load));
    measured_cpu = used;
    measured_at = now;
    for (const auto& [id, placed] : rooms)
        for (const auto* leg : placed->legs) leg->path.complete(samples.emplace_back(leg->id, placed->room.report(leg->id)).report);
}

void MediaThread::Impl::send(PlacedLeg& leg, const media::RoomOutput::Packet& packet) {
    const auto& to = leg.path.destination();
    if (to.port == 0) return;
    const auto whole = leg.path.compose(packet.header, packet.payload, scratch);
    if (whole.empty()) return;
    if (leg.direct) {
        if (!sockets.send(leg.direct, whole)) return;
    } else {
        const auto unsent = leg.door->counts().unsent;
        leg.door->send(to, whole);
        leg.door->flush();
        if (leg.door->counts().unsent != unsent) return;
    }
    leg.path.note_sent(packet.header, packet.payload.size(), polled_at);
    ++counts.sent;
}

void MediaThread::Impl::tick(PlacedRoom& placed) {
    polled_at = micros_of(worker.loop().now().steady);
    placed.next_tick = polled_at + micros_of(kTick);
    sockets.begin();
    Walk heard(placed.legs, media::Srtp::Direction::receive);
    placed.room.tick(output, [&](media::LegId) {
        auto& leg = heard.step();
        receive(leg, &heard);
    });
    counts.dropped_digits += output.dropped_digits;
    Walk told(placed.legs, media::Srtp::Direction::send);
    PlacedLeg* leg = nullptr;
    for (const auto& packet : output.packets) {
        while (!leg || leg->id != packet.leg) {
            leg = &told.step();
            told.fetch_ahead();
        }
        send(*leg, packet);
    }
    record(placed);
    for (auto* each : placed.legs)
        if (polled_at >= each->next_report) report_to(*each, false);
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

void MediaThread::Impl::record(const PlacedRoom& placed) {
    for (const auto& tap : output.taps) {
        const auto* leg = tap.leg ? find(*tap.leg) : nullptr;
        const auto& sink = tap.leg ? leg->sink : placed.sink;
        if (sink) sink->push(tap.rate, tap.samples);
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
