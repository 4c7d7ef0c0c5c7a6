// One mix: legs with their playout, codecs and DTMF, ticked once each 20 ms.
//
// Owner: one media thread, from birth to death. A pure function of packets, commands and tick number, so that a recorded run replays
// bit-exactly. A tick pulls each leg's frame, judges its level without decoding silence, chooses the loudest talkers (with hysteresis),
// sums once in int32 at each rate that somebody hears, and encodes once for all who hear the same in the same format, and once for each who
// hears something of his own: a talker, or a leg with a prompt. The steady state allocates nothing.
//
// Packets of ours are as long as the leg's format says, silence included. Where one talker of a listener's own codec speaks in packets of
// 20 ms, his code bytes pass untouched. While a telephone event lasts, its leg's audio stays out; a leg without telephone events is listened
// to for tones. While nobody talks all hear silence, or comfort noise that is made once and encoded once for each audience. A leg whose packets
// stop (or never come) is told once as `media_stopped`; held legs and those that promised to send nothing are exempt. Commands take effect, and their events come out, with the next tick; what they end or begin has a ramp of 5 ms.
//
// A leg's RTP goes out only while the leg's direction sends; a *held* leg is out of the mix and gets nothing; a *muted* leg hears and is
// not heard; a *deaf* leg hears nothing but its prompts. A prompt plays to one leg instead of the mix, an announcement to all within the
// mix; while a leg is `in_lobby` it neither hears nor is heard. Bounds: kMaxLegs a room, kMaxAnnouncements at once. Errors: unknown legs are
// ignored, since a command may cross a departure.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "media/dtmf.hpp"
#include "media/codec.hpp"
#include "media/jitter_buffer.hpp"
#include "media/mixer.hpp"
#include "media/player.hpp"

namespace confab::media {

struct LegId {
    std::uint32_t value = 0;
    auto operator<=>(const LegId&) const = default;
};

struct LegFormat {
    CodecFormat codec{};
    std::uint8_t payload_type = 0;  // the peer's: of what we send, and taken too
    int telephone_event = -1;       // likewise; −1: none
    // Our offer's, where its answer has others (RFC 3264 §5.1), −1: none. Where one number means two things, what we called so counts.
    int offered_type = -1, offered_event = -1;
    int other_law = -1;             // the payload type of PCMA beside PCMU, or the other way round, that the peer may send too; −1: none
    int level_extension = -1;       // in which the peer tells its level (RFC 6464), −1: none
    bool sends = true;              // we send to the peer
    bool receives = true;           // we take the peer's audio into the mix
    bool held = false;

    bool is_audio(int type) const { return type == offered_type || (type == payload_type && type != offered_event); }
    bool is_event(int type) const { return type == offered_event || (type == telephone_event && type != offered_type); }
};

struct RoomPolicy {
    unsigned loudest = 3;          // talkers in the mix
    int talk_level = 180;          // mean magnitude that counts as voice (about −45 dBov)
    bool automatic_gain = false;   // brings talkers to one loudness, within 12 dB
    unsigned talk_hangover = 15;   // ticks below the level before `silent`
    unsigned media_timeout = 500;  // ticks without RTP or RTCP before `media_stopped` (10 s); held legs are exempt
    unsigned max_delay = 300;      // ms that a jitter buffer holds at most
    std::optional<int> comfort_noise{};  // −dBov, while nobody talks; empty: silence
};

struct RoomEvent {
    enum class Kind : std::uint8_t { talking, silent, digit, prompt_ended, media_started, media_stopped };
    Kind kind;
    LegId leg;
    char digit = 0;
};

// What a leg takes along when it goes to another room, so that its peer hears one stream and each key is told once.
struct LegStream {
    std::uint32_t ssrc = 0;
    std::uint16_t sequence = 0;   // of the next packet
    std::uint32_t timestamp = 0;  // likewise
    DigitReceiver digits{};
};

// What a tick wants done: packets (a header of its own and a payload that many may share) and events.
class RoomOutput {
public:
    struct Packet {
        LegId leg;
        std::array<std::uint8_t, kRtpHeader> header;
        std::span<const std::uint8_t> payload;  // valid until the room's next tick
    };
    struct Tap {
        std::optional<LegId> leg;  // empty: the mix that everybody hears
        std::uint32_t rate;
        std::span<const std::int16_t> samples;  // 20 ms, valid until the room's next tick
    };
    std::vector<Packet> packets;
    std::vector<RoomEvent> events;
    std::vector<Tap> taps;
    unsigned dropped_digits = 0;  // that a leg keyed faster than anybody can
    void clear() {
        packets.clear();
        events.clear();
        taps.clear();
    }
};

struct LegReport {
    std::uint64_t received = 0, sent = 0, lost = 0, late = 0;
    bool talking = false;
    int level = 0;
    CodecFormat codec{};
    double delay_ms = 0;  // that the jitter buffer adds now
    double jitter_ms = 0;
    std::optional<double> round_trip_ms{}, mos{};  // empty until measured
};

class Room {
public:
    static constexpr std::size_t kMaxLegs = 4096;
    static constexpr std::size_t kMaxAnnouncements = 4;
    static constexpr int kLeastGain = -40, kMostGain = 20;  // dB

    explicit Room(const RoomPolicy& policy);
    ~Room();

    bool add(LegId leg, const LegFormat& format, const LegStream& stream);
    std::optional<LegStream> remove(LegId leg);  // empty: it is not here
    void set_format(LegId leg, const LegFormat& format);
    void set_muted(LegId leg, bool muted);
    void set_lobby(LegId leg, bool in_lobby);
    void set_deaf(LegId leg, bool deaf);
    void set_gain(LegId leg, int decibels);    // how it is heard
    void set_volume(LegId leg, int decibels);  // how it hears
    void play(LegId leg, std::vector<Prompt> prompts);  // instead of what plays; none: stops it. `prompt_ended` after the last
    void play(LegId leg, Prompt prompt) { play(leg, prompt ? std::vector{std::move(prompt)} : std::vector<Prompt>{}); }
    void play_all(std::vector<Prompt> prompts, bool in_turn = false);  // beside what plays, or after what plays in turn; none: stops all
    // Taps come with each tick: the mix that everybody hears, at a rate of kRates; a leg's own voice, at its own rate, zeros while it is
    // silent or not heard.
    void set_mix_tap(bool on, std::uint32_t rate = 16000);
    void set_leg_tap(LegId leg, bool on);
    // Clear RTP, from the leg's own socket; `early`: how many microseconds before the tick to come it came.
    void receive(LegId leg, Bytes packet, Micros early = 10'000);
    // It sent RTCP: it is there, though it may send no RTP while it is muted or silent.
    void keep(LegId leg);

    // `fetch` is called for each leg, in the order in which they came, before the tick listens to it: the moment to `receive` what lies in its socket, while
    // what is known of the leg is at hand.
    using Fetch = std::function<void(LegId)>;
    void tick(RoomOutput& out, const Fetch& fetch = {});

    bool empty() const;
    std::size_t size() const;
    LegReport report(LegId leg) const;

private:
    struct Leg;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace confab::media
