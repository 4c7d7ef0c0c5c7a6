// Where an outgoing stream stands: limiter, packet being filled, encoder. One for all who hear the same in the same format, and a private
// one for who hears something of his own; a private one takes over where the shared one stands, so that the peer's decoder notices nothing.
// All of one packet length begin their packets together, by the tick's number. Nothing allocates after construction.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "media/codec.hpp"
#include "media/limiter.hpp"
#include "media/mixer.hpp"

namespace confab::media {

// Samples that the packet under way holds before a tick.
std::size_t samples_before(std::uint64_t tick, const CodecFormat& format);

class Ear {
public:
    explicit Ear(const CodecFormat& format);
    void take_state(const Ear& other);  // of the same format

    // A tick's sound, which becomes 0…2 packets. `as_sent`: the same sound as a peer's octets, a whole packet of ours; they are passed on
    // untouched. A codec with a memory (G.722, Opus) begins that only after silence, and encodes beside it, so that it can go on itself.
    // `soft`: nothing but comfort noise, which counts as silence.
    void put(std::uint64_t tick, std::span<const std::int32_t> sound, Bytes as_sent, bool soft);
    std::span<const Bytes> packets() const { return std::span(packets_).first(made_); }  // an empty one: nothing is to be sent
    bool at_rest() const { return limiter_.at_rest(); }
    const CodecFormat& format() const { return format_; }
    bool has_state() const { return has_state_; }  // the encoder has
    // G.722's: two encoders that once heard something else stay apart as long as sound lasts.
    bool settles_in_silence() const { return format_.kind == CodecKind::g722; }
    bool is_silent() const { return silent_ >= kSilence; }

private:
    static constexpr std::size_t kPackets = 2;  // of a tick
    static constexpr unsigned kSilence = 5;     // ticks after which the states of any two encoders are near

    void fill(std::span<const std::int16_t> samples);

    const CodecFormat format_;
    const bool has_state_;
    std::unique_ptr<Encoder> encoder_;
    Limiter limiter_;
    std::vector<std::int16_t> frame_;
    std::size_t filled_ = 0;
    unsigned silent_ = kSilence;  // ticks
    bool passing_ = false;
    std::vector<std::uint8_t> octets_;
    std::array<Bytes, kPackets> packets_;
    std::size_t made_ = 0;
};

}  // namespace confab::media
