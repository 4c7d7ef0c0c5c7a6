// RTP packets (RFC 3550 §5.1) as slices, and telling media apart on one port (RFC 7983). Pure; multi-byte fields are host order here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace confab::media {

using Bytes = std::span<const std::uint8_t>;
using Micros = std::int64_t;  // microseconds of a clock that the owner names

enum class PacketKind : std::uint8_t { stun, dtls, rtp, rtcp, unknown };
PacketKind kind_of(Bytes packet);  // by first octet, and for RTP/RTCP by payload type (RFC 5761 §4)

struct RtpPacket {
    bool marker = false;
    std::uint8_t payload_type = 0;
    std::uint16_t sequence = 0;
    std::uint32_t timestamp = 0;
    std::uint32_t ssrc = 0;
    Bytes payload;  // without padding
    std::size_t header_size = 12;
    Bytes extension;  // with its own four octets of header; empty: none

    static std::optional<RtpPacket> parse(Bytes packet);  // empty: not version 2, truncated, bad padding or extension
};

// −dBov as the sender tells it in extension `id` (RFC 6464), in RFC 8285's form of one or two octets. Empty: it does not.
std::optional<std::uint8_t> told_level(const RtpPacket& packet, std::uint8_t id);

inline constexpr std::size_t kRtpHeader = 12;
void write_rtp_header(std::span<std::uint8_t, kRtpHeader> out, bool marker, std::uint8_t payload_type, std::uint16_t sequence,
                      std::uint32_t timestamp, std::uint32_t ssrc);

// Signed distance a − b on the circle of 16-bit sequence numbers.
constexpr int sequence_distance(std::uint16_t a, std::uint16_t b) { return static_cast<std::int16_t>(static_cast<std::uint16_t>(a - b)); }

}  // namespace confab::media
