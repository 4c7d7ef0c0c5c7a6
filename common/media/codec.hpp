// Codecs behind one pair of interfaces: G.711 and L16 (RFC 3551 §4.5), G.722 (§4.5.2), Opus (RFC 6716, RFC 7587); all mono. Owned by the
// media thread of the leg. Nothing allocates after make_encoder and make_decoder.
//
// `Encoder::encode` is about our own sound, so its sizes are CHECKed; what a peer sent is only ever answered with 0 samples. A frame is
// `CodecFormat::samples()` long, a decoder takes packets of any length. Levels are mean magnitudes, 0…32767.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "media/rtp.hpp"

namespace confab::media {

enum class CodecKind : std::uint8_t { pcmu, pcma, g722, opus, l16 };

// What both directions of a leg use.
struct CodecFormat {
    CodecKind kind = CodecKind::pcmu;
    std::uint32_t rate = 8000;    // samples a second to the encoder and from the decoder; see is_possible
    std::uint16_t ptime = 20;     // ms in a packet of ours: 10, 20, 30, 40, 60
    std::uint32_t bitrate = 0;    // Opus: bits a second, 0: what suits the rate
    std::uint8_t complexity = 5;  // Opus: 0…10
    bool fec = true;              // Opus: in-band forward error correction
    bool dtx = false;             // Opus: discontinuous transmission

    // Rate: 8000 for G.711, 16000 for G.722, 8000, 16000, 24000 or 48000 for Opus and L16. ptime: as above, but Opus has no 30 ms, and L16
    // only what fits into a datagram.
    bool is_possible() const;
    std::uint16_t nearest_ptime(unsigned asked) const;  // the longest that is possible and not above `asked`; at least 10
    std::uint32_t clock_rate() const;                   // RTP's: 8000 for G.722 too, 48000 for Opus
    constexpr std::size_t samples() const { return std::size_t{rate} * ptime / 1000; }  // in a packet of ours
    auto operator<=>(const CodecFormat&) const = default;
};

inline constexpr std::size_t kMaxFrameSamples = 48000 * 60 / 1000;    // that an encoder takes
inline constexpr std::size_t kMaxPacketSamples = 48000 * 120 / 1000;  // that a decoder gives for a packet of Opus

class Encoder {
public:
    virtual ~Encoder() = default;
    // Returns the octets written. 0: there is nothing worth sending (discontinuous transmission).
    virtual std::size_t encode(std::span<const std::int16_t> frame, std::span<std::uint8_t> out) = 0;
    // Goes on bit-exactly where `other`, of the same format, stands.
    virtual void take_state(const Encoder& other) = 0;
};

class Decoder {
public:
    virtual ~Decoder() = default;
    // Returns the samples written. 0: undecodable, or more than `out` holds; the decoder is then as it was. Sound after a loss is joined to
    // what stood in for it.
    virtual std::size_t decode(Bytes payload, std::span<std::int16_t> out) = 0;
    // Stands in for a loss of out.size() samples; fades to silence where the loss goes on.
    virtual void conceal(std::span<std::int16_t> out) = 0;
    // The lost packet of out.size() samples out of the one that follows it, which is then decoded as ever. False: it holds nothing of it.
    virtual bool recover(Bytes next, std::span<std::int16_t> out) = 0;
};

std::unique_ptr<Encoder> make_encoder(const CodecFormat& format);
std::unique_ptr<Decoder> make_decoder(const CodecFormat& format);

// Without decoding. Samples in a packet, at `format.rate`; 0: malformed.
std::size_t samples_in(const CodecFormat& format, Bytes payload);
// Empty: only decoding tells. G.722 tells 0 for plain zeros and nothing else. Opus tells 0 where its voice flags say that there is none, and nothing else. They are flags of voice: a
// steady tone or noise loses them within a second, however loud, so who must not lose it decodes a packet now and then all the same.
std::optional<int> level_of(const CodecFormat& format, Bytes payload);

// An rtpmap's encoding name (case-insensitive) and clock rate, and the name to write.
std::optional<CodecKind> codec_of(std::string_view encoding_name, std::uint32_t clock_rate);
std::string_view encoding_name(CodecKind kind);

}  // namespace confab::media
