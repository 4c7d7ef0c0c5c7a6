// RTCP (RFC 3550 §6): compound packets read and composed, and what a report must know of a stream (appendix A.1, A.3, A.8). Pure.
// Owner: one media thread at a time. Times are microseconds of the owner's steady clock; nothing allocates after construction.
//
// What comes from a peer is bounded by its datagram: the whole compound is checked (appendix A.2) before anything is believed. Only blocks
// about our own stream count.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/prefetch.hpp"
#include "media/rtp.hpp"

namespace confab::media {

// NTP's 32.32 seconds since 1900, of a Unix time in milliseconds.
constexpr std::uint64_t ntp_of(std::int64_t unix_milliseconds) {
    const auto since = static_cast<std::uint64_t>(unix_milliseconds) + 2'208'988'800'000u;
    return (since / 1000) << 32 | ((since % 1000) << 32) / 1000;
}

// Its length of some microseconds.
constexpr std::uint64_t ntp_length_of(Micros time) {
    const auto whole = static_cast<std::uint64_t>(time);
    return whole / 1'000'000 << 32 | (whole % 1'000'000 << 32) / 1'000'000;
}

struct ReportBlock {
    std::uint32_t ssrc = 0;         // of the stream that it tells about
    std::uint8_t fraction_lost = 0;  // 256ths, since the last report
    std::int32_t lost = 0;          // 24 bits; duplicates make it negative
    std::uint32_t highest = 0;      // sequence number received, with cycles
    std::uint32_t jitter = 0;       // in the stream's clock
    std::uint32_t last_report = 0, since_last_report = 0;  // LSR, DLSR: 16.16 seconds
};

// What one compound says that concerns us.
struct RtcpReport {
    std::uint32_t sender = 0;
    std::optional<std::uint64_t> ntp;      // of its sender report
    std::optional<ReportBlock> about_us;
    bool goodbye = false;
    static std::optional<RtcpReport> parse(Bytes compound, std::uint32_t our_ssrc);  // empty: malformed anywhere
};

// A peer's stream as it arrives.
class Reception {
public:
    void receive(const RtpPacket& packet, Micros arrival, std::uint32_t clock_rate);
    bool any() const { return received_ > 0; }
    std::uint32_t ssrc() const { return ssrc_; }
    std::uint64_t expected() const { return any() ? highest() - base_ + 1 : 0; }
    std::uint64_t received() const { return received_; }
    std::int64_t lost() const { return static_cast<std::int64_t>(expected()) - static_cast<std::int64_t>(received_); }
    std::uint32_t jitter() const { return jitter_ >> 4; }  // in the stream's clock
    ReportBlock block();                                   // ends an interval

private:
    std::uint32_t highest() const { return cycles_ + newest_; }
    void start(const RtpPacket& packet);

    std::uint32_t ssrc_ = 0;
    std::uint16_t newest_ = 0;
    std::uint32_t cycles_ = 0, base_ = 0;
    std::optional<std::uint16_t> jump_;
    std::uint64_t received_ = 0, expected_before_ = 0, received_before_ = 0;
    std::uint32_t transit_ = 0, jitter_ = 0;  // the latter times 16
};

// Both directions of one leg.
class RtcpSession {
public:
    static constexpr std::size_t kMaxCompound = 128;
    using Compound = std::array<std::uint8_t, kMaxCompound>;

    // `ntp_at_zero`: NTP time when the owner's clock showed zero. `name` becomes the CNAME (RFC 7022).
    RtcpSession(std::uint32_t ssrc, std::uint64_t name, std::uint64_t ntp_at_zero);
    void set_clock_rate(std::uint32_t rate) { clock_rate_ = rate; }

    void prefetch() const { base::prefetch(&clock_rate_, &last_report_); }  // what every packet reads
    void received(const RtpPacket& packet, Micros arrival) { reception_.receive(packet, arrival, clock_rate_); }
    void sent(std::uint32_t timestamp, std::size_t payload, Micros now);
    bool receive(Bytes compound, Micros now);  // false: malformed
    // SR or RR, SDES, and BYE at the end; the octets used.
    std::size_t compose(Micros now, bool goodbye, Compound& out);

    const Reception& reception() const { return reception_; }
    double jitter_ms() const { return reception_.jitter() * 1000.0 / clock_rate_; }
    std::optional<double> round_trip_ms() const { return round_trip_; }
    std::optional<double> loss() const { return loss_; }              // 0…1, of the last interval in which anything came
    std::optional<double> remote_loss() const { return remote_loss_; }  // likewise, as the peer tells of ours

private:
    std::uint64_t ntp_at(Micros now) const { return ntp_at_zero_ + ntp_length_of(now); }

    std::uint32_t ssrc_;
    std::uint64_t ntp_at_zero_;
    std::array<char, 16> name_{};
    std::uint32_t clock_rate_ = 8000;
    Reception reception_;
    std::uint32_t packets_ = 0, octets_ = 0;
    bool sending_ = false;  // since the last report
    std::uint32_t timestamp_ = 0;
    Micros timestamp_at_ = 0;
    std::uint32_t last_report_ = 0;  // middle of the peer's NTP time…
    Micros last_report_at_ = 0;      // …and when it came
    std::uint64_t reported_ = 0;  // packets expected up to the last report
    std::optional<double> round_trip_, loss_, remote_loss_;
};

}  // namespace confab::media
