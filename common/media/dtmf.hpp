// Telephone events (RFC 4733 §2.3): digits out of packets and packets out of digits. Pure; units are RTP timestamp ticks at 8 kHz.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "media/rtp.hpp"

namespace confab::media {

struct TelephoneEvent {
    std::uint8_t event = 0;  // 0–9 digits, 10 '*', 11 '#', 12–15 A–D
    bool end = false;
    std::uint8_t volume = 10;
    std::uint16_t duration = 0;
    static std::optional<TelephoneEvent> parse(Bytes payload);
};
std::optional<char> digit_of(std::uint8_t event);
std::optional<std::uint8_t> event_of(char digit);

// A digit once for each event, however many packets told it or were lost: an event is named by its timestamp.
class DigitReceiver {
public:
    std::optional<char> receive(const RtpPacket& packet);

private:
    std::optional<std::uint32_t> last_timestamp_;
    std::uint32_t last_ssrc_ = 0;
};

// Payloads of the packets, one each 20 ms, that send one digit of `milliseconds` length: marker on the first, the last repeated three
// times.
class DigitSender {
public:
    static constexpr std::size_t kPayload = 4;
    struct Frame {
        bool marker = false;
        std::uint32_t timestamp_offset = 0;  // from the current media clock back to the event's start
        std::uint8_t payload[kPayload]{};
    };
    void start(char digit, unsigned milliseconds);
    bool active() const { return remaining_ > 0; }
    Frame next();

private:
    std::uint8_t event_ = 0;
    std::uint16_t total_ = 0, sent_ = 0;
    unsigned remaining_ = 0;
};

}  // namespace confab::media
