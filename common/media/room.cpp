#include "media/room.hpp"

#include <algorithm>
#include <unordered_map>

#include "media/g711.hpp"
#include "media/playout.hpp"

namespace confab::media {
namespace {

constexpr unsigned kEventHold = 5;       // ticks of silence that an unfinished telephone event asks for after each of its packets
constexpr unsigned kEventTail = 2;       // and a finished one: its repeats, and sound that was recorded beside it
constexpr unsigned kMaxDigitsATick = 4;  // a phone sends one in 40 ms at most
constexpr int kHysteresis = 2;           // who is in the mix stays until another is twice as loud

using Codes = std::array<std::uint8_t, kFrame>;

G711 law_of(const LegFormat& format) { return format.codec.kind == CodecKind::pcma ? G711::pcma : G711::pcmu; }

}  // namespace

struct Room::Leg {
    Leg(LegId leg, const LegFormat& form, const LegStream& stream)
        : id(leg), format(form), ssrc(stream.ssrc), sequence(stream.sequence), timestamp(stream.timestamp), playout(form.codec), digits(stream.digits) {}

    const LegId id;
    LegFormat format;
    const std::uint32_t ssrc;
    std::uint16_t sequence;
    std::uint32_t timestamp;
    bool marker_due = true;

    Playout playout;
    DigitReceiver digits;
    unsigned event_ticks = 0;  // still to stay out of the mix for a telephone event
    unsigned digits_now = 0;

    bool muted = false, lobby = false;
    Prompt prompt;
    std::size_t prompt_at = 0;

    bool talking = false, mixed = false;
    unsigned quiet_ticks = 0;
    int level = 0, loudness = 0;
    Samples voice{};
    Limiter limiter;
    Codes encoded{};

    bool flowing = false, stopped = false;
    unsigned idle_ticks = 0;
    std::uint64_t received = 0, sent = 0;

    bool may_be_heard() const { return format.receives && !format.held && !muted && !lobby; }
    bool is_sent_to() const { return format.sends && !format.held; }
};

struct Room::Impl {
    explicit Impl(const RoomPolicy& given) : policy(given) {
        for (auto law : {G711::pcmu, G711::pcma}) quiet[static_cast<std::size_t>(law)].fill(silence(law));
    }

    const RoomPolicy policy;
    std::uint64_t now = 0;                   // the tick to come
    std::vector<std::unique_ptr<Leg>> legs;  // in the order in which they came
    std::unordered_map<std::uint32_t, Leg*> by_id;
    std::vector<std::unique_ptr<Leg>> departed;  // the last tick's packets may still point into them
    std::vector<RoomEvent> pending;

    std::vector<Leg*> talkers;
    Sum sum{};
    Limiter limiter;
    Samples mix{};
    bool narrowed = false;
    std::array<Codes, 2> quiet{}, shared{};
    std::array<bool, 2> encoded{};

    Leg* find(LegId leg) {
        const auto found = by_id.find(leg.value);
        return found == by_id.end() ? nullptr : found->second;
    }

