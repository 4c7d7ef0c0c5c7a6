#include "sip-probe/endpoint.hpp"

#include <algorithm>
#include <utility>

namespace confab::probe {
namespace {

constexpr unsigned kDigitLength = 100;    // ms
constexpr unsigned kDigitPauseTicks = 5;  // 100 ms between digits
constexpr std::uint32_t kTicks = 50;      // a second
constexpr std::uint32_t kDigitClock = 8000;  // of the digit sender's numbers
constexpr std::size_t kLongestPayload = 1472 - media::kRtpHeader;

}  // namespace

Endpoint::Endpoint(const sdp::Agreed& agreed, const media::CodecFormat& format, std::uint32_t rate, const base::Seed& seed)
    : agreed_(agreed), rate_(rate) {
    base::Random random(seed);
    sequence_ = static_cast<std::uint16_t>(random.below(0x8000));  // the upper half is left free, RFC 3711 §3.3.1
    timestamp_ = static_cast<std::uint32_t>(random.next());
    ssrc_ = static_cast<std::uint32_t>(random.next());
    use(format);
}

std::optional<Endpoint> Endpoint::create(const sdp::Agreed& agreed, const Codecs& ours, std::uint32_t rate, const base::Seed& seed) {
    const auto format = format_of(agreed, ours);
    if (!format) return std::nullopt;
    Endpoint endpoint(agreed, *format, rate, seed);
    if (!endpoint.key()) return std::nullopt;
    return endpoint;
}

void Endpoint::use(const media::CodecFormat& format) {
    format_ = format;
    encoder_ = media::make_encoder(format);
    playout_ = std::make_unique<media::Playout>(format);
    from_voice_ = std::make_unique<media::Resampler>(rate_, format.rate);
    to_heard_ = std::make_unique<media::Resampler>(format.rate, rate_);
    pending_.clear();
}

bool Endpoint::key() {
    receive_.reset();
    send_.reset();
    if (!agreed_.remote_crypto || !agreed_.local_crypto) return !agreed_.remote_crypto && !agreed_.local_crypto;
    receive_ = media::Srtp::create(media::Srtp::Direction::receive, agreed_.remote_crypto->suite, agreed_.remote_crypto->key);
    send_ = media::Srtp::create(media::Srtp::Direction::send, agreed_.local_crypto->suite, agreed_.local_crypto->key);
    return receive_ && send_;
}

void Endpoint::update(const sdp::Agreed& agreed, const Codecs& ours) {
    const bool rekeyed = agreed.remote_crypto && agreed_.remote_crypto && agreed.remote_crypto->key != agreed_.remote_crypto->key;
    agreed_ = agreed;
    if (rekeyed) key();
    const auto format = format_of(agreed, ours);
    if (format && *format != format_) use(*format);
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
    if (!packet || (packet->payload_type != agreed_.codec.payload_type && packet->payload_type != agreed_.offered_type)) {
        ++counts_.rejected;
        return;
    }
    ++counts_.received;
    playout_->insert(*packet, tick);
}

bool Endpoint::pull(std::uint64_t tick, std::span<std::int16_t> out) {
    const bool audio = playout_->advance(tick);
    to_heard_->run(playout_->samples(), out);
    return audio;
}

bool Endpoint::sends() const { return agreed_.direction == sdp::Direction::sendrecv || agreed_.direction == sdp::Direction::sendonly; }

void Endpoint::push(std::span<const std::int16_t> voice) {
    if (pause_ > 0) --pause_;
    if (sends() && !sender_.active() && pause_ == 0 && !digits_.empty() && agreed_.telephone_event) {
        sender_.start(digits_.front(), kDigitLength);
        digits_.erase(0, 1);
    }
    const std::size_t before = pending_.size();
    pending_.resize(before + format_.rate / kTicks);
    from_voice_->run(voice, std::span(pending_).subspan(before));
    digit_due_ = sends() && sender_.active();
    if (sends() && !digit_due_) return;
    // A key is pressed, or nobody listens: time passes, and what was said is not sent.
    timestamp_ += static_cast<std::uint32_t>(pending_.size() * format_.clock_rate() / format_.rate);
    pending_.clear();
}

std::span<const std::uint8_t> Endpoint::take() {
    if (digit_due_) return take_digit();
    const auto payload = std::span(packet_).subspan(media::kRtpHeader, kLongestPayload);
    while (pending_.size() >= format_.samples()) {
        const auto stamp = timestamp_;
        const auto size = encoder_->encode(std::span(pending_).first(format_.samples()), payload);
        pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(format_.samples()));
        timestamp_ += format_.clock_rate() * format_.ptime / 1000;
        if (size > 0) return seal(agreed_.codec.payload_type, std::exchange(marker_, false), stamp, size);
        marker_ = true;
    }
    return {};
}

// The digit sender counts at 8 kHz; on the wire an event lasts by its own clock, and stands in the stream by the audio's.
std::span<const std::uint8_t> Endpoint::take_digit() {
    digit_due_ = false;
    auto frame = sender_.next();
    const auto duration = static_cast<std::uint16_t>((frame.payload[2] << 8 | frame.payload[3]) * static_cast<int>(agreed_.event_clock_rate / kDigitClock));
    frame.payload[2] = static_cast<std::uint8_t>(duration >> 8);
    frame.payload[3] = static_cast<std::uint8_t>(duration & 0xff);
    std::ranges::copy(frame.payload, packet_.begin() + media::kRtpHeader);
    if (!sender_.active()) pause_ = kDigitPauseTicks;
    const auto now = timestamp_ - format_.clock_rate() / kTicks;  // push() has gone on already
    return seal(*agreed_.telephone_event, frame.marker, now - frame.timestamp_offset * (format_.clock_rate() / kDigitClock), media::DigitSender::kPayload);
}

std::span<const std::uint8_t> Endpoint::seal(std::uint8_t payload_type, bool marker, std::uint32_t timestamp, std::size_t payload) {
    media::write_rtp_header(std::span(packet_).first<media::kRtpHeader>(), marker, payload_type, sequence_++, timestamp, ssrc_);
    std::size_t size = media::kRtpHeader + payload;
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
    counts.lost = playout_->jitter().lost();
    return counts;
}

}  // namespace confab::probe
