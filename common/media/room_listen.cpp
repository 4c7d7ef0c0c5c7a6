#include <algorithm>
#include <cstdlib>
#include <utility>

#include "media/room_parts.hpp"

namespace confab::media {
namespace {

constexpr std::size_t kAhead = 4;        // legs, of what is fetched from memory
constexpr unsigned kEventHold = 5;       // ticks of silence that an unfinished telephone event asks for after each of its packets
constexpr unsigned kEventTail = 2;       // and a finished one: its repeats, and sound that was recorded beside it
constexpr int kToneLevel = 300;          // mean magnitude: softer ones are no digits
constexpr unsigned kMaxDigitsATick = 4;  // a phone sends one in 40 ms at most
constexpr int kHysteresis = 2;           // who is in the mix stays until another is twice as loud

int mean_magnitude(std::span<const std::int16_t> samples) {
    int sum = 0;
    for (const int sample : samples) sum += std::abs(sample);
    return sum / std::max(1, static_cast<int>(samples.size()));
}

}  // namespace

Room::Leg::Leg(LegId leg, const LegFormat& form, const LegStream& stream, unsigned max_delay)
    : playout(form.codec, max_delay), id(leg), format(form), ssrc(stream.ssrc), sequence(stream.sequence), timestamp(stream.timestamp), digits(stream.digits) {
    listen_for_tones();
}

void Room::Impl::take_event(Leg& leg, const RtpPacket& packet) {
    const auto event = TelephoneEvent::parse(packet.payload);
    if (!event) return;
    leg.event_ticks = event->end ? kEventTail : kEventHold;
    const auto digit = leg.digits.receive(packet);
    if (!digit) return;
    if (leg.digits_now == kMaxDigitsATick) {
        ++dropped_digits;
        return;
    }
    ++leg.digits_now;
    pending.push_back({RoomEvent::Kind::digit, leg.id, *digit});
}

std::optional<char> ToneEar::hear(std::span<const std::int16_t> samples) {
    Samples low;
    down.run(samples, low);
    return detector.hear(low);
}

void Room::Impl::take_tone(Leg& leg, std::vector<RoomEvent>& events) {
    leg.heard_tones = true;
    const auto digit = leg.tones->hear(leg.playout.samples());
    if (!digit) return;
    events.push_back({RoomEvent::Kind::digit, leg.id, *digit});
    leg.event_ticks = kEventHold;  // what is left of it
}

void Room::Impl::listen(Leg& leg, std::vector<RoomEvent>& events) {
    leg.digits_now = 0;
    const bool sound = leg.playout.advance(now);
    if (leg.tones && sound && leg.playout.level() >= kToneLevel)
        take_tone(leg, events);
    else if (std::exchange(leg.heard_tones, false))
        leg.tones->detector.rest();
    const bool may_be_heard = leg.may_be_heard() && leg.event_ticks == 0;
    leg.was_soft = std::exchange(leg.was_open, may_be_heard) && leg.level < policy.talk_level;
    leg.level = sound && may_be_heard ? leg.playout.level() : 0;
    // An encoder's word that it hears no voice keeps a leg out, but does not take it out: it is decoded anyway, and music is no voice.
    if (sound && may_be_heard && leg.level == 0 && leg.voice) leg.level = mean_magnitude(leg.playout.samples());
    leg.loudness = std::max(static_cast<int>(static_cast<float>(leg.level) * leg.gain), leg.loudness - leg.loudness / 8);
    judge(leg, leg.level > 0 && is_voice(leg), events);
    watch_flow(leg, events);
    if (leg.event_ticks > 0) --leg.event_ticks;
}

void Room::Impl::listen_to_all(std::vector<RoomEvent>& events, const Fetch& fetch) {
    for (auto* leg : talkers) leg->mixed = false;
    talkers.clear();
    for (std::size_t i = 0; i < std::min(kAhead, legs.size()); ++i) legs[i]->prefetch();
    for (std::size_t i = 0; i < legs.size(); ++i) {
        listening = legs[i].get();
        if (fetch) fetch(listening->id);
        if (i + kAhead < legs.size()) legs[i + kAhead]->prefetch();
        if (i + 2 < legs.size()) legs[i + 2]->playout.prefetch_packets();
        if (i + 1 < legs.size()) legs[i + 1]->playout.prefetch_payload();
        if (!pending.empty()) events.insert(events.end(), pending.begin(), pending.end());
        pending.clear();
        listen(*listening, events);
        if (listening->talking && listening->event_ticks == 0) talkers.push_back(listening);
    }
    listening = nullptr;
}

bool Room::Impl::is_voice(Leg& leg) {
    switch (leg.detector.judge(leg.level, policy.talk_level)) {
        case VoiceDetector::Verdict::voice:
            return true;
        case VoiceDetector::Verdict::unclear:
            return leg.detector.has_pitch(leg.playout.samples(), leg.format.codec.rate);
        case VoiceDetector::Verdict::quiet:
            break;
    }
    return false;
}

void Room::Impl::judge(Leg& leg, bool voice, std::vector<RoomEvent>& events) {
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

// Of those who talk.
void Room::Impl::choose_talkers() {
    const auto weight = [](const Leg* leg) { return leg->voice ? kHysteresis * leg->loudness : leg->loudness; };
    const auto louder = [weight](const Leg* a, const Leg* b) { return weight(a) != weight(b) ? weight(a) > weight(b) : a->id < b->id; };
    if (talkers.size() > policy.loudest) {
        std::ranges::nth_element(talkers, talkers.begin() + policy.loudest, louder);
        talkers.resize(policy.loudest);
        std::ranges::sort(talkers, {}, [](const Leg* leg) { return leg->id; });
    }
    for (auto* leg : talkers) leg->mixed = true;
}

}  // namespace confab::media
