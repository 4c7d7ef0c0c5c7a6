#include "sip/stun_keepalive.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace confab::sip {
namespace {

using Octets = std::span<const std::uint8_t>;

// RFC 5389 §6, §15, §18.2.
constexpr std::uint16_t kBindingRequest = 0x0001, kBindingSuccess = 0x0101, kBindingError = 0x0111;
constexpr std::uint16_t kErrorCode = 0x0009, kUnknownAttributes = 0x000a, kXorMappedAddress = 0x0020, kFingerprint = 0x8028;
constexpr std::uint16_t kComprehensionOptional = 0x8000;
// MAPPED-ADDRESS, USERNAME, MESSAGE-INTEGRITY, ERROR-CODE, UNKNOWN-ATTRIBUTES, REALM, NONCE, XOR-MAPPED-ADDRESS: known, and of no use here.
constexpr std::array<std::uint16_t, 8> kKnown = {0x0001, 0x0006, 0x0008, 0x0009, 0x000a, 0x0014, 0x0015, 0x0020};
constexpr std::uint32_t kMagicCookie = 0x2112a442, kFingerprintMask = 0x5354554e;
constexpr std::size_t kHeader = 20, kAttributeHeader = 4, kFingerprintSize = 8, kCookieAt = 4;
constexpr std::size_t kMaxUnknown = 4;

std::uint16_t read16(Octets from, std::size_t at) { return static_cast<std::uint16_t>(from[at] << 8 | from[at + 1]); }
std::uint32_t read32(Octets from, std::size_t at) { return std::uint32_t{read16(from, at)} << 16 | read16(from, at + 2); }

// ITU V.42, as RFC 5389 §15.5 wants it.
std::uint32_t crc32(Octets octets) {
    static constexpr auto kTable = [] {
        std::array<std::uint32_t, 256> table{};
        for (std::uint32_t i = 0; i < table.size(); ++i) {
            table[i] = i;
            for (int bit = 0; bit < 8; ++bit) table[i] = table[i] >> 1 ^ ((table[i] & 1) != 0 ? 0xedb88320 : 0);
        }
        return table;
    }();
    std::uint32_t crc = 0xffffffff;
    for (auto octet : octets) crc = kTable[(crc ^ octet) & 0xff] ^ crc >> 8;
    return ~crc;
}

// What a request's attributes ask for.
struct Request {
    bool sound = false;
    bool has_fingerprint = false;
    std::array<std::uint16_t, kMaxUnknown> unknown{};
    std::size_t unknown_count = 0;

