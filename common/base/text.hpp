// Small pure functions over text. ASCII only, locale never consulted: the protocols here are ASCII.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace confab::base {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view text, std::string_view prefix);
std::string_view trim(std::string_view text);  // spaces, tabs, CR and LF at both ends
std::vector<std::string_view> split(std::string_view text, char separator);
std::string to_lower(std::string_view text);

// The whole text must be a decimal number in range; no sign for unsigned types, no spaces.
template <class T>
std::optional<T> parse_number(std::string_view text) {
    T value{};
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

void append_number(std::string& out, std::uint64_t value);

std::string hex(std::string_view bytes);
std::optional<std::string> unhex(std::string_view text);
std::string base64(std::string_view bytes);                          // RFC 4648 §4, padded
std::optional<std::string> unbase64(std::string_view text);          // padding optional
std::string base64url(std::string_view bytes);                       // RFC 4648 §5, unpadded: safe in URIs and tokens
std::optional<std::string> unbase64url(std::string_view text);
// The same into memory that is there: what was written is the front of `out`; nothing where the text is none or does not fit.
char* write_hex(char* out, std::span<const std::uint8_t> octets);  // behind the last digit; two for each octet
void append_base64url(std::string& out, std::span<const std::uint8_t> octets);
std::optional<std::size_t> unbase64url(std::string_view text, std::span<std::uint8_t> out);

// Equality whose time does not depend on where the texts differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

// Transparent hash, so that maps keyed by std::string are searched with a string_view without allocating.
struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

}  // namespace confab::base
