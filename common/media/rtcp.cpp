#include "media/rtcp.hpp"

#include <algorithm>

namespace confab::media {
namespace {

enum Type : std::uint8_t { kSenderReport = 200, kReceiverReport = 201, kDescription = 202, kGoodbye = 203 };

constexpr std::size_t kHeader = 8;  // with the sender's SSRC
constexpr std::size_t kSenderInfo = 20, kBlock = 24;
constexpr int kMaxDropout = 3000, kMaxMisorder = 100;  // RFC 3550 A.1
constexpr std::uint8_t kCname = 1;
constexpr double kMostRoundTrip = 60'000;  // ms; more is a peer's mistake

std::uint32_t read32(Bytes from, std::size_t at) {
    return static_cast<std::uint32_t>(from[at]) << 24 | static_cast<std::uint32_t>(from[at + 1]) << 16 |
           static_cast<std::uint32_t>(from[at + 2]) << 8 | from[at + 3];
}

class Writer {
public:
    explicit Writer(std::span<std::uint8_t> out) : out_(out) {}
    void octet(std::uint32_t value) { out_[at_++] = static_cast<std::uint8_t>(value); }
    void word(std::uint32_t value) {
        for (int shift = 24; shift >= 0; shift -= 8) octet(value >> shift);
    }
    // A packet's first word; its length is filled in by `end`.
    void begin(std::uint32_t count, Type type) {
        start_ = at_;
        word(0x8000'0000u | count << 24 | static_cast<std::uint32_t>(type) << 16);
    }
    void end() {
        const std::size_t words = (at_ - start_) / 4 - 1;
        out_[start_ + 2] = static_cast<std::uint8_t>(words >> 8);
        out_[start_ + 3] = static_cast<std::uint8_t>(words);
    }
    void pad_to_word() {
        do octet(0);
        while ((at_ - start_) % 4 != 0);
    }
    std::size_t size() const { return at_; }

private:
    std::span<std::uint8_t> out_;
    std::size_t at_ = 0, start_ = 0;
};

ReportBlock read_block(Bytes from) {
    ReportBlock block;
    block.ssrc = read32(from, 0);
    block.fraction_lost = from[4];
    block.lost = static_cast<std::int32_t>(read32(from, 4) << 8) >> 8;
    block.highest = read32(from, 8);
    block.jitter = read32(from, 12);
    block.last_report = read32(from, 16);
    block.since_last_report = read32(from, 20);
    return block;
}

void write_block(Writer& out, const ReportBlock& block) {
    out.word(block.ssrc);
    out.word(static_cast<std::uint32_t>(block.fraction_lost) << 24 | (static_cast<std::uint32_t>(block.lost) & 0xff'ffffu));
    for (const auto value : {block.highest, block.jitter, block.last_report, block.since_last_report}) out.word(value);
}

// One packet of a compound that has its full length. False: its counts do not fit.
bool read_packet(Bytes packet, std::uint32_t our_ssrc, RtcpReport& report) {
    const std::size_t count = packet[0] & 0x1f;
    const std::uint8_t type = packet[1];
    if (type == kGoodbye) {
        if (packet.size() < 4 + 4 * count) return false;
        report.goodbye = true;
        return true;
    }
    if (type != kSenderReport && type != kReceiverReport) return true;
    const std::size_t blocks = kHeader + (type == kSenderReport ? kSenderInfo : 0);
    if (packet.size() < blocks + kBlock * count) return false;
    report.sender = read32(packet, 4);
    if (type == kSenderReport) report.ntp = std::uint64_t{read32(packet, 8)} << 32 | read32(packet, 12);
    for (std::size_t i = 0; i < count; ++i)
        if (const auto block = read_block(packet.subspan(blocks + kBlock * i, kBlock)); block.ssrc == our_ssrc) report.about_us = block;
    return true;
}

}  // namespace

std::optional<RtcpReport> RtcpReport::parse(Bytes compound, std::uint32_t our_ssrc) {
    // The first is a report without padding; each is of version 2; padding is the last one's alone; the lengths add up (A.2).
    if (compound.size() < kHeader || (compound[0] & 0xe0) != 0x80) return std::nullopt;
    if (compound[1] != kSenderReport && compound[1] != kReceiverReport) return std::nullopt;
    RtcpReport report;
    while (!compound.empty()) {
        if (compound.size() < 4 || compound[0] >> 6 != 2) return std::nullopt;
        const std::size_t size = 4 * ((std::size_t{compound[2]} << 8 | compound[3]) + 1);
        const bool is_padded = (compound[0] & 0x20) != 0;
        if (size > compound.size() || (is_padded && size != compound.size())) return std::nullopt;
        if (is_padded && (compound[size - 1] == 0 || compound[size - 1] > size - 4)) return std::nullopt;
        if (!read_packet(compound.first(size), our_ssrc, report)) return std::nullopt;
        compound = compound.subspan(size);
    }
    return report;
}

void Reception::start(const RtpPacket& packet) {
    *this = Reception();
    ssrc_ = packet.ssrc;
    newest_ = packet.sequence;
    base_ = packet.sequence;
}

void Reception::receive(const RtpPacket& packet, Micros arrival, std::uint32_t clock_rate) {
    if (!any() || packet.ssrc != ssrc_) start(packet);
    const int ahead = sequence_distance(packet.sequence, newest_);
    if (ahead > kMaxDropout || ahead < -kMaxMisorder) {
        const bool confirmed = jump_ == packet.sequence;
        jump_ = static_cast<std::uint16_t>(packet.sequence + 1);
        if (!confirmed) return;
        start(packet);
    } else if (ahead > 0) {
        if (packet.sequence < newest_) cycles_ += 0x1'0000;
        newest_ = packet.sequence;
    }
    // Seconds and the rest apart, so that no product overflows.
    const auto rate = static_cast<Micros>(clock_rate);
    const auto time = static_cast<std::uint32_t>(arrival / 1'000'000 * rate + arrival % 1'000'000 * rate / 1'000'000);
    const std::uint32_t transit = time - packet.timestamp;
    if (received_++ > 0) {
        const auto change = static_cast<std::int32_t>(transit - transit_);
        const auto distance = static_cast<std::uint32_t>(std::min<std::int64_t>(std::abs(std::int64_t{change}), 0x00ff'ffff));
        jitter_ += distance - ((jitter_ + 8) >> 4);
    }
    transit_ = transit;
}

ReportBlock Reception::block() {
    ReportBlock block;
    block.ssrc = ssrc_;
    block.lost = static_cast<std::int32_t>(std::clamp<std::int64_t>(lost(), -0x80'0000, 0x7f'ffff));
    block.highest = highest();
    block.jitter = jitter();
    const auto now_expected = static_cast<std::int64_t>(expected() - expected_before_);
    const auto now_lost = now_expected - static_cast<std::int64_t>(received_ - received_before_);
    if (now_expected > 0 && now_lost > 0) block.fraction_lost = static_cast<std::uint8_t>(std::min<std::int64_t>(255, (now_lost << 8) / now_expected));
    expected_before_ = expected();
    received_before_ = received_;
    return block;
}

RtcpSession::RtcpSession(std::uint32_t ssrc, std::uint64_t name, std::uint64_t ntp_at_zero) : ssrc_(ssrc), ntp_at_zero_(ntp_at_zero) {
    for (auto& letter : name_) {
        letter = "0123456789abcdef"[name & 15];
        name >>= 4;
    }
}

void RtcpSession::sent(std::uint32_t timestamp, std::size_t payload, Micros now) {
    ++packets_;
    octets_ += static_cast<std::uint32_t>(payload);
    timestamp_ = timestamp;
    timestamp_at_ = now;
    sending_ = true;
}

bool RtcpSession::receive(Bytes compound, Micros now) {
    const auto report = RtcpReport::parse(compound, ssrc_);
    if (!report) return false;
    if (report->ntp) {
        last_report_ = static_cast<std::uint32_t>(*report->ntp >> 16);
        last_report_at_ = now;
    }
    if (!report->about_us) return true;
    const ReportBlock& block = *report->about_us;
    remote_loss_ = block.fraction_lost / 256.0;
    if (block.last_report == 0) return true;
    const auto passed = static_cast<std::uint32_t>(ntp_at(now) >> 16) - block.last_report - block.since_last_report;
    const double milliseconds = static_cast<std::int32_t>(passed) * 1000.0 / 65536;
    // The peer's clock ticks coarsely: a little below zero is zero.
    if (milliseconds > -20 && milliseconds < kMostRoundTrip) round_trip_ = std::max(0.0, milliseconds);
    return true;
}

std::size_t RtcpSession::compose(Micros now, bool goodbye, Compound& out) {
    Writer writer(out);
    const std::uint64_t expected_before = reception_.expected();
    const std::uint32_t blocks = reception_.any() ? 1 : 0;
    writer.begin(blocks, sending_ ? kSenderReport : kReceiverReport);
    writer.word(ssrc_);
    if (sending_) {
        const std::uint64_t ntp = ntp_at(now);
        const auto since = static_cast<std::uint32_t>((now - timestamp_at_) * clock_rate_ / 1'000'000);
        for (const auto value : {static_cast<std::uint32_t>(ntp >> 32), static_cast<std::uint32_t>(ntp), timestamp_ + since, packets_, octets_})
            writer.word(value);
    }
    if (blocks > 0) {
        const bool came = expected_before > reported_;
        auto block = reception_.block();
        reported_ = expected_before;
        if (came) loss_ = block.fraction_lost / 256.0;
        block.last_report = last_report_;
        if (last_report_ != 0) block.since_last_report = static_cast<std::uint32_t>(((now - last_report_at_) << 16) / 1'000'000);
        write_block(writer, block);
    }
    writer.end();
    sending_ = false;
    writer.begin(1, kDescription);
    writer.word(ssrc_);
    writer.octet(kCname);
    writer.octet(static_cast<std::uint32_t>(name_.size()));
    for (const char letter : name_) writer.octet(static_cast<std::uint8_t>(letter));
    writer.pad_to_word();
    writer.end();
    if (goodbye) {
        writer.begin(1, kGoodbye);
        writer.word(ssrc_);
        writer.end();
    }
    return writer.size();
}

}  // namespace confab::media
