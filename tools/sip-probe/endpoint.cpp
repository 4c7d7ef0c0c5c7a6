#include "sip-probe/endpoint.hpp"

#include <algorithm>

namespace confab::probe {
namespace {

constexpr unsigned kDigitLength = 100;   // ms
constexpr unsigned kDigitPauseTicks = 5; // 100 ms between digits
constexpr int kPacketTicks = 160;        // RTP clock a frame

media::CodecFormat format_of(media::G711 law) {
    return {.kind = law == media::G711::pcmu ? media::CodecKind::pcmu : media::CodecKind::pcma};
}

}  // namespace

Endpoint::Endpoint(const sdp::Agreed& agreed, media::G711 law, const base::Seed& seed)
    : agreed_(agreed), law_(law), playout_(format_of(law)) {
    base::Random random(seed);
    sequence_ = static_cast<std::uint16_t>(random.below(0x8000));  // the upper half is left free, RFC 3711 §3.3.1
    timestamp_ = static_cast<std::uint32_t>(random.next());
    ssrc_ = static_cast<std::uint32_t>(random.next());
}

std::optional<Endpoint> Endpoint::create(const sdp::Agreed& agreed, const base::Seed& seed) {
    const auto law = media::g711_of(agreed.codec.name);
    if (!law) return std::nullopt;
    Endpoint endpoint(agreed, *law, seed);
    if (!endpoint.key()) return std::nullopt;
    return endpoint;
}

bool Endpoint::key() {
    receive_.reset();
    send_.reset();
    if (!agreed_.remote_crypto || !agreed_.local_crypto) return !agreed_.remote_crypto && !agreed_.local_crypto;
    receive_ = media::Srtp::create(media::Srtp::Direction::receive, agreed_.remote_crypto->suite, agreed_.remote_crypto->key);
    send_ = media::Srtp::create(media::Srtp::Direction::send, agreed_.local_crypto->suite, agreed_.local_crypto->key);
    return receive_ && send_;
}

void Endpoint::update(const sdp::Agreed& agreed) {
    const bool rekeyed = agreed.remote_crypto && agreed_.remote_crypto && agreed.remote_crypto->key != agreed_.remote_crypto->key;
    agreed_ = agreed;
    if (rekeyed) key();
    const auto law = media::g711_of(agreed.codec.name);
    if (!law || *law == law_) return;
    law_ = *law;
    playout_.restart(format_of(law_));
}

void Endpoint::receive(std::span<std::uint8_t> buffer, std::size_t size, std::uint64_t tick) {
    if (receive_) {
        const auto clear = receive_->unprotect(buffer, size);
        if (!clear) {
            ++counts_.rejected;
            return;
        }
        size = *clear;
    }
    const auto packet = media::RtpPacket::parse(buffer.first(size));
    if (!packet || packet->payload_type != agreed_.codec.payload_type) {
        ++counts_.rejected;
        return;
    }
    ++counts_.received;
    playout_.insert(*packet, tick);
}

bool Endpoint::pull(std::uint64_t tick, media::Samples& out) {
    const bool sound = playout_.advance(tick);
    std::ranges::copy(playout_.samples(), out.begin());
    return sound;
}

std::span<const std::uint8_t> Endpoint::push(const media::Samples& voice) {
    const auto now = timestamp_;
    timestamp_ += kPacketTicks;
    if (agreed_.direction == sdp::Direction::recvonly || agreed_.direction == sdp::Direction::inactive) return {};
    bool marker = first_;
    std::uint8_t payload_type = agreed_.codec.payload_type;
    std::uint32_t stamp = now;
    std::size_t size = media::kRtpHeader;
    if (pause_ > 0) --pause_;
    if (!sender_.active() && pause_ == 0 && !digits_.empty() && agreed_.telephone_event) {
        sender_.start(digits_.front(), kDigitLength);
        digits_.erase(0, 1);
    }
    if (sender_.active()) {
        const auto frame = sender_.next();
        marker = frame.marker;
        payload_type = *agreed_.telephone_event;
        stamp = now - frame.timestamp_offset;
        std::ranges::copy(frame.payload, packet_.begin() + media::kRtpHeader);
        size += media::DigitSender::kPayload;
        if (!sender_.active()) pause_ = kDigitPauseTicks;
    } else {
        media::encode(law_, voice, std::span(packet_).subspan(media::kRtpHeader, voice.size()));
        size += voice.size();
    }
    media::write_rtp_header(std::span(packet_).first<media::kRtpHeader>(), marker, payload_type, sequence_++, stamp, ssrc_);
    first_ = false;
    if (send_) {
        const auto sealed = send_->protect(packet_, size);
        if (!sealed) return {};
        size = *sealed;
    }
    ++counts_.sent;
    return std::span(packet_).first(size);
}

Endpoint::Counts Endpoint::counts() const {
    auto counts = counts_;
    counts.lost = playout_.jitter().lost();
    return counts;
}

}  // namespace confab::probe
