#include "base/text.hpp"

#include <array>

namespace confab::base {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> reverse(std::string_view alphabet) {
    std::array<std::int8_t, 256> table{};
    table.fill(-1);
    for (std::size_t i = 0; i < alphabet.size(); ++i) table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
    return table;
}

constexpr auto kFromBase64Url = reverse(kBase64Url);

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char l = lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

template <class Octets>
void encode64(std::string& out, const Octets& octets, std::string_view alphabet) {
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (auto octet : octets) {
        bits = (bits << 8) | static_cast<unsigned char>(octet);
        for (held += 8; held >= 6; held -= 6) out += alphabet[(bits >> (held - 6)) & 63];
    }
    if (held > 0) out += alphabet[(bits << (6 - held)) & 63];
}

// Left-over bits must be zero (RFC 4648 §3.5), so that every octet string has exactly one text. `take(octet)` answers whether there was room.
template <class Take>
bool decode64(std::string_view text, const std::array<std::int8_t, 256>& table, Take&& take) {
    if (text.size() % 4 == 0) {
        for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
    }
    if (text.size() % 4 == 1) return false;
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (char c : text) {
        const auto value = table[static_cast<unsigned char>(c)];
        if (value < 0) return false;
        bits = (bits << 6) | static_cast<std::uint32_t>(value);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        if (!take(static_cast<std::uint8_t>(bits >> held))) return false;
    }
    return (bits & ((1u << held) - 1)) == 0;
}

std::optional<std::string> decoded64(std::string_view text, const std::array<std::int8_t, 256>& table) {
    std::string out;
    out.reserve(text.size() / 4 * 3 + 2);
    const auto take = [&](std::uint8_t octet) {
        out += static_cast<char>(octet);
        return true;
    };
    if (!decode64(text, table, take)) return std::nullopt;
    return out;
}

}  // namespace

// Most peers write the usual case, and then one comparison of all octets settles it.
bool iequals(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    if (a.empty() || a == b) return true;
    return lower(a.front()) == lower(b.front()) && istarts_with(a, b);
}

bool istarts_with(std::string_view text, std::string_view prefix) {
    if (text.size() < prefix.size()) return false;
    for (std::size_t i = 0; i < prefix.size(); ++i)
        if (lower(text[i]) != lower(prefix[i])) return false;
    return true;
}

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(kSpace);
    if (first == text.npos) return text.substr(0, 0);
    return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == text.npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::string to_lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = lower(c);
    return out;
}

void append_number(std::string& out, std::uint64_t value) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
}

std::string hex(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size() * 2);
    for (char c : bytes) {
        out += kHexDigits[static_cast<unsigned char>(c) >> 4];
        out += kHexDigits[static_cast<unsigned char>(c) & 15];
    }
    return out;
}

std::optional<std::string> unhex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::string out;
    out.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
    }
    return out;
}

std::string base64(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    encode64(out, bytes, kBase64);
    while (out.size() % 4 != 0) out += '=';
    return out;
}

std::string base64url(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    encode64(out, bytes, kBase64Url);
    return out;
}

std::optional<std::string> unbase64(std::string_view text) {
    static constexpr auto kTable = reverse(kBase64);
    return decoded64(text, kTable);
}

std::optional<std::string> unbase64url(std::string_view text) { return decoded64(text, kFromBase64Url); }

std::optional<std::size_t> unbase64url(std::string_view text, std::span<std::uint8_t> out) {
    std::size_t size = 0;
    const auto take = [&](std::uint8_t octet) {
        if (size == out.size()) return false;
        out[size++] = octet;
        return true;
    };
    if (!decode64(text, kFromBase64Url, take)) return std::nullopt;
    return size;
}

void append_base64url(std::string& out, std::span<const std::uint8_t> octets) { encode64(out, octets, kBase64Url); }

char* write_hex(char* out, std::span<const std::uint8_t> octets) {
    for (auto octet : octets) {
        *out++ = kHexDigits[octet >> 4];
        *out++ = kHexDigits[octet & 15];
    }
    return out;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    volatile unsigned char difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
    return difference == 0;
}

}  // namespace confab::base
