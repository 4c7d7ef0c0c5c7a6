// The types that configuration values may have: text to value, with the words that a problem uses for what was expected.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/socket_address.hpp"
#include "base/time.hpp"

namespace confab::config {

template <class T>
struct Value;  // static std::string_view expected(); static std::optional<T> parse(std::string_view)

template <> struct Value<std::string> {
    static std::string_view expected() { return "text"; }
    static std::optional<std::string> parse(std::string_view text);
};
template <> struct Value<bool> {
    static std::string_view expected() { return "yes or no"; }
    static std::optional<bool> parse(std::string_view text);
};
template <> struct Value<std::uint32_t> {
    static std::string_view expected() { return "a whole number"; }
    static std::optional<std::uint32_t> parse(std::string_view text);
};
template <> struct Value<base::milliseconds> {
    static std::string_view expected() { return "a duration (200ms, 5s, 2m, 1h)"; }
    static std::optional<base::milliseconds> parse(std::string_view text);
};
template <> struct Value<base::seconds> {
    static std::string_view expected() { return "a duration of whole seconds (5s, 2m, 1h)"; }
    static std::optional<base::seconds> parse(std::string_view text);
};
template <> struct Value<base::SocketAddress> {
    static std::string_view expected() { return "an address with a port (192.0.2.1:5060, [2001:db8::1]:5060)"; }
    static std::optional<base::SocketAddress> parse(std::string_view text);
};
template <> struct Value<base::IpAddress> {
    static std::string_view expected() { return "an IP address"; }
    static std::optional<base::IpAddress> parse(std::string_view text);
};
template <> struct Value<base::Network> {
    static std::string_view expected() { return "an address or a network (192.0.2.0/24)"; }
    static std::optional<base::Network> parse(std::string_view text);
};

// `udp:192.0.2.1:5060`, `tcp:[::1]:5060`, `tls:192.0.2.1:5061`, with `trusted` after a space where peers on it may assert identities, and
// `advertise=192.0.2.9:5060` behind 1:1 NAT.
struct Listener {
    std::string transport;  // "udp", "tcp", "tls"
    base::SocketAddress address;
    std::optional<base::SocketAddress> advertised;
    bool trusted = false;
    std::string text() const;
    const base::SocketAddress& visible() const { return advertised ? *advertised : address; }
};
template <> struct Value<Listener> {
    static std::string_view expected() { return "transport:address:port (udp:192.0.2.1:5060), then optionally trusted, advertise=address:port"; }
    static std::optional<Listener> parse(std::string_view text);
};

// A next hop: `udp:192.0.2.1:5060`.
struct Peer {
    std::string transport;
    base::SocketAddress address;
    std::string text() const;
};
template <> struct Value<Peer> {
    static std::string_view expected() { return "transport:address:port (udp:192.0.2.1:5060)"; }
    static std::optional<Peer> parse(std::string_view text);
};

// A range of ports, `20000-29999`.
struct PortRange {
    std::uint16_t low = 0, high = 0;
};
template <> struct Value<PortRange> {
    static std::string_view expected() { return "a range of ports (20000-29999)"; }
    static std::optional<PortRange> parse(std::string_view text);
};

// Where a control socket is: `unix:/run/confab/x.sock` or a bare path. (`tls:HOST:PORT` is part of the type; programs refuse it until they listen on it.)
struct ControlAddress {
    enum class Kind : std::uint8_t { unix_path, tls } kind = Kind::unix_path;
    std::string path;          // unix
    std::string host;          // tls
    std::uint16_t port = 0;
    std::string text() const;
};
template <> struct Value<ControlAddress> {
    static std::string_view expected() { return "unix:PATH or tls:HOST:PORT"; }
    static std::optional<ControlAddress> parse(std::string_view text);
};

// One line of a repeated key may hold several words.
std::vector<std::string> words_of(const std::vector<std::string>& lines);

inline std::int64_t measure_of(std::uint32_t value) { return value; }
inline std::int64_t measure_of(base::milliseconds value) { return value.count(); }
inline std::int64_t measure_of(base::seconds value) { return value.count() * 1000; }

template <class T>
inline constexpr bool kIsDuration = std::same_as<T, base::milliseconds> || std::same_as<T, base::seconds>;

// An enumeration's words: specialise Value with `Word<E>::parse(text, kWords)`.
template <class E>
struct Word {
    std::string_view text;
    E value;
};
template <class E, std::size_t N>
std::optional<E> parse_word(std::string_view text, const Word<E> (&words)[N]) {
    for (const auto& word : words)
        if (word.text == text) return word.value;
    return std::nullopt;
}

}  // namespace confab::config
