// One leg's sound, packet by packet in and 20 ms a tick out: jitter buffer, cutting to the tick's length, loss concealment, and the delay
// that follows the network and the sender's clock. Owner: one media thread. Nothing allocates after construction and restart.
//
// A leg is decoded only where somebody asks for `samples`: its level comes from the packets where the codec allows that, and `code` hands
// out whole code bytes. A decoder that stood idle first decodes the last three packets (eight of G.722), so that it is warm and no onset is
// lost. A lost packet is recovered from the next or concealed, up to 60 ms; then silence. A sender's pause (RFC 3389, Opus DTX) is silence
// without loss. The delay changes under silence at no cost, else by leaving out or repeating a pitch period where the sound resembles itself
// most.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "media/codec.hpp"
#include "media/jitter_buffer.hpp"

namespace confab::media {

class Playout {
public:
    static constexpr Micros kTick = 20'000;

    // `max_delay`, in ms: more is never held.
    explicit Playout(const CodecFormat& format, unsigned max_delay = 300);
    void restart(const CodecFormat& format);  // another codec: nothing that is held fits it

    // A packet of another payload type takes its place in the sequence with an empty payload, so that it is not missed. `early`: how many
    // microseconds before that tick it came. `silent`: its sender says so, and is believed where only decoding could tell.
    void insert(const RtpPacket& packet, std::uint64_t tick, Micros early = kTick / 2, bool silent = false);

    bool advance(std::uint64_t tick);          // once a tick; false: silence
    int level();                               // of this tick's frame: mean magnitude, 0…32767
    Bytes code();                              // this frame as it came: exactly 20 ms, nothing concealed or changed; else empty
    std::span<const std::int16_t> samples();   // this frame at the format's rate; decoded once
    std::size_t frame() const { return frame_; }  // samples
    const JitterBuffer& jitter() const { return jitter_; }
    Micros delay() const { return jitter_.delay() + time_of(queued_ - advanced_); }  // of what is played now

    // What the next tick will read: first what is always read, which then tells the rest.
    void prefetch() const {
        jitter_.prefetch();
        base::prefetch(&format_, this + 1);
    }
    void prefetch_packets() const {
        jitter_.prefetch_slots();
        base::prefetch(pieces_[first_ % kPieces]);
        base::prefetch(pieces_[end_ % kPieces]);
    }
    void prefetch_payload() const { jitter_.prefetch_payload(); }

private:
    struct Piece {
        enum class Kind : std::uint8_t { audio, lost, pause };
        Kind kind = Kind::pause;
        bool has_turn = false;
        std::uint16_t sequence = 0;
        int level = 0;         // −1: only decoding tells
        std::int32_t samples = 0;
        std::int32_t offset = 0;  // played already; below 0: silence to come first
        std::size_t left() const { return static_cast<std::size_t>(samples - offset); }
    };
    static constexpr unsigned kPieces = 32;  // those of a tick and those before that a decoder is warmed with

    Piece& piece(std::uint64_t number) { return pieces_[number % kPieces]; }
    Micros time_of(std::size_t samples) const { return static_cast<Micros>(samples) * 1'000'000 / format_.rate; }
    std::size_t samples_of(Micros time) const { return static_cast<std::size_t>(time * format_.rate / 1'000'000); }
    static bool is_playable(Micros length);
    template <class Action>
    void for_each(std::size_t samples, const Action& action);  // piece of the queue's beginning, with how much of it
    void prepare();
    Piece piece_of(const JitterBuffer::Frame& from, std::size_t wanted);
    void append(const JitterBuffer::Frame& from, std::size_t wanted);
    bool fetch(std::size_t wanted);
    void consume(std::size_t samples);
    void drop(std::size_t samples);

    void decode_to(std::size_t wanted);
    void warm_up();
    void decode(const Piece& from, std::span<std::int16_t> out);
    void fade(std::span<std::int16_t> out);

    struct Likeness {
        std::size_t period = 0;
        float likeness = 0;  // −1…1
    };
    bool is_quiet(std::size_t samples);
    void adjust();
    void adjust_quiet(Micros owed);
    void align();
    void adjust_sounding(Micros owed);
    Likeness find_period(std::size_t longest) const;
    void leave_out(std::size_t period);
    void repeat(std::size_t period);

    std::array<Piece, kPieces> pieces_{};
    JitterBuffer jitter_;
    CodecFormat format_;
    Micros max_delay_;
    std::unique_ptr<Decoder> decoder_;
    std::size_t frame_ = 0;

    std::uint64_t first_ = 0, end_ = 0;  // pieces of the queue
    std::size_t queued_ = 0;             // samples in them
    std::uint64_t undecoded_ = 0;        // the first piece that the decoder has not seen
    std::vector<std::int16_t> sound_;    // the queue's beginning, decoded
    std::size_t decoded_ = 0;
    std::vector<std::uint8_t> code_;

    Micros now_ = 0;
    std::size_t packet_ = 0;     // samples in the peer's packets
    std::size_t concealed_ = 0;  // samples since true sound
    std::size_t advanced_ = 0;   // of the queue, by this tick
    bool sounding_ = false;
    bool changed_ = false;                      // this frame's length
    bool broken_ = false, was_broken_ = false;  // something in this frame and in the one before did not come so
    unsigned searched_ = 0;                     // ticks for a place to change the delay
    bool silent_ = true;         // what was decoded last
    int level_ = -1;
};

}  // namespace confab::media
