// The probe's end of one audio stream: samples to packets and packets to samples, one frame each 20 ms, in clear or as SRTP.
//
// Pure. Owner: the probe's one thread, or a test. Units: 8 kHz samples, 20 ms ticks.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/random.hpp"
#include "media/dtmf.hpp"
#include "media/g711.hpp"
#include "media/mixer.hpp"
#include "media/playout.hpp"
#include "media/srtp.hpp"
#include "sdp/offer_answer.hpp"

namespace confab::probe {

class Endpoint {
public:
    // Empty: a codec or a crypto suite that we do not have.
    static std::optional<Endpoint> create(const sdp::Agreed& agreed, const base::Seed& seed);

    // The peer's new wishes after a re-INVITE; the stream goes on.
    void update(const sdp::Agreed& agreed);
    void dial(std::string_view digits) { digits_.append(digits); }
    bool dialling() const { return !digits_.empty() || sender_.active(); }

    // A packet as received, with kSrtpOverhead octets of room behind `size`.
    void receive(std::span<std::uint8_t> buffer, std::size_t size, std::uint64_t tick);
    // One frame from the peer; silence where nothing is there. True: it was audio.
    bool pull(std::uint64_t tick, media::Samples& out);
    // The packet for this tick, valid until the next call; empty while the peer wants none.
    std::span<const std::uint8_t> push(const media::Samples& voice);

    const base::SocketAddress& remote() const { return agreed_.remote; }
    struct Counts {
        std::uint64_t sent = 0, received = 0, rejected = 0, lost = 0;
    };
    Counts counts() const;

private:
    Endpoint(const sdp::Agreed& agreed, media::G711 law, const base::Seed& seed);
    bool key();

    sdp::Agreed agreed_;
    media::G711 law_;
    std::optional<media::Srtp> receive_, send_;
    media::Playout playout_;
    media::DigitSender sender_;
    std::string digits_;
    unsigned pause_ = 0;
    std::uint16_t sequence_;
    std::uint32_t timestamp_;
    std::uint32_t ssrc_;
    bool first_ = true;
    Counts counts_;
    std::array<std::uint8_t, 12 + 320 + media::kSrtpOverhead> packet_{};
};

}  // namespace confab::probe
