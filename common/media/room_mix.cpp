#include <algorithm>
#include <utility>

#include "media/room_parts.hpp"

namespace confab::media {
namespace {

constexpr std::size_t kRampsPerTick = 4;  // a ramp is 5 ms
constexpr Narrow kNothing{};

}  // namespace

std::unique_ptr<Voice> Room::Impl::take_voice() {
    if (idle_voices.empty()) return std::make_unique<Voice>();
    auto voice = std::move(idle_voices.back());
    idle_voices.pop_back();
    voice->forget();
    return voice;
}

// A rate at which nobody hears costs nothing.
void Room::Impl::find_rates() {
    rates = tap_rate == 0 ? RateSet{0} : static_cast<RateSet>(1 << rate_index(tap_rate));
    for (const auto& audience : audiences)
        if (audience->hears) rates |= static_cast<RateSet>(1 << audience->rate);
    for (const auto* leg : private_ears)
        if (leg->hears > 0) rates |= static_cast<RateSet>(1 << leg->audience->rate);
}

void Room::Impl::speak() {
    for (auto* leg : talkers) {
        if (!leg->voice) {
            leg->voice = take_voice();
            leg->voice->start(leg->format.codec.rate, !leg->was_soft);
            speakers.push_back(leg);
        }
        go_private(*leg);
        const float gain = policy.automatic_gain ? leg->gain * leg->control.follow(leg->level, leg->quiet_ticks == 0) : leg->gain;
        leg->voice->put(leg->playout.samples(), gain, rates);
    }
    for (auto* leg : speakers) {
        if (!leg->mixed) leg->voice->put_end(rates);
        sources.push_back({leg->voice.get(), leg});
    }
    for (const auto& voice : orphans) {
        voice->put_end(rates);
        sources.push_back({voice.get(), nullptr});
    }
}

void Room::Impl::announce() {
    for (auto& player : announcements) {
        if (!player.step(1, rates)) player.stop();
        sources.push_back({&player.voice(), nullptr});
    }
}

// It begins in the tick in which the last sound dies away, and dies away under the next one's first tick.
void Room::Impl::soothe() {
    const bool sounded = std::exchange(hush->sounds, talkers.empty() && announcements.empty());
    soft = sounded || hush->sounds;
    if (!soft) return;
    if (hush->sounds) {
        Samples samples;
        hush->noise.fill(samples);
        if (!sounded) hush->voice.start(ComfortNoise::kRate, true);
        hush->voice.put(samples, 1, rates);
    } else {
        hush->voice.put_end(rates);
    }
    sources.push_back({&hush->voice, nullptr});
}

void Room::Impl::sum_up() {
    for (std::size_t rate = 0; rate < kRates.size(); ++rate) {
        if (!(rates >> rate & 1)) continue;
        const auto sum = std::span(sums[rate]).first(tick_samples(kRates[rate]));
        std::ranges::fill(sum, 0);
        for (const auto& source : sources) media::add(sum, source.voice->at(rate));
    }
}

// Where a listener hears one talker and nothing else, and that one's packets are what ours would be: those packets.
Bytes Room::Impl::as_sent(const Ear& ear, const Leg* listener) {
    const Source* lone = nullptr;
    for (const auto& source : sources) {
        if (listener && source.leg == listener) continue;
        if (lone) return {};
        lone = &source;
    }
    if (!lone || !lone->leg || !lone->leg->mixed || !lone->voice->is_plain() || !ear.at_rest()) return {};
    const auto &theirs = lone->leg->format.codec, &ours = ear.format();
    if (theirs.kind != ours.kind || theirs.rate != ours.rate || ours.ptime != 20) return {};
    return lone->leg->playout.code();
}

void Room::Impl::serve(Audience& audience) {
    const auto sum = std::span(sums[audience.rate]).first(audience.length);
    if (audience.gain == 1) return audience.ear.put(now, sum, as_sent(audience.ear, nullptr), soft);
    const auto heard = std::span(work).first(audience.length);
    if (audience.hears)
        std::ranges::copy(sum, heard.begin());
    else
        std::ranges::fill(heard, 0);
    scale(heard, audience.gain, audience.gain, 0);
    audience.ear.put(now, heard, {}, soft);
}

void Room::Impl::serve(Leg& leg, std::vector<RoomEvent>& events) {
    auto& audience = *leg.audience;
    const auto heard = std::span(work).first(audience.length);
    const float gain = leg.player && !leg.player->is_stopped() ? 0 : audience.gain;
    if (leg.hears > 0 || gain > 0) {
        std::ranges::copy(std::span(sums[audience.rate]).first(audience.length), heard.begin());
        if (leg.voice) subtract(heard, leg.voice->at(audience.rate));
    } else {
        std::ranges::fill(heard, 0);
    }
    const bool plain = leg.hears == 1 && gain == 1 && !leg.player;
    if (!plain) scale(heard, leg.hears, gain, audience.length / kRampsPerTick);
    leg.hears = gain;
    leg.ear_idle = leg.voice || leg.player ? 0 : leg.ear_idle + 1;
    const bool is_told = leg.player.has_value();
    if (is_told) {
        const bool stopped = leg.player->is_stopped();
        const bool more = leg.player->step(factor_of(leg.volume), static_cast<RateSet>(1 << audience.rate));
        media::add(heard, leg.player->voice().at(audience.rate));
        if (!more && !stopped) events.push_back({RoomEvent::Kind::prompt_ended, leg.id});
        if (!more) {
            idle_voices.push_back(leg.player->take_voice());
            leg.player.reset();
        }
    }
    leg.ear->put(now, heard, plain ? as_sent(*leg.ear, &leg) : Bytes{}, soft && !is_told);
}

void Room::Impl::send(Leg& leg, RoomOutput& out) {
    const auto& codec = leg.format.codec;
    const std::uint32_t step = codec.clock_rate() / 1000 * codec.ptime;
    const auto packets = (leg.ear ? *leg.ear : leg.audience->ear).packets();
    for (const auto payload : packets) {
        const std::uint32_t timestamp = leg.timestamp;
        leg.timestamp += step;
        if (!leg.is_sent_to() || payload.empty()) {
            leg.marker_due = true;
            continue;
        }
        auto& packet = out.packets.emplace_back();
        packet.leg = leg.id;
        packet.payload = payload;
        write_rtp_header(packet.header, leg.marker_due, leg.format.payload_type, leg.sequence++, timestamp, leg.ssrc);
        leg.marker_due = false;
        ++leg.sent;
    }
}

void Room::Impl::tap_all(RoomOutput& out) {
    if (tap_rate != 0) {
        const auto samples = std::span(tap).first(tick_samples(tap_rate));
        tap_limiter.apply(std::span(sums[rate_index(tap_rate)]).first(samples.size()), samples);
        out.taps.push_back({std::nullopt, tap_rate, samples});
    }
    if (leg_taps == 0) return;
    for (const auto& leg : legs) {
        if (!leg->tapped) continue;
        const auto rate = leg->format.codec.rate;
        const auto silence = std::span(kNothing).first(tick_samples(rate));
        out.taps.push_back({leg->id, rate, leg->voice && leg->voice->rate() == rate ? leg->voice->at(rate_index(rate)) : silence});
    }
}

// What has had its last tick.
void Room::Impl::recycle() {
    for (auto* leg : speakers)
        if (!leg->mixed) idle_voices.push_back(std::move(leg->voice));
    std::erase_if(speakers, [](const Leg* leg) { return !leg->voice; });
    for (auto& voice : orphans) idle_voices.push_back(std::move(voice));
    orphans.clear();
    for (auto& player : announcements)
        if (player.is_stopped()) idle_voices.push_back(player.take_voice());
    std::erase_if(announcements, [](const Player& player) { return player.is_stopped(); });
    for (auto* leg : private_ears) go_shared(*leg);
    std::erase_if(private_ears, [](const Leg* leg) { return !leg->ear; });
}

}  // namespace confab::media
