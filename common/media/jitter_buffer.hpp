// Packets in any order, one pulled at a time in the sender's order, undecoded. Decides how long to wait, and tells how much the delay
// should change (`owed`); whoever plays the sound changes it. Owner: one media thread. Times are microseconds of the owner's choosing.
// Nothing allocates after construction.
//
// The delay grows at once when a packet comes too late or nearly so, and shrinks slowly, when for seconds every packet came earlier than
// needed. That also follows the sender's clock. It moves in units of `step`, what packets and ticks have in common: less would not save a
// packet. A sender's pause (marker, time stamp ahead of the sequence, a packet that says so, or 200 ms of nothing) is not lateness. A new
// SSRC starts anew at once; a jump in the sequence only after a second packet confirms it (RFC 3550 A.1), so that one stray packet does no
// harm. Payloads lie in one ring of octets, so that a leg costs what its codec needs; those pulled last stay for a while.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/prefetch.hpp"
#include "media/rtp.hpp"

namespace confab::media {

class JitterBuffer {
public:
    struct Limits {
        std::size_t octets = 4096;  // of payload, held and kept
        Micros delay = 300'000;     // what piles up beyond is left out
        std::uint32_t clock_rate = 8000;
        Micros tick = 20'000;  // how often the owner pulls
    };
    struct Frame {
        enum class Kind : std::uint8_t { audio, lost, empty };  // lost: conceal; empty: nothing is coming, be silent
        Kind kind = Kind::empty;
        bool has_turn = false;  // a packet's place in the sequence; else time that passes while one is waited for
        bool silent = false;    // as its sender says
        std::uint16_t sequence = 0;
    };

    explicit JitterBuffer(const Limits& limits);

    // What a packet says of itself. silence: there is nothing to hear in it. pause: its sender falls silent.
    enum class Says : std::uint8_t { nothing, silence, pause };
    // `length`: of the sound in it. False: late, repeated or too large; dropped and counted.
    bool insert(const RtpPacket& packet, Micros arrival, Micros length, Says says = Says::nothing);
    // The next packet, or what takes its place; when one is waited for, `needed` of concealment or silence is.
    Frame pull(Micros now, Micros needed);
    bool ready() const { return started_ && !starting_ && holds(next_); }  // the next pull gives a packet
    // A packet's payload while it is held, and some time after it was pulled.
    std::optional<Bytes> payload(std::uint16_t sequence) const;

    Micros owed() const { return owed_; }  // by which the delay should grow (> 0) or shrink
    void settle(Micros done);              // it did, by so much
    Micros step() const { return step_; }
    void restart(const Limits& limits);  // forgets the stream and the network; the counts stay

    Micros delay() const { return waited_; }  // how long the packet pulled last had been held
    std::uint64_t lost() const { return lost_; }
    std::uint64_t late() const { return late_; }
    std::uint64_t skipped() const { return skipped_; }  // packets left out because too much had piled up
    std::uint64_t missed() const { return missed_; }    // pulls that found nothing in the middle of sound: under-runs

    // What the next insert and pull will read: first what is always read, which then tells the rest, and that the last.
    void prefetch() const { base::prefetch(&limits_, this + 1); }
    void prefetch_slots() const;
    void prefetch_payload() const;

private:
    static constexpr unsigned kSlots = 64;
    static constexpr unsigned kKept = 10;  // packets pulled last whose payload stays, room permitting

    struct Slot {
        enum class State : std::uint8_t { free, held, kept, given_up };
        State state = State::free;
        bool marker : 1 = false, silence : 1 = false, pause : 1 = false;
        bool uniform : 1 = false;  // one octet over and over, `offset` tells which; nothing of it is in the ring
        std::uint16_t sequence = 0;
        std::uint16_t offset = 0, size = 0;
        std::uint32_t timestamp = 0;
        std::uint32_t length = 0;  // microseconds; given_up: what `asked_` was
        Micros arrival = 0;        // given_up: when that was
    };
    struct Block {  // octets of the ring, in the order in which they were taken
        std::uint8_t slot = 0;
        std::uint16_t offset = 0, size = 0;
    };

    Slot& slot(std::uint16_t sequence) { return slots_[sequence % kSlots]; }
    const Slot& slot(std::uint16_t sequence) const { return slots_[sequence % kSlots]; }
    bool holds(std::uint16_t sequence) const { return slot(sequence).state == Slot::State::held && slot(sequence).sequence == sequence; }
    bool has_payload(const Slot& one) const {
        return one.state == Slot::State::held || (one.state == Slot::State::kept && sequence_distance(next_, one.sequence) <= static_cast<int>(kKept));
    }
    bool anything_newer() const { return sequence_distance(newest_, next_) >= 0; }
    void clear();
    void start_at(const RtpPacket& packet);
    bool accept_jump(const RtpPacket& packet);
    void note_late(std::uint16_t sequence, Micros arrival);
    bool store(Slot& into, Bytes payload);
    std::optional<std::size_t> place_for(std::size_t size);
    bool forget_oldest();
    void learn_step(Micros length);
    std::uint32_t ticks(Micros time) const { return static_cast<std::uint32_t>(time * limits_.clock_rate / 1'000'000); }
    void advance(bool played);
    void bound_backlog();
    Micros first_wait() const;  // of the first packet after a pause
    Frame miss(Micros needed);
    Frame play();
    bool is_after_pause(const Slot& from) const;
    void ask_for(Micros more);
    void watch();
    void watch_anew();

    std::array<Slot, kSlots> slots_{};
    std::array<Block, kSlots> blocks_{};
    // From here on, what every packet needs.
    Limits limits_;
    std::vector<std::uint8_t> octets_;
    unsigned first_block_ = 0, block_count_ = 0;
    std::size_t end_ = 0;  // of the newest block
    bool uniform_ = false;  // the payload stored last

    Micros now_ = 0;
    bool started_ = false;
    bool starting_ = false;  // the first packet after a pause waits
    std::uint32_t ssrc_ = 0;
    std::uint16_t next_ = 0;  // sequence number to play next
    std::uint16_t newest_ = 0;
    std::optional<std::uint16_t> jump_;  // what would confirm a jump
    Micros length_;                      // of the last packet with sound
    Micros step_;
    Micros target_ = 0;            // to wait after a pause
    Micros owed_ = 0;
    std::uint32_t asked_ = 0;      // sum of all changes of the delay
    Micros absent_ = 0;            // concealed or silent since the last packet, while one is waited for
    bool paused_ = false;          // the last packet said so
    std::uint32_t timestamp_ = 0;  // that the next in sequence has, if the sender does not pause
    Micros waited_ = 0;
    Micros watch_since_ = 0, shortest_wait_ = 0;  // since watching began anew
    Micros calm_ = 4'000'000;                     // to watch before the delay shrinks: longer where that was a mistake
    Micros shrunk_at_ = 0;
    std::uint64_t lost_ = 0, late_ = 0, skipped_ = 0, missed_ = 0;
};

}  // namespace confab::media
