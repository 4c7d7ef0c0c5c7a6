// An IP address with a port, as a value. Pure: text in, text out; `io` converts it to the kernel's structures.
// Text form is `192.0.2.1:5060` and `[2001:db8::1]:5060` (RFC 3986 host, RFC 3261 hostport). No names, no zones.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace confab::base {

enum class Family : std::uint8_t { none, ipv4, ipv6 };

struct IpAddress {
    Family family = Family::none;
    std::array<std::uint8_t, 16> octets{};  // network order; IPv4 uses the first four

    static constexpr std::size_t kTextLength = 39;

    static std::optional<IpAddress> parse(std::string_view text);  // accepts IPv6 with or without brackets
    std::string text() const;                                      // IPv6 without brackets
    char* write(char* out) const;                                  // the same where there is room for kTextLength; behind the last character
    std::string host() const;                                      // as in a URI: IPv6 in brackets
    bool is_unspecified() const;
    auto operator<=>(const IpAddress&) const = default;
};

struct SocketAddress {
    IpAddress ip;
    std::uint16_t port = 0;

    static constexpr std::size_t kTextLength = IpAddress::kTextLength + 8;

    // `default_port` is used where the text has none; without a default the port is required.
    static std::optional<SocketAddress> parse(std::string_view text, std::optional<std::uint16_t> default_port = {});
    std::string text() const;
    char* write(char* out) const;  // the same where there is room for kTextLength; behind the last character
    auto operator<=>(const SocketAddress&) const = default;
};

// A network in CIDR form, `10.0.0.0/8` or a single address.
struct Network {
    IpAddress base;
    std::uint8_t prefix = 0;

    static std::optional<Network> parse(std::string_view text);
    bool contains(const IpAddress& ip) const;
    std::string text() const;
};

}  // namespace confab::base

template <>
struct std::hash<confab::base::SocketAddress> {
    std::size_t operator()(const confab::base::SocketAddress& a) const noexcept;
};
