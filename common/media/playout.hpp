// One leg's sound, packet by packet in and 20 ms of code bytes a tick out: jitter buffer, cutting to the tick's length, concealment. Still
// undecoded. A lost packet is the last sound repeated more and more quietly; after 60 ms of that, silence. Nothing allocates after
// construction.
#pragma once

#include <array>
#include <cstdint>

#include "media/g711.hpp"
#include "media/jitter_buffer.hpp"
#include "media/mixer.hpp"

namespace confab::media {

class Playout {
public:
    explicit Playout(G711 law);
    void restart(G711 law);  // another codec: nothing that is held fits it

    // A packet of another payload type takes its place in the sequence with an empty payload, so that it is not missed.
    void insert(const RtpPacket& packet, std::uint64_t tick) { jitter_.insert(packet, tick); }

    // False: silence, in `frame()` too.
    bool advance(std::uint64_t tick);
    std::span<const std::uint8_t, kFrame> frame() const { return frame_; }
    const JitterBuffer& jitter() const { return jitter_; }

private:
    void append(const JitterBuffer::Frame& from);
    void append_sound(Bytes codes);
    void append_silence(std::size_t samples);
    void append_concealed(std::size_t samples);

    G711 law_;
    JitterBuffer jitter_;
    std::array<std::uint8_t, kFrame> frame_;
    std::array<std::uint8_t, kFrame + JitterBuffer::kMaxPayload> queue_;
    std::size_t queued_ = 0;
    std::size_t sounding_ = 0;               // samples of the queue up to the last that may be heard
    std::size_t packet_ = kFrame;            // samples in the peer's packets
    std::array<std::uint8_t, kFrame> last_;  // what concealment repeats
    unsigned concealed_ = 0;                 // frames since true sound
};

}  // namespace confab::media
