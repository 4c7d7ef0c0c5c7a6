// Packets in any order, one packet's payload each pull, undecoded. Waits only as long as the network asks: delay grows at once when a
// packet comes too late, and shrinks slowly, by leaving out a frame, when for seconds every packet came earlier than needed. That also
// follows the sender's clock. Ticks, not a clock: the owner pulls once a frame (more or less often for packets of another length). Nothing
// allocates after construction.
//
// A sender's pause (marker, or 200 ms of nothing) is not lateness. A new SSRC starts anew at once; a jump in the sequence only after a
// second packet confirms it (RFC 3550 A.1), so that one stray packet does no harm.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "media/rtp.hpp"

namespace confab::media {

class JitterBuffer {
public:
    static constexpr std::size_t kSlots = 64;        // 1.28 s of 20 ms frames
    static constexpr std::size_t kMaxPayload = 320;  // octets a packet: 40 ms of G.711; larger ones are dropped
    static constexpr unsigned kMaxDelay = 15;        // packets held at most; what piles up beyond is left out

    struct Frame {
        enum class Kind : std::uint8_t { audio, lost, empty };  // lost: conceal; empty: nothing is coming, be silent
        Kind kind = Kind::empty;
        Bytes payload;  // valid until the next call; empty where the packet carried none
    };

    // `tick` is the owner's current frame number: arrival time as playout sees it. False: late, repeated or too large, dropped and counted.
    bool insert(const RtpPacket& packet, std::uint64_t tick);
    Frame pull(std::uint64_t tick);
    void reset();

    unsigned depth() const { return depth_; }  // frames of delay now
    std::uint64_t lost() const { return lost_; }
    std::uint64_t late() const { return late_; }
    std::uint64_t skipped() const { return skipped_; }  // frames left out to shorten the delay

private:
    struct Slot {
        bool full = false;
        bool marker = false;
        std::uint16_t sequence = 0;
        std::uint16_t size = 0;
        std::uint64_t arrival = 0;
        std::array<std::uint8_t, kMaxPayload> payload;
    };

    Slot& slot(std::uint16_t sequence) { return slots_[sequence % kSlots]; }
    bool holds(std::uint16_t sequence) { return slot(sequence).full && slot(sequence).sequence == sequence; }
    bool anything_newer() const { return sequence_distance(newest_, next_) >= 0; }
    void start_at(const RtpPacket& packet);
    bool accept_jump(const RtpPacket& packet);
    void note_late(std::uint16_t sequence);
    void advance(bool played);
    void bound_backlog();
    Frame wait_for_packets();
    Frame play(std::uint64_t tick);
    void watch_anew();
    bool can_shrink(const Slot& slot, std::uint64_t waited);

    std::array<Slot, kSlots> slots_{};
    bool started_ = false;
    std::uint32_t ssrc_ = 0;
    std::uint16_t next_ = 0;  // sequence number to play next
    std::uint16_t newest_ = 0;
    std::optional<std::uint16_t> jump_;  // what would confirm a jump
    std::uint64_t played_ = 0;           // bit k: next_ − 1 − k was played, not given up
    unsigned depth_ = 0;
    unsigned target_ = 0;              // frames to wait after a pause
    unsigned wait_ = 0;                // pulls yet to let pass
    unsigned misses_ = 0;              // pulls that found nothing since the last packet
    unsigned calm_ = 0;                // packets played since watching began anew (with a change of delay, or after 4 s)…
    std::uint64_t shortest_wait_ = 0;  // …and the least that one of them had waited
    std::uint64_t lost_ = 0, late_ = 0, skipped_ = 0;
};

}  // namespace confab::media
