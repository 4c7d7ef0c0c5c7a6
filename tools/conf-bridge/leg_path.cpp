#include "conf-bridge/leg_path.hpp"

#include <algorithm>

#include "media/quality.hpp"

namespace confab::bridge {

using media::PacketKind;
using media::Srtp;

bool LegPath::expect(const base::SocketAddress& remote, const std::optional<MediaKeys>& keys, const base::SocketAddress& remote_rtcp) {
    if (remote.ip != latch_.destination().ip || remote_rtcp != remote_rtcp_) rtcp_source_ = {};
    remote_rtcp_ = remote_rtcp;
    latch_.expect(remote);
    if (keys == keys_) return !keyed_ || (open_ && seal_);
    keys_ = keys;
    keyed_ = keys.has_value();
    open_.reset();
    seal_.reset();
    if (!keyed_) return true;
    open_ = Srtp::create(Srtp::Direction::receive, keys->suite, keys->receive);
    seal_ = Srtp::create(Srtp::Direction::send, keys->suite, keys->send);
    return open_ && seal_;
}

LegPath::Verdict LegPath::receive_rtp(const base::SocketAddress& source, std::span<std::uint8_t>& packet, media::Micros arrival) {
    if (media::kind_of(packet) != PacketKind::rtp) return Verdict::malformed;
    if (keyed_) {
        const auto size = open_ ? open_->unprotect(packet, packet.size()) : std::nullopt;
        if (!size) return Verdict::unauthentic;
        packet = packet.first(*size);
    }
    const auto parsed = media::RtpPacket::parse(packet);
    if (!parsed) return Verdict::malformed;
    if (!latch_.admit(source)) return Verdict::stranger;
    rtcp_.received(*parsed, arrival);
    return Verdict::taken;
}

LegPath::Verdict LegPath::receive_rtcp(const base::SocketAddress& source, std::span<std::uint8_t> packet, media::Micros now) {
    if (media::kind_of(packet) != PacketKind::rtcp) return Verdict::malformed;
    if (keyed_) {
        const auto size = open_ ? open_->unprotect_rtcp(packet, packet.size()) : std::nullopt;
        if (!size) return Verdict::unauthentic;
        packet = packet.first(*size);
    }
    if (source.ip != latch_.destination().ip && source.ip != remote_rtcp_.ip) return Verdict::stranger;
    if (!rtcp_.receive(packet, now)) return Verdict::malformed;
    rtcp_source_ = source;
    return Verdict::taken;
}

void LegPath::note_sent(std::span<const std::uint8_t, media::kRtpHeader> header, std::size_t payload, media::Micros now) {
    const auto sent = media::RtpPacket::parse(header);
    if (sent) rtcp_.sent(sent->timestamp, payload, now);
}

std::span<const std::uint8_t> LegPath::compose(std::span<const std::uint8_t> header, std::span<const std::uint8_t> payload, Scratch& scratch) {
    const std::size_t size = header.size() + payload.size();
    if ((keyed_ && !seal_) || size + media::kSrtpOverhead > scratch.size()) return {};
    std::copy_n(payload.data(), payload.size(), std::copy_n(header.data(), header.size(), scratch.data()));
    const auto sealed = keyed_ ? seal_->protect(scratch, size) : size;
    return sealed ? std::span<const std::uint8_t>(scratch).first(*sealed) : std::span<const std::uint8_t>();
}

base::SocketAddress LegPath::rtcp_destination() const {
    auto to = latch_.destination();
    if (to.port == 0 || to.ip.is_unspecified()) return {};
    if (rtcp_source_.port != 0) return rtcp_source_;
    if (remote_rtcp_.port != 0) return remote_rtcp_;
    if (to.port == 0xffff) return {};
    ++to.port;
    return to;
}

std::span<const std::uint8_t> LegPath::report(media::Micros now, bool goodbye, Scratch& scratch) {
    media::RtcpSession::Compound compound;
    std::size_t size = rtcp_.compose(now, goodbye, compound);
    std::copy_n(compound.begin(), size, scratch.begin());
    if (keyed_) {
        const auto sealed = seal_ ? seal_->protect_rtcp(scratch, size) : std::nullopt;
        if (!sealed) return {};
        size = *sealed;
    }
    return std::span<const std::uint8_t>(scratch).first(size);
}

void LegPath::complete(media::LegReport& report) const {
    report.jitter_ms = rtcp_.jitter_ms();
    report.round_trip_ms = rtcp_.round_trip_ms();
    report.mos = media::estimated_mos(report.codec.kind, {rtcp_.loss(), report.delay_ms + report.round_trip_ms.value_or(0) / 2});
}

}  // namespace confab::bridge