    void take_digit(Leg& leg, const RtpPacket& packet);
    void listen(Leg& leg, std::vector<RoomEvent>& events);
    void judge(Leg& leg, std::vector<RoomEvent>& events);
    void watch_flow(Leg& leg, std::vector<RoomEvent>& events);
    void choose_talkers();
    void sum_up();
    Bytes mixed_for_all(G711 law);
    Bytes mixed_for(Leg& talker);
    Bytes prompt_for(Leg& leg, std::vector<RoomEvent>& events);
    Bytes payload_for(Leg& leg, std::vector<RoomEvent>& events);
    void send(Leg& leg, RoomOutput& out);
};

void Room::Impl::take_digit(Leg& leg, const RtpPacket& packet) {
    const auto event = TelephoneEvent::parse(packet.payload);
    if (!event) return;
    leg.event_ticks = event->end ? kEventTail : kEventHold;
    const auto digit = leg.digits.receive(packet);
    if (!digit || leg.digits_now == kMaxDigitsATick) return;
    ++leg.digits_now;
    pending.push_back({RoomEvent::Kind::digit, leg.id, *digit});
}

void Room::Impl::listen(Leg& leg, std::vector<RoomEvent>& events) {
    leg.digits_now = 0;
    const bool sound = leg.playout.advance(now);
    leg.level = sound && leg.may_be_heard() && leg.event_ticks == 0 ? leg.playout.level() : 0;
    leg.loudness = std::max(leg.level, leg.loudness - leg.loudness / 8);
    judge(leg, events);
    watch_flow(leg, events);
    if (leg.event_ticks > 0) --leg.event_ticks;
}

void Room::Impl::judge(Leg& leg, std::vector<RoomEvent>& events) {
    const bool voice = leg.level >= policy.talk_level && leg.level > 0;
    leg.quiet_ticks = voice ? 0 : leg.quiet_ticks + 1;
    const bool talking = voice || (leg.talking && leg.may_be_heard() && leg.quiet_ticks < policy.talk_hangover);
    if (talking != leg.talking) events.push_back({talking ? RoomEvent::Kind::talking : RoomEvent::Kind::silent, leg.id});
    leg.talking = talking;
}

void Room::Impl::watch_flow(Leg& leg, std::vector<RoomEvent>& events) {
    if (leg.format.held || !leg.format.receives) leg.idle_ticks = 0;
    if (leg.stopped || leg.idle_ticks++ < policy.media_timeout) return;
    leg.stopped = true;
    leg.flowing = false;
    events.push_back({RoomEvent::Kind::media_stopped, leg.id});
}

void Room::Impl::choose_talkers() {
    talkers.clear();
    for (const auto& leg : legs)
        if (leg->talking && leg->event_ticks == 0) talkers.push_back(leg.get());
    if (talkers.size() > policy.loudest) {
        const auto weight = [](const Leg* leg) { return leg->mixed ? kHysteresis * leg->loudness : leg->loudness; };
        const auto louder = [weight](const Leg* a, const Leg* b) { return weight(a) != weight(b) ? weight(a) > weight(b) : a->id < b->id; };
        std::ranges::nth_element(talkers, talkers.begin() + policy.loudest, louder);
        talkers.resize(policy.loudest);
        std::ranges::sort(talkers, {}, [](const Leg* leg) { return leg->id; });
    }
    for (const auto& leg : legs) leg->mixed = false;
    for (auto* leg : talkers) leg->mixed = true;
}

void Room::Impl::sum_up() {
    narrowed = false;
    encoded = {};
    if (talkers.empty()) return;
    sum.fill(0);
    for (auto* leg : talkers) {
        std::ranges::copy(leg->playout.samples(), leg->voice.begin());
        media::add(sum, leg->voice);
    }
}

// One encode for everybody who only listens.
Bytes Room::Impl::mixed_for_all(G711 law) {
    const auto which = static_cast<std::size_t>(law);
    if (talkers.empty()) return quiet[which];
    if (talkers.size() == 1 && law_of(talkers.front()->format) == law && limiter.at_rest())
        if (const auto code = talkers.front()->playout.code(); !code.empty()) return code;
    if (!narrowed) narrow(sum, nullptr, limiter, mix);
    narrowed = true;
    if (!encoded[which]) encode(law, mix, shared[which]);
    encoded[which] = true;
    return shared[which];
}

Bytes Room::Impl::mixed_for(Leg& talker) {
    if (talkers.size() == 1) return quiet[static_cast<std::size_t>(law_of(talker.format))];
    if (talkers.size() == 2 && talker.limiter.at_rest()) {
        Leg& other = talkers.front() == &talker ? *talkers.back() : *talkers.front();
        const auto code = other.playout.code();
        if (law_of(other.format) == law_of(talker.format) && !code.empty()) return code;
    }
    Samples others;
    narrow(sum, &talker.voice, talker.limiter, others);
    encode(law_of(talker.format), others, talker.encoded);
    return talker.encoded;
}

Bytes Room::Impl::prompt_for(Leg& leg, std::vector<RoomEvent>& events) {
    Samples piece{};
    const std::size_t left = leg.prompt->samples.size() - leg.prompt_at;
    const std::size_t taken = std::min(left, kFrame);
    std::copy_n(leg.prompt->samples.begin() + static_cast<std::ptrdiff_t>(leg.prompt_at), taken, piece.begin());
    leg.prompt_at += taken;
    encode(law_of(leg.format), piece, leg.encoded);
    if (taken == left) {
        leg.prompt.reset();
        events.push_back({RoomEvent::Kind::prompt_ended, leg.id});
    }
    return leg.encoded;
}

Bytes Room::Impl::payload_for(Leg& leg, std::vector<RoomEvent>& events) {
    if (leg.prompt) return prompt_for(leg, events);
    if (leg.lobby) return quiet[static_cast<std::size_t>(law_of(leg.format))];
    return leg.mixed ? mixed_for(leg) : mixed_for_all(law_of(leg.format));
}

void Room::Impl::send(Leg& leg, RoomOutput& out) {
    const std::uint32_t timestamp = leg.timestamp;
    leg.timestamp += kFrame;
    if (!leg.is_sent_to()) {
        if (leg.prompt) prompt_for(leg, out.events);  // time passes for it all the same
        leg.marker_due = true;
        return;
    }
    auto& packet = out.packets.emplace_back();
    packet.leg = leg.id;
    packet.payload = payload_for(leg, out.events);
    write_rtp_header(packet.header, leg.marker_due, leg.format.payload_type, leg.sequence++, timestamp, leg.ssrc);
    leg.marker_due = false;
    ++leg.sent;
}

Room::Room(const RoomPolicy& policy) : impl_(std::make_unique<Impl>(policy)) {}
Room::~Room() = default;

bool Room::add(LegId leg, const LegFormat& format, const LegStream& stream) {
    if (impl_->legs.size() >= kMaxLegs || impl_->find(leg)) return false;
    auto& added = impl_->legs.emplace_back(std::make_unique<Leg>(leg, format, stream));
    impl_->by_id.emplace(leg.value, added.get());
    impl_->talkers.reserve(impl_->legs.size());
    return true;
}

std::optional<LegStream> Room::remove(LegId leg) {
    const auto at = std::ranges::find(impl_->legs, leg, [](const auto& held) { return held->id; });
    if (at == impl_->legs.end()) return std::nullopt;
    const LegStream stream{(*at)->ssrc, (*at)->sequence, (*at)->timestamp, (*at)->digits};
    std::erase_if(impl_->pending, [leg](const RoomEvent& event) { return event.leg == leg; });
    impl_->by_id.erase(leg.value);
    impl_->departed.push_back(std::move(*at));
    impl_->legs.erase(at);
    return stream;
}

void Room::set_format(LegId leg, const LegFormat& format) {
    Leg* found = impl_->find(leg);
    if (!found) return;
    if (found->format.codec != format.codec || found->format.payload_type != format.payload_type) found->playout.restart(format.codec);
    found->format = format;
}

void Room::set_muted(LegId leg, bool muted) {
    if (Leg* found = impl_->find(leg)) found->muted = muted;
}

void Room::set_lobby(LegId leg, bool in_lobby) {
    if (Leg* found = impl_->find(leg)) found->lobby = in_lobby;
}

void Room::play(LegId leg, Prompt prompt) {
    Leg* found = impl_->find(leg);
    if (!found) return;
    found->prompt = std::move(prompt);
    found->prompt_at = 0;
}

void Room::receive(LegId leg, Bytes packet) {
    Leg* found = impl_->find(leg);
    if (!found || kind_of(packet) != PacketKind::rtp) return;
    auto rtp = RtpPacket::parse(packet);
    if (!rtp) return;
    ++found->received;
    found->idle_ticks = 0;
    found->stopped = false;
    if (!found->flowing) impl_->pending.push_back({RoomEvent::Kind::media_started, leg});
    found->flowing = true;
    if (rtp->payload_type == found->format.telephone_event) impl_->take_digit(*found, *rtp);
    if (rtp->payload_type != found->format.payload_type) rtp->payload = {};
    found->playout.insert(*rtp, impl_->now);
}

void Room::tick(RoomOutput& out) {
    out.clear();
    impl_->departed.clear();
    out.events.insert(out.events.end(), impl_->pending.begin(), impl_->pending.end());
    impl_->pending.clear();
    for (const auto& leg : impl_->legs) impl_->listen(*leg, out.events);
    impl_->choose_talkers();
    impl_->sum_up();
    for (const auto& leg : impl_->legs) impl_->send(*leg, out);
    ++impl_->now;
}

bool Room::empty() const { return impl_->legs.empty(); }
std::size_t Room::size() const { return impl_->legs.size(); }

LegReport Room::report(LegId leg) const {
    const Leg* found = impl_->find(leg);
    if (!found) return {};
    const auto& jitter = found->playout.jitter();
    return {found->received, found->sent, jitter.lost(), jitter.late(), found->talking, found->level};
}

}  // namespace confab::media