    void take(std::uint16_t type) {
        if (type >= kComprehensionOptional || std::ranges::find(kKnown, type) != kKnown.end()) return;
        if (unknown_count < kMaxUnknown) unknown[unknown_count++] = type;
    }
};

Request read(Octets octets) {
    Request request;
    if (octets.size() < kHeader || octets.size() % 4 != 0 || read16(octets, 0) != kBindingRequest) return request;
    if (read16(octets, 2) != octets.size() - kHeader || read32(octets, kCookieAt) != kMagicCookie) return request;
    for (auto at = kHeader; at < octets.size();) {
        const auto type = read16(octets, at);
        const std::size_t length = read16(octets, at + 2);
        if (request.has_fingerprint || length > octets.size() - at - kAttributeHeader) return request;  // FINGERPRINT is the last one
        if (type == kFingerprint) {
            if (length != 4 || read32(octets, at + kAttributeHeader) != (crc32(octets.first(at)) ^ kFingerprintMask)) return request;
            request.has_fingerprint = true;
        }
        request.take(type);
        at += kAttributeHeader + (length + 3) / 4 * 4;
    }
    request.sound = true;
    return request;
}

class Answer {
public:
    Answer(std::span<std::uint8_t> out, std::uint16_t type, Octets transaction) : out_(out) {
        add16(type);
        add16(0);
        for (auto octet : transaction) add(octet);
    }
    void add(std::uint8_t octet) { out_[size_++] = octet; }
    void add16(std::uint16_t value) {
        add(static_cast<std::uint8_t>(value >> 8));
        add(static_cast<std::uint8_t>(value));
    }
    void add32(std::uint32_t value) {
        add16(static_cast<std::uint16_t>(value >> 16));
        add16(static_cast<std::uint16_t>(value));
    }
    void begin(std::uint16_t type, std::size_t length) {
        add16(type);
        add16(static_cast<std::uint16_t>(length));
    }
    std::size_t finish(bool fingerprint) {
        const auto length = size_ - kHeader + (fingerprint ? kFingerprintSize : 0);
        out_[2] = static_cast<std::uint8_t>(length >> 8);
        out_[3] = static_cast<std::uint8_t>(length);
        if (fingerprint) {
            const auto crc = crc32(out_.first(size_));
            begin(kFingerprint, 4);
            add32(crc ^ kFingerprintMask);
        }
        return size_;
    }

private:
    std::span<std::uint8_t> out_;
    std::size_t size_ = 0;
};

// The address is hidden from NATs that rewrite what looks like one (RFC 5389 §15.2): the cookie and the transaction id are XORed onto it.
void add_mapped(Answer& answer, const base::SocketAddress& source, Octets cookie_and_id) {
    const bool is_ipv4 = source.ip.family == base::Family::ipv4;
    const std::size_t width = is_ipv4 ? 4 : 16;
    answer.begin(kXorMappedAddress, 4 + width);
    answer.add16(is_ipv4 ? 1 : 2);
    answer.add16(static_cast<std::uint16_t>(source.port ^ kMagicCookie >> 16));
    for (std::size_t i = 0; i < width; ++i) answer.add(source.ip.octets[i] ^ cookie_and_id[i]);
}

void add_unknown(Answer& answer, const Request& request) {
    constexpr std::string_view kReason = "Unknown Attribute";
    constexpr std::size_t kPadded = 20;
    answer.begin(kErrorCode, 4 + kReason.size());
    answer.add32(0x0414);  // class 4, number 20
    for (std::size_t i = 0; i < kPadded; ++i) answer.add(i < kReason.size() ? static_cast<std::uint8_t>(kReason[i]) : 0);
    answer.begin(kUnknownAttributes, 2 * request.unknown_count);
    for (std::size_t i = 0; i < request.unknown_count; ++i) answer.add16(request.unknown[i]);
    if (request.unknown_count % 2 != 0) answer.add16(0);
}

}  // namespace

DatagramKind kind_of(std::span<const std::uint8_t> datagram) {
    const auto is_blank = [](std::uint8_t octet) { return octet == '\r' || octet == '\n' || octet == '\0' || octet == ' ' || octet == '\t'; };
    if (datagram.empty()) return DatagramKind::blank;
    const auto first = datagram.front();
    // A SIP message begins with a token, a STUN message with two zero bits and, its methods being few, with 0 or 1.
    if (datagram.size() >= kHeader && first <= 1 && read32(datagram, kCookieAt) == kMagicCookie) return DatagramKind::stun;
    if (!is_blank(first)) return DatagramKind::message;
    return std::ranges::all_of(datagram, is_blank) ? DatagramKind::blank : DatagramKind::message;
}

std::optional<std::size_t> answer_stun(std::span<const std::uint8_t> request, const base::SocketAddress& source, std::span<std::uint8_t> out) {
    if (out.size() < kStunAnswerSize || source.ip.family == base::Family::none) return std::nullopt;
    const auto asked = read(request);
    if (!asked.sound) return std::nullopt;
    const auto cookie_and_id = request.subspan(kCookieAt, kHeader - kCookieAt);
    Answer answer(out, asked.unknown_count > 0 ? kBindingError : kBindingSuccess, cookie_and_id);
    if (asked.unknown_count > 0)
        add_unknown(answer, asked);
    else
        add_mapped(answer, source, cookie_and_id);
    return answer.finish(asked.has_fingerprint);
}

}  // namespace confab::sip
