// What a Room is made of, for the files that implement it.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "media/dtmf.hpp"
#include "media/ear.hpp"
#include "media/gain_control.hpp"
#include "media/noise.hpp"
#include "media/playout.hpp"
#include "media/resample.hpp"
#include "media/room.hpp"
#include "media/tones.hpp"
#include "media/voice_detector.hpp"

namespace confab::media {

// Who hears the same in the same format: one encoder for all of them who hear nothing of their own.
struct Audience {
    Audience(const CodecFormat& format, int decibels, bool hears_mix);

    const int volume;
    const bool hears;
    const float gain;  // 0: it does not hear the mix
    const std::size_t rate, length;
    Ear ear;
    std::vector<std::unique_ptr<Ear>> spare;  // for members who leave for a private one
    std::size_t members = 0, listeners = 0;   // listeners: members without a private one
};

// Digits as tones, for a leg that has no telephone events.
struct ToneEar {
    explicit ToneEar(std::uint32_t rate) : down(rate, kRates[0]) {}
    std::optional<char> hear(std::span<const std::int16_t> samples);

    DtmfDetector detector;
    Resampler down;
};

struct Room::Leg {
    Leg(LegId leg, const LegFormat& form, const LegStream& stream, unsigned max_delay);

    Playout playout;
    const LegId id;
    LegFormat format;
    const std::uint32_t ssrc;
    std::uint16_t sequence;
    std::uint32_t timestamp;
    bool marker_due = true;

    bool muted = false, lobby = false, deaf = false;
    bool talking = false, mixed = false;
    bool was_open = false;  // the last tick's sound could have been heard…
    bool was_soft = false;  // …and was not worth it
    bool flowing = false, stopped = false;
    bool heard_tones = false;  // since they rested
    bool tapped = false;
    unsigned quiet_ticks = 0, idle_ticks = 0;
    unsigned event_ticks = 0;  // still to stay out of the mix for a telephone event
    unsigned digits_now = 0;
    int level = 0, loudness = 0;
    int volume = 0;
    float gain = 1;
    std::uint64_t received = 0, sent = 0;

    Audience* audience = nullptr;
    std::unique_ptr<Ear> ear;   // a private one
    unsigned ear_idle = 0;      // ticks since it was needed
    float hears = 1;            // the mix's gain in it, at the end of the last tick
    std::unique_ptr<Voice> voice;  // while it is in the mix, and one tick more
    std::unique_ptr<ToneEar> tones;

    std::optional<Player> player;
    VoiceDetector detector;
    DigitReceiver digits;
    GainControl control;

    void prefetch() const {
        playout.prefetch();
        base::prefetch(&id, &detector);
    }
    void prefetch_to_send() const { base::prefetch(&id, &hears); }

    void listen_for_tones() {
        heard_tones = false;
        tones = format.telephone_event < 0 ? std::make_unique<ToneEar>(format.codec.rate) : nullptr;
    }
    bool may_be_heard() const { return format.receives && !format.held && !muted && !lobby; }
    bool is_sent_to() const { return format.sends && !format.held; }
    bool hears_mix() const { return !lobby && !deaf; }
};

struct Room::Impl {
    explicit Impl(const RoomPolicy& given) : policy(given) {
        if (policy.comfort_noise) hush = std::make_unique<Hush>(*policy.comfort_noise);
    }

    // Comfort noise, as a sound among the others.
    struct Hush {
        explicit Hush(int level) : noise(level) {}
        ComfortNoise noise;
        Voice voice;
        bool sounds = false;
    };

    // A sound of this tick, and whose it is.
    struct Source {
        const Voice* voice;
        Leg* leg;  // null: nobody's
    };

    const RoomPolicy policy;
    std::uint64_t now = 0;                   // the tick to come
    std::vector<std::unique_ptr<Leg>> legs;  // in the order in which they came
    std::unordered_map<std::uint32_t, Leg*> by_id;
    std::vector<std::unique_ptr<Audience>> audiences;
    std::vector<Leg*> private_ears;
    std::vector<RoomEvent> pending;
    unsigned dropped_digits = 0;

    Leg* listening = nullptr;    // while the tick listens to it
    std::vector<Leg*> talkers;   // chosen
    std::vector<Leg*> speakers;  // those, and who was until the last tick
    std::vector<Player> announcements;
    std::vector<std::unique_ptr<Voice>> orphans, idle_voices;  // orphans: of legs that are gone
    std::unique_ptr<Hush> hush;  // null: nothing
    bool soft = false;           // this tick has its noise, or the end of it
    std::vector<Source> sources;
    RateSet rates = 0;
    std::array<Wide, kRates.size()> sums;
    Wide work;

    // The last tick's packets may still point into them.
    std::vector<std::unique_ptr<Leg>> departed;
    std::vector<std::unique_ptr<Audience>> closed;

    std::uint32_t tap_rate = 0;
    std::size_t leg_taps = 0;
    Limiter tap_limiter;
    Narrow tap{};

    Leg* find(LegId leg) {
        const auto found = by_id.find(leg.value);
        return found == by_id.end() ? nullptr : found->second;
    }

    // room_listen.cpp: what the legs say.
    void take_event(Leg& leg, const RtpPacket& packet);
    void take_tone(Leg& leg, std::vector<RoomEvent>& events);
    void listen_to_all(std::vector<RoomEvent>& events, const Fetch& fetch);
    void listen(Leg& leg, std::vector<RoomEvent>& events);
    bool is_voice(Leg& leg);
    void judge(Leg& leg, bool voice, std::vector<RoomEvent>& events);
    void watch_flow(Leg& leg, std::vector<RoomEvent>& events);
    void choose_talkers();

    // room_mix.cpp: what they hear.
    std::unique_ptr<Voice> take_voice();
    void find_rates();
    void speak();
    void announce();
    void soothe();
    void sum_up();
    Bytes as_sent(const Ear& ear, const Leg* listener);
    void serve(Audience& audience);
    void serve(Leg& leg, std::vector<RoomEvent>& events);
    void send(Leg& leg, RoomOutput& out);
    void tap_all(RoomOutput& out);
    void recycle();

    // room_ears.cpp: who hears with whom.
    void seat(Leg& leg);
    void unseat(Leg& leg);
    void reseat(Leg& leg);
    void go_private(Leg& leg);
    void go_shared(Leg& leg);
};

// Of a gain in dB, within a room's bounds; 0 dB is exactly 1.
float factor_of(int decibels);

}  // namespace confab::media
