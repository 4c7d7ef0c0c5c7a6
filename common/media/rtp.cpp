#include "media/rtp.hpp"

namespace confab::media {
namespace {

std::uint16_t read16(Bytes from, std::size_t at) { return static_cast<std::uint16_t>(from[at] << 8 | from[at + 1]); }
std::uint32_t read32(Bytes from, std::size_t at) { return static_cast<std::uint32_t>(read16(from, at)) << 16 | read16(from, at + 2); }

void write16(std::span<std::uint8_t> to, std::size_t at, std::uint16_t value) {
    to[at] = static_cast<std::uint8_t>(value >> 8);
    to[at + 1] = static_cast<std::uint8_t>(value);
}
void write32(std::span<std::uint8_t> to, std::size_t at, std::uint32_t value) {
    write16(to, at, static_cast<std::uint16_t>(value >> 16));
    write16(to, at + 2, static_cast<std::uint16_t>(value));
}

// Fixed header, contributing sources and extension.
std::optional<std::size_t> header_size_of(Bytes packet) {
    if (packet.size() < kRtpHeader || packet[0] >> 6 != 2) return std::nullopt;
    std::size_t size = kRtpHeader + 4u * (packet[0] & 0x0f);
    if (packet[0] & 0x10) {
        if (packet.size() < size + 4) return std::nullopt;
        size += 4 + 4u * read16(packet, size + 2);
    }
    if (packet.size() < size) return std::nullopt;
    return size;
}

}  // namespace

PacketKind kind_of(Bytes packet) {
    if (packet.size() < 2) return PacketKind::unknown;
    if (packet[0] <= 3) return PacketKind::stun;
    if (packet[0] >= 20 && packet[0] <= 63) return PacketKind::dtls;
    if (packet[0] < 128 || packet[0] > 191) return PacketKind::unknown;
    return packet[1] >= 192 && packet[1] <= 223 ? PacketKind::rtcp : PacketKind::rtp;
}

std::optional<RtpPacket> RtpPacket::parse(Bytes packet) {
    const auto header = header_size_of(packet);
    if (!header) return std::nullopt;
    std::size_t padding = 0;
    if (packet[0] & 0x20) {
        padding = packet.back();
        if (padding == 0 || padding > packet.size() - *header) return std::nullopt;
    }
    RtpPacket out;
    out.marker = (packet[1] & 0x80) != 0;
    out.payload_type = packet[1] & 0x7f;
    out.sequence = read16(packet, 2);
    out.timestamp = read32(packet, 4);
    out.ssrc = read32(packet, 8);
    out.header_size = *header;
    if (packet[0] & 0x10) {
        const std::size_t fixed = kRtpHeader + 4u * (packet[0] & 0x0f);
        out.extension = packet.subspan(fixed, *header - fixed);
    }
    out.payload = packet.subspan(*header, packet.size() - *header - padding);
    return out;
}

std::optional<std::uint8_t> told_level(const RtpPacket& packet, std::uint8_t id) {
    if (packet.extension.size() < 4) return std::nullopt;
    const unsigned profile = read16(packet.extension, 0);
    const bool one_octet = profile == 0xbede, two_octets = profile >> 4 == 0x100;
    if (!one_octet && !two_octets) return std::nullopt;
    auto rest = packet.extension.subspan(4);
    while (!rest.empty()) {
        if (rest[0] == 0) {  // padding
            rest = rest.subspan(1);
            continue;
        }
        const unsigned element = one_octet ? rest[0] >> 4 : rest[0];
        if (one_octet && element == 15) return std::nullopt;  // what follows is for nobody yet
        const std::size_t head = one_octet ? 1 : 2;
        if (rest.size() < head) return std::nullopt;
        const std::size_t size = one_octet ? (rest[0] & 0x0fu) + 1 : rest[1];
        if (rest.size() < head + size) return std::nullopt;
        if (element == id && size >= 1) return rest[head] & 0x7f;  // the high bit is the sender's guess whether it is voice
        rest = rest.subspan(head + size);
    }
    return std::nullopt;
}

void write_rtp_header(std::span<std::uint8_t, kRtpHeader> out, bool marker, std::uint8_t payload_type, std::uint16_t sequence,
                      std::uint32_t timestamp, std::uint32_t ssrc) {
    out[0] = 0x80;
    out[1] = static_cast<std::uint8_t>((marker ? 0x80 : 0) | (payload_type & 0x7f));
    write16(out, 2, sequence);
    write32(out, 4, timestamp);
    write32(out, 8, ssrc);
}

}  // namespace confab::media
