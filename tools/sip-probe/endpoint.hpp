// The probe's end of one audio stream: samples to packets and packets to samples, 20 ms each way at a time, in clear or as SRTP.
//
// Pure. Owner: the probe's one thread, or a test. What goes in and out has the rate that the endpoint was made for, whatever the codec's.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "media/dtmf.hpp"
#include "media/playout.hpp"
#include "media/resample.hpp"
#include "media/srtp.hpp"
#include "sdp/offer_answer.hpp"
#include "sip-probe/codecs.hpp"

namespace confab::probe {

class Endpoint {
public:
    // Empty: a codec or a crypto suite that we do not have. `rate`: samples a second of what is said and heard.
    static std::optional<Endpoint> create(const sdp::Agreed& agreed, const Codecs& ours, std::uint32_t rate, const base::Seed& seed);

    // The peer's new wishes after a re-INVITE; the stream goes on.
    void update(const sdp::Agreed& agreed, const Codecs& ours);
    void dial(std::string_view digits) { digits_.append(digits); }
    bool dialling() const { return !digits_.empty() || sender_.active(); }

    // A packet as received, with kSrtpOverhead octets of room behind `size`.
    void receive(std::span<std::uint8_t> buffer, std::size_t size, std::uint64_t tick);
    // 20 ms from the peer; silence where nothing is there. True: it was audio.
    bool pull(std::uint64_t tick, std::span<std::int16_t> out);
    // 20 ms for the peer. Then `take` gives the packets that are due, each valid until the next call, and at last an empty one.
    void push(std::span<const std::int16_t> voice);
    std::span<const std::uint8_t> take();

    const base::SocketAddress& remote() const { return agreed_.remote; }
    const media::CodecFormat& format() const { return format_; }
    struct Counts {
        std::uint64_t sent = 0, received = 0, rejected = 0, lost = 0;
    };
    Counts counts() const;

private:
    Endpoint(const sdp::Agreed& agreed, const media::CodecFormat& format, std::uint32_t rate, const base::Seed& seed);
    bool key();
    void use(const media::CodecFormat& format);
    bool sends() const;
    std::span<const std::uint8_t> seal(std::uint8_t payload_type, bool marker, std::uint32_t timestamp, std::size_t payload);
    std::span<const std::uint8_t> take_digit();

    sdp::Agreed agreed_;
    media::CodecFormat format_;
    std::uint32_t rate_;
    std::optional<media::Srtp> receive_, send_;
    std::unique_ptr<media::Encoder> encoder_;
    std::unique_ptr<media::Playout> playout_;
    std::unique_ptr<media::Resampler> from_voice_, to_heard_;
    std::vector<std::int16_t> pending_;  // at the codec's rate: said, not yet a packet
    media::DigitSender sender_;
    bool digit_due_ = false;
    std::string digits_;
    unsigned pause_ = 0;
    std::uint16_t sequence_;
    std::uint32_t timestamp_;  // of the first sample pending
    std::uint32_t ssrc_;
    bool marker_ = true;
    Counts counts_;
    std::array<std::uint8_t, 1500 + media::kSrtpOverhead> packet_{};
};

}  // namespace confab::probe
