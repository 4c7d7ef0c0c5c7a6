#include "media/room.hpp"

#include <algorithm>
#include <utility>

#include "media/g711.hpp"
#include "media/room_parts.hpp"

namespace confab::media {

namespace {

constexpr std::uint8_t kSilence = 60;  // −dBov: far below what anybody calls voice

using RecodedLaw = std::array<std::uint8_t, 8 * 60>;  // as much as is played of one packet

// G.711 of the other law, in a leg's own.
Bytes recode(CodecKind own, Bytes payload, RecodedLaw& out) {
    const auto [from, to] = own == CodecKind::pcmu ? std::pair{G711::pcma, G711::pcmu} : std::pair{G711::pcmu, G711::pcma};
    if (payload.size() > out.size()) return {};
    std::array<std::int16_t, std::tuple_size_v<RecodedLaw>> samples;
    decode(from, payload, samples);
    encode(to, std::span(samples).first(payload.size()), out);
    return Bytes(out).first(payload.size());
}

}  // namespace

Room::Room(const RoomPolicy& policy) : impl_(std::make_unique<Impl>(policy)) {}
Room::~Room() = default;

bool Room::add(LegId leg, const LegFormat& format, const LegStream& stream) {
    if (impl_->legs.size() >= kMaxLegs || impl_->find(leg) || !format.codec.is_possible()) return false;
    auto& added = impl_->legs.emplace_back(std::make_unique<Leg>(leg, format, stream, impl_->policy.max_delay));
    impl_->by_id.emplace(leg.value, added.get());
    for (auto* list : {&impl_->talkers, &impl_->speakers, &impl_->private_ears}) list->reserve(impl_->legs.size());
    impl_->seat(*added);
    return true;
}

std::optional<LegStream> Room::remove(LegId leg) {
    const auto at = std::ranges::find(impl_->legs, leg, [](const auto& held) { return held->id; });
    if (at == impl_->legs.end()) return std::nullopt;
    auto& gone = **at;
    const LegStream stream{gone.ssrc, gone.sequence, gone.timestamp, gone.digits};
    set_leg_tap(leg, false);
    std::erase_if(impl_->pending, [leg](const RoomEvent& event) { return event.leg == leg; });
    for (auto* list : {&impl_->talkers, &impl_->speakers, &impl_->private_ears}) std::erase(*list, &gone);
    if (gone.voice) impl_->orphans.push_back(std::move(gone.voice));
    impl_->unseat(gone);
    impl_->by_id.erase(leg.value);
    impl_->departed.push_back(std::move(*at));
    impl_->legs.erase(at);
    return stream;
}

void Room::set_format(LegId leg, const LegFormat& format) {
    Leg* found = impl_->find(leg);
    if (!found || !format.codec.is_possible()) return;
    const bool recoded = found->format.codec != format.codec;
    const bool retoned = recoded || (found->format.telephone_event < 0) != (format.telephone_event < 0);
    if (recoded || found->format.payload_type != format.payload_type) found->playout.restart(format.codec);
    if (!recoded) {
        found->format = format;
        if (retoned) found->listen_for_tones();
        return;
    }
    if (found->voice) impl_->orphans.push_back(std::move(found->voice));
    std::erase(impl_->speakers, found);
    std::erase(impl_->private_ears, found);
    auto* before = found->audience;
    impl_->unseat(*found);
    if (found->ear) before->spare.push_back(std::move(found->ear));
    found->format = format;
    found->listen_for_tones();
    impl_->seat(*found);
    if (found->player) impl_->go_private(*found);
}

void Room::set_muted(LegId leg, bool muted) {
    if (Leg* found = impl_->find(leg)) found->muted = muted;
}

void Room::set_lobby(LegId leg, bool in_lobby) {
    Leg* found = impl_->find(leg);
    if (!found || std::exchange(found->lobby, in_lobby) == in_lobby) return;
    impl_->reseat(*found);
}

void Room::set_deaf(LegId leg, bool deaf) {
    Leg* found = impl_->find(leg);
    if (!found || std::exchange(found->deaf, deaf) == deaf) return;
    impl_->reseat(*found);
}

void Room::set_gain(LegId leg, int decibels) {
    if (Leg* found = impl_->find(leg)) found->gain = factor_of(std::clamp(decibels, kLeastGain, kMostGain));
}

void Room::set_volume(LegId leg, int decibels) {
    Leg* found = impl_->find(leg);
    decibels = std::clamp(decibels, kLeastGain, kMostGain);
    if (!found || std::exchange(found->volume, decibels) == decibels) return;
    impl_->reseat(*found);
}

void Room::play(LegId leg, std::vector<Prompt> prompts) {
    Leg* found = impl_->find(leg);
    if (!found) return;
    if (prompts.empty()) {
        if (found->player) found->player->stop();
        return;
    }
    impl_->go_private(*found);
    if (found->player)
        found->player->replace(std::move(prompts));
    else
        found->player.emplace(std::move(prompts), impl_->take_voice());
}

void Room::play_all(std::vector<Prompt> prompts, bool in_turn) {
    auto& playing = impl_->announcements;
    if (prompts.empty()) {
        for (auto& player : playing) player.stop();
        return;
    }
    const auto before = std::ranges::find_if(playing, [in_turn](const Player& player) { return in_turn && player.takes_turns() && !player.is_stopped(); });
    if (before != playing.end())
        before->append(std::move(prompts));
    else if (playing.size() < kMaxAnnouncements)
        playing.emplace_back(std::move(prompts), impl_->take_voice(), in_turn);
}

void Room::set_mix_tap(bool on, std::uint32_t rate) {
    impl_->tap_rate = on ? kRates[rate_index(rate)] : 0;
    impl_->tap_limiter = {};
}

void Room::set_leg_tap(LegId leg, bool on) {
    Leg* found = impl_->find(leg);
    if (!found || std::exchange(found->tapped, on) == on) return;
    on ? ++impl_->leg_taps : --impl_->leg_taps;
}

void Room::receive(LegId leg, Bytes packet, Micros early) {
    Leg* found = impl_->listening && impl_->listening->id == leg ? impl_->listening : impl_->find(leg);
    if (!found || kind_of(packet) != PacketKind::rtp) return;
    auto rtp = RtpPacket::parse(packet);
    if (!rtp) return;
    ++found->received;
    found->idle_ticks = 0;
    found->stopped = false;
    if (!found->flowing) impl_->pending.push_back({RoomEvent::Kind::media_started, leg});
    found->flowing = true;
    RecodedLaw recoded;
    if (found->format.is_event(rtp->payload_type)) impl_->take_event(*found, *rtp);
    if (rtp->payload_type == found->format.other_law)
        rtp->payload = recode(found->format.codec.kind, rtp->payload, recoded);
    else if (!found->format.is_audio(rtp->payload_type))
        rtp->payload = {};
    const int id = found->format.level_extension;
    const bool silent = id >= 0 && told_level(*rtp, static_cast<std::uint8_t>(id)).value_or(0) >= kSilence;
    found->playout.insert(*rtp, impl_->now, early, silent);
}

void Room::keep(LegId leg) {
    if (Leg* found = impl_->find(leg)) found->idle_ticks = 0;
}

void Room::tick(RoomOutput& out, const Fetch& fetch) {
    out.clear();
    auto& room = *impl_;
    room.departed.clear();
    room.closed.clear();
    room.sources.clear();
    room.listen_to_all(out.events, fetch);
    out.dropped_digits = std::exchange(room.dropped_digits, 0);
    room.choose_talkers();
    room.find_rates();
    room.speak();
    room.announce();
    if (room.hush) room.soothe();
    room.sum_up();
    for (const auto& audience : room.audiences)
        if (audience->listeners > 0) room.serve(*audience);
    for (auto* leg : room.private_ears) room.serve(*leg, out.events);
    for (std::size_t i = 0; i < room.legs.size(); ++i) {
        if (i + 3 < room.legs.size()) room.legs[i + 3]->prefetch_to_send();
        room.send(*room.legs[i], out);
    }
    room.tap_all(out);
    room.recycle();
    ++room.now;
}

bool Room::empty() const { return impl_->legs.empty(); }
std::size_t Room::size() const { return impl_->legs.size(); }

LegReport Room::report(LegId leg) const {
    const Leg* found = impl_->find(leg);
    if (!found) return {};
    const auto& jitter = found->playout.jitter();
    const auto delay_ms = static_cast<double>(found->playout.delay()) / 1000;
    return {found->received, found->sent, jitter.lost(), jitter.late(), found->talking, found->level, found->format.codec, delay_ms};
}

}  // namespace confab::media
