#include "media/dtmf.hpp"

namespace confab::media {
namespace {

constexpr std::string_view kDigits = "0123456789*#ABCD";
constexpr std::uint16_t kStep = 160;  // ticks of 8 kHz in 20 ms
constexpr unsigned kLastRepeats = 3;  // RFC 4733 §2.5.1.4
constexpr unsigned kMaxFrames = 0xffff / kStep;
constexpr std::int32_t kRecent =
    8000 * 10;  // a packet behind the last event by less than this is a late one, not a sender that started anew

}  // namespace

std::optional<TelephoneEvent> TelephoneEvent::parse(Bytes payload) {
    if (payload.size() < 4) return std::nullopt;
    TelephoneEvent out;
    out.event = payload[0];
    out.end = (payload[1] & 0x80) != 0;
    out.volume = payload[1] & 0x3f;
    out.duration = static_cast<std::uint16_t>(payload[2] << 8 | payload[3]);
    return out;
}

std::optional<char> digit_of(std::uint8_t event) {
    if (event >= kDigits.size()) return std::nullopt;
    return kDigits[event];
}

std::optional<std::uint8_t> event_of(char digit) {
    if (digit >= 'a' && digit <= 'd') digit = static_cast<char>(digit - 'a' + 'A');
    const auto at = kDigits.find(digit);
    if (at == std::string_view::npos) return std::nullopt;
    return static_cast<std::uint8_t>(at);
}

std::optional<char> DigitReceiver::receive(const RtpPacket& packet) {
    const auto event = TelephoneEvent::parse(packet.payload);
    if (!event) return std::nullopt;
    if (last_timestamp_ && last_ssrc_ == packet.ssrc) {
        const auto ahead = static_cast<std::int32_t>(packet.timestamp - *last_timestamp_);
        if (ahead <= 0 && ahead > -kRecent) return std::nullopt;
    }
    last_timestamp_ = packet.timestamp;
    last_ssrc_ = packet.ssrc;
    return digit_of(event->event);
}

void DigitSender::start(char digit, unsigned milliseconds) {
    const auto event = event_of(digit);
    if (!event) return;
    unsigned frames = (milliseconds + 19) / 20;
    frames = frames < 1 ? 1 : frames > kMaxFrames ? kMaxFrames : frames;
    event_ = *event;
    total_ = static_cast<std::uint16_t>(frames * kStep);
    sent_ = 0;
    remaining_ = frames + kLastRepeats - 1;
}

DigitSender::Frame DigitSender::next() {
    Frame frame;
    if (remaining_ == 0) return frame;
    frame.marker = sent_ == 0;
    if (sent_ < total_) sent_ = static_cast<std::uint16_t>(sent_ + kStep);
    // Repeats stand at later ticks of the media clock, while the event keeps its start.
    const unsigned past_end = sent_ == total_ ? kLastRepeats - remaining_ : 0;
    frame.timestamp_offset = sent_ - kStep + past_end * kStep;
    frame.payload[0] = event_;
    frame.payload[1] = static_cast<std::uint8_t>((sent_ == total_ ? 0x80 : 0) | 10);
    frame.payload[2] = static_cast<std::uint8_t>(sent_ >> 8);
    frame.payload[3] = static_cast<std::uint8_t>(sent_);
    --remaining_;
    return frame;
}

}  // namespace confab::media
