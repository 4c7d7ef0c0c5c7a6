// A leg's packets between its sockets and its room: whose they are, SRTP and SRTCP (RFC 3711) in place, RTCP (RFC 3550) both ways. Pure.
// Owner: a media thread, one after another where the leg moves. Times are microseconds of the steady clock, which is one for all of them.
//
// A keyed leg takes nothing that does not authenticate, and the check comes before the source is looked at, so that forged packets teach no
// address. RTCP is believed from the host of the leg's RTP and from where the peer said that its own is (RFC 3605); it goes there, or
// else beside RTP (port + 1), until its own source is known.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/prefetch.hpp"
#include "base/socket_address.hpp"
#include "conf-bridge/media_link.hpp"
#include "conf-bridge/source_latch.hpp"
#include "media/rtcp.hpp"
#include "media/srtp.hpp"

namespace confab::bridge {

class LegPath {
public:
    enum class Verdict : std::uint8_t { taken, stranger, malformed, unauthentic };
    static constexpr std::size_t kLargest = media::kRtpHeader + 1500 + media::kSrtpOverhead;
    using Scratch = std::array<std::uint8_t, kLargest>;

    // As media::RtcpSession's.
    LegPath(std::uint32_t ssrc, std::uint64_t name, std::uint64_t ntp_at_zero) : ssrc_(ssrc), rtcp_(ssrc, name, ntp_at_zero) {}
    std::uint32_t ssrc() const { return ssrc_; }  // of what we send

    // Another address forgets what was learned, other keys start anew. False: keys that nothing can be done with; the leg is mute and deaf.
    bool expect(const base::SocketAddress& remote, const std::optional<MediaKeys>& keys, const base::SocketAddress& remote_rtcp = {});
    void set_clock_rate(std::uint32_t rate) { rtcp_.set_clock_rate(rate); }

    // `packet` is opened in place, and made shorter.
    Verdict receive_rtp(const base::SocketAddress& source, std::span<std::uint8_t>& packet, media::Micros arrival);
    Verdict receive_rtcp(const base::SocketAddress& source, std::span<std::uint8_t> packet, media::Micros now);

    // What every packet will read; then that of the keys that way, see media::Srtp.
    void prefetch() const {
        base::prefetch(&ssrc_, &rtcp_);
        rtcp_.prefetch();
    }
    void prefetch(media::Srtp::Direction way) const {
        if (const auto& srtp = of(way)) srtp->prefetch();
    }
    void prefetch_keys(media::Srtp::Direction way) const {
        if (const auto& srtp = of(way)) srtp->prefetch_keys();
    }
    base::SocketAddress source() const { return latch_.source(); }  // of RTP; port 0: nobody is believed yet
    // Port 0: nowhere.
    const base::SocketAddress& destination() const { return latch_.destination(); }
    void note_sent(std::span<const std::uint8_t, media::kRtpHeader> header, std::size_t payload, media::Micros now);
    // In one piece in `scratch`, sealed on a keyed leg; empty: it cannot be sent.
    std::span<const std::uint8_t> compose(std::span<const std::uint8_t> header, std::span<const std::uint8_t> payload, Scratch& scratch);

    base::SocketAddress rtcp_destination() const;
    std::span<const std::uint8_t> report(media::Micros now, bool goodbye, Scratch& scratch);  // empty: nothing can be told
    const media::RtcpSession& rtcp() const { return rtcp_; }
    // Adds to a room's report what RTCP tells.
    void complete(media::LegReport& report) const;

private:
    const std::optional<media::Srtp>& of(media::Srtp::Direction way) const { return way == media::Srtp::Direction::send ? seal_ : open_; }

    std::uint32_t ssrc_;
    bool keyed_ = false;
    SourceLatch latch_;
    std::optional<media::Srtp> open_, seal_;
    media::RtcpSession rtcp_;
    base::SocketAddress remote_rtcp_;  // as signalled; port 0: beside RTP
    base::SocketAddress rtcp_source_;  // port 0: not heard yet
    std::optional<MediaKeys> keys_;
};

// What a leg takes along when it goes to another thread: its peer hears one stream, and the rollover counters (RFC 3711 §3.3.1), which no packet tells,
// are not lost.
struct MovedLeg {
    LegPath path;
    std::optional<media::LegStream> stream;
};

}  // namespace confab::bridge
