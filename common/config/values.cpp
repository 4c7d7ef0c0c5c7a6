#include "config/values.hpp"

#include <vector>

#include "base/text.hpp"

namespace confab::config {
namespace {

constexpr std::int64_t kLongest = std::int64_t{100} * 366 * 86'400'000;  // a century: no sum of two overflows
constexpr std::size_t kSocketPathLimit = 107;                            // sockaddr_un

struct Unit {
    std::string_view suffix;
    std::int64_t milliseconds;
};
// "ms" before "m" and "s": the longest suffix decides.
constexpr Unit kUnits[] = {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};

std::optional<std::int64_t> parse_duration(std::string_view text) {
    for (const auto& unit : kUnits) {
        if (!text.ends_with(unit.suffix)) continue;
        const auto count = base::parse_number<std::uint64_t>(text.substr(0, text.size() - unit.suffix.size()));
        if (!count || *count > static_cast<std::uint64_t>(kLongest / unit.milliseconds)) return std::nullopt;
        return static_cast<std::int64_t>(*count) * unit.milliseconds;
    }
    return std::nullopt;
}

std::optional<Peer> parse_hop(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == text.npos) return std::nullopt;
    const auto transport = text.substr(0, colon);
    if (transport != "udp" && transport != "tcp" && transport != "tls") return std::nullopt;
    const auto address = base::SocketAddress::parse(text.substr(colon + 1));
    if (!address) return std::nullopt;
    return Peer{std::string(transport), *address};
}

// One of the words after a listener's address.
bool take_word(Listener& listener, std::string_view word) {
    constexpr std::string_view kAdvertise = "advertise=";
    if (word.empty()) return true;
    if (word == "trusted" && !listener.trusted) {
        listener.trusted = true;
        return true;
    }
    if (!word.starts_with(kAdvertise) || listener.advertised) return false;
    listener.advertised = base::SocketAddress::parse(word.substr(kAdvertise.size()));
    return listener.advertised.has_value();
}

std::optional<ControlAddress> parse_tls_address(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == text.npos || colon == 0) return std::nullopt;
    const auto host = text.substr(0, colon);
    const auto port = base::parse_number<std::uint16_t>(text.substr(colon + 1));
    const bool bracketed = host.front() == '[' && host.back() == ']';
    if (!port || *port == 0 || host.find_first_of(" /") != host.npos) return std::nullopt;
    if (host.find(':') != host.npos && !(bracketed && base::IpAddress::parse(host))) return std::nullopt;
    return ControlAddress{ControlAddress::Kind::tls, "", std::string(host), *port};
}

}  // namespace

std::optional<std::string> Value<std::string>::parse(std::string_view text) { return std::string(text); }

std::optional<bool> Value<bool>::parse(std::string_view text) {
    constexpr Word<bool> kWords[] = {{"yes", true}, {"no", false}};
    return parse_word(text, kWords);
}

std::optional<std::uint32_t> Value<std::uint32_t>::parse(std::string_view text) { return base::parse_number<std::uint32_t>(text); }

std::optional<base::milliseconds> Value<base::milliseconds>::parse(std::string_view text) {
    const auto count = parse_duration(text);
    if (!count) return std::nullopt;
    return base::milliseconds(*count);
}

std::optional<base::seconds> Value<base::seconds>::parse(std::string_view text) {
    const auto count = parse_duration(text);
    if (!count || *count % 1'000 != 0) return std::nullopt;
    return base::seconds(*count / 1'000);
}

std::optional<base::SocketAddress> Value<base::SocketAddress>::parse(std::string_view text) { return base::SocketAddress::parse(text); }

std::optional<base::IpAddress> Value<base::IpAddress>::parse(std::string_view text) { return base::IpAddress::parse(text); }

std::optional<base::Network> Value<base::Network>::parse(std::string_view text) { return base::Network::parse(text); }

std::string Peer::text() const { return transport + ":" + address.text(); }

std::optional<Peer> Value<Peer>::parse(std::string_view text) {
    auto peer = parse_hop(text);
    if (!peer || peer->address.port == 0 || peer->address.ip.is_unspecified()) return std::nullopt;
    return peer;
}

std::string Listener::text() const {
    std::string out = transport + ":" + address.text();
    if (trusted) out += " trusted";
    if (advertised) out += " advertise=" + advertised->text();
    return out;
}

std::optional<Listener> Value<Listener>::parse(std::string_view text) {
    const auto words = base::split(text, ' ');
    if (words.empty()) return std::nullopt;
    const auto hop = parse_hop(words.front());
    if (!hop) return std::nullopt;
    Listener listener{hop->transport, hop->address, std::nullopt, false};
    for (std::size_t i = 1; i < words.size(); ++i)
        if (!take_word(listener, words[i])) return std::nullopt;
    return listener;
}

std::optional<PortRange> Value<PortRange>::parse(std::string_view text) {
    const auto dash = text.find('-');
    if (dash == text.npos) return std::nullopt;
    const auto low = base::parse_number<std::uint16_t>(text.substr(0, dash));
    const auto high = base::parse_number<std::uint16_t>(text.substr(dash + 1));
    if (!low || !high || *low == 0 || *low > *high) return std::nullopt;
    return PortRange{*low, *high};
}

std::string ControlAddress::text() const { return kind == Kind::unix_path ? "unix:" + path : "tls:" + host + ":" + std::to_string(port); }

std::optional<ControlAddress> Value<ControlAddress>::parse(std::string_view text) {
    if (text.starts_with("tls:")) return parse_tls_address(text.substr(4));
    const bool named = text.starts_with("unix:");
    if (named) text.remove_prefix(5);
    if (text.empty() || text.size() > kSocketPathLimit || (!named && text.front() != '/' && text.front() != '.')) return std::nullopt;
    return ControlAddress{ControlAddress::Kind::unix_path, std::string(text), "", 0};
}

std::vector<std::string> words_of(const std::vector<std::string>& lines) {
    std::vector<std::string> words;
    for (const auto& line : lines)
        for (auto word : base::split(line, ' '))
            if (!word.empty()) words.emplace_back(word);
    return words;
}

}  // namespace confab::config
