// One mix: legs with their jitter buffers, codecs and DTMF, ticked once each 20 ms.
//
// Owner: one media thread, from birth to death. A pure function of packets, commands and tick number, so that a recorded run replays
// bit-exactly. A tick pulls each leg's frame, judges its level without decoding silence, chooses the loudest talkers (with hysteresis),
// sums once in int32, and encodes once for all listeners of one codec and once for each talker. The steady state allocates nothing.
//
// Packets of 10, 20, 30 and 40 ms (any size up to 320 octets) are cut to the tick behind the jitter buffer; ours are always 20 ms, 50 a
// second, silence included. Where one talker of a listener's own law speaks, his code bytes pass untouched. While a telephone event lasts,
// its leg's audio stays out. A leg whose packets stop (or never come) is told once as `media_stopped`; held legs and those that promised to
// send nothing are exempt. Commands take effect, and their events come out, with the next tick.
//
// A leg's RTP goes out only while the leg's direction sends; a *held* leg is out of the mix and gets nothing; a *muted* leg hears and is
// not heard. A prompt (8 kHz PCM) plays to one leg instead of the mix; while a leg is `in_lobby` it neither hears nor is heard. Bounds:
// kMaxLegs a room. Errors: unknown legs are ignored, since a command may cross a departure.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "media/dtmf.hpp"
#include "media/codec.hpp"
#include "media/jitter_buffer.hpp"
#include "media/mixer.hpp"

namespace confab::media {

struct LegId {
    std::uint32_t value = 0;
    auto operator<=>(const LegId&) const = default;
};

struct LegFormat {
    CodecFormat codec{};
    std::uint8_t payload_type = 0;  // the peer's, both ways (RFC 3264 asks for symmetry in practice)
    int telephone_event = -1;       // payload type, −1: none
    bool sends = true;              // we send to the peer
    bool receives = true;           // we take the peer's audio into the mix
    bool held = false;
};

struct RoomPolicy {
    unsigned loudest = 3;          // talkers in the mix
    int talk_level = 180;          // mean magnitude that counts as voice (about −45 dBov)
    unsigned talk_hangover = 15;   // ticks below the level before `silent`
    unsigned media_timeout = 500;  // ticks without any packet before `media_stopped` (10 s); held legs are exempt
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

struct Sound {
    std::uint32_t rate = 8000;
    std::vector<std::int16_t> samples;  // mono
};
using Prompt = std::shared_ptr<const Sound>;

// What a tick wants done: packets (a header of its own and a payload that many may share) and events.
class RoomOutput {
public:
    struct Packet {
        LegId leg;
        std::array<std::uint8_t, kRtpHeader> header;
        std::span<const std::uint8_t> payload;  // valid until the room's next tick
    };
    std::vector<Packet> packets;
    std::vector<RoomEvent> events;
    void clear() {
        packets.clear();
        events.clear();
    }
};

struct LegReport {
    std::uint64_t received = 0, sent = 0, lost = 0, late = 0;
    bool talking = false;
    int level = 0;
};

class Room {
public:
    static constexpr std::size_t kMaxLegs = 4096;

    explicit Room(const RoomPolicy& policy);
    ~Room();

    bool add(LegId leg, const LegFormat& format, const LegStream& stream);
    std::optional<LegStream> remove(LegId leg);  // empty: it is not here
    void set_format(LegId leg, const LegFormat& format);
    void set_muted(LegId leg, bool muted);
    void set_lobby(LegId leg, bool in_lobby);
    void play(LegId leg, Prompt prompt);    // a null prompt stops
    void receive(LegId leg, Bytes packet);  // clear RTP, from the leg's own socket

    void tick(RoomOutput& out);

    bool empty() const;
    std::size_t size() const;
    LegReport report(LegId leg) const;

private:
    struct Leg;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace confab::media
