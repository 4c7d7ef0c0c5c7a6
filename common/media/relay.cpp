#include "media/relay.hpp"

#include "media/rtp.hpp"

namespace confab::media {
namespace {

constexpr std::size_t kRtcpHeader = 8;

int index_of(Side side) { return static_cast<int>(side); }
Side other(Side side) { return side == Side::outside ? Side::inside : Side::outside; }

bool is_rtcp(Bytes packet) { return packet.size() >= kRtcpHeader && kind_of(packet) == PacketKind::rtcp; }
bool is_rtp(Bytes packet) { return kind_of(packet) == PacketKind::rtp && RtpPacket::parse(packet); }

std::optional<std::size_t> open(Srtp& srtp, bool rtcp, std::span<std::uint8_t> buffer, std::size_t size) {
    return rtcp ? srtp.unprotect_rtcp(buffer, size) : srtp.unprotect(buffer, size);
}
std::optional<std::size_t> seal(Srtp& srtp, bool rtcp, std::span<std::uint8_t> buffer, std::size_t size) {
    return rtcp ? srtp.protect_rtcp(buffer, size) : srtp.protect(buffer, size);
}

base::SocketAddress beside(base::SocketAddress rtp) {
    rtp.port = rtp.port == 0 || rtp.port == 0xffff ? std::uint16_t{0} : static_cast<std::uint16_t>(rtp.port + 1);
    return rtp;
}

}  // namespace

void Relay::set_keys(Side side, RelayKeys keys) {
    Peer& peer = peers_[index_of(side)];
    peer.secure = keys.receive.has_value() || keys.send.has_value();
    peer.ready = true;
    peer.keys = std::move(keys);
}

void Relay::set_remote(Side side, const base::SocketAddress& rtp) {
    Peer& peer = peers_[index_of(side)];
    if (peer.signalled == rtp) return;
    peer.signalled = rtp;
    peer.rtp = peer.rtcp = {};
    peer.newest.reset();
}

void Relay::set_networks(Side side, std::vector<base::Network> networks) { peers_[index_of(side)].networks = std::move(networks); }

bool Relay::Peer::may_send_from(const base::SocketAddress& source, bool for_rtcp) const {
    const auto& learned = for_rtcp ? rtcp : rtp;
    const auto told = for_rtcp ? beside(signalled) : signalled;
    if (source == told || learned == source) return true;
    if (learned.port != 0) return false;
    if (source.ip == signalled.ip) return true;
    for (const auto& network : networks)
        if (network.contains(source.ip)) return true;
    return false;
}

// An authenticated packet may be an old one that somebody held back and sends from elsewhere: only a newer one moves the address.
bool Relay::Peer::newer(const RtpPacket& packet) {
    if (newest && newest->ssrc == packet.ssrc && sequence_distance(packet.sequence, newest->sequence) <= 0) return false;
    newest = Newest{packet.ssrc, packet.sequence};
    return true;
}

void Relay::learn(Peer& peer, const base::SocketAddress& source, bool rtcp, Bytes packet) {
    if (rtcp) {
        // SRTCP carries an index that replay protection keeps rising within its window; reports are rare enough for the last to count.
        peer.rtcp = source;
    } else if (const auto rtp = RtpPacket::parse(packet); rtp && peer.newer(*rtp)) {
        peer.rtp = source;
    }
}

base::SocketAddress Relay::destination_of(const Peer& peer, bool rtcp) {
    if (peer.signalled.ip.is_unspecified() && peer.signalled.ip.family != base::Family::none) return {};
    const auto& rtp = peer.rtp.port != 0 ? peer.rtp : peer.signalled;
    if (!rtcp) return rtp;
    return peer.rtcp.port != 0 ? peer.rtcp : beside(rtp);
}

std::optional<std::size_t> Relay::admit(Peer& peer, const base::SocketAddress& source, bool rtcp, std::span<std::uint8_t> buffer,
                                        std::size_t size) {
    if (!peer.ready || size == 0 || buffer.size() < size + kSrtpOverhead) return std::nullopt;
    if (peer.secure) {
        if (!peer.keys.receive || !(rtcp ? is_rtcp(buffer.first(size)) : is_rtp(buffer.first(size)))) return std::nullopt;
        const auto opened = open(*peer.keys.receive, rtcp, buffer, size);
        if (!opened) return std::nullopt;
        size = *opened;
    } else if (!peer.may_send_from(source, rtcp)) {
        return std::nullopt;
    }
    if (!(rtcp ? is_rtcp(buffer.first(size)) : is_rtp(buffer.first(size)))) return std::nullopt;
    learn(peer, source, rtcp, buffer.first(size));
    return size;
}

std::optional<Relay::Out> Relay::receive(base::Instant now, Side from, const base::SocketAddress& source, bool rtcp,
                                         std::span<std::uint8_t> buffer, std::size_t size) {
    const int in = index_of(from);
    ++counts_.packets_in[in];
    const auto clear = admit(peers_[in], source, rtcp, buffer, size);
    if (!clear) {
        ++counts_.rejected[in];
        return std::nullopt;
    }
    last_[in] = now;
    const Side to = other(from);
    Peer& peer = peers_[index_of(to)];
    const auto destination = destination_of(peer, rtcp);
    if (!peer.ready || destination.port == 0) return std::nullopt;
    if (!peer.secure) return Out{to, destination, *clear};
    if (!peer.keys.send || buffer.size() < *clear + kSrtpOverhead) return std::nullopt;
    const auto sealed = seal(*peer.keys.send, rtcp, buffer, *clear);
    if (!sealed) return std::nullopt;
    return Out{to, destination, *sealed};
}

}  // namespace confab::media
