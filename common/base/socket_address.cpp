#include "base/socket_address.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace confab::base {
namespace {

using Octets = std::array<std::uint8_t, 16>;

// Dotted quad with no leading zeros: some readers take those for octal.
bool parse_ipv4(std::string_view text, std::uint8_t* out) {
    for (int i = 0; i < 4; ++i) {
        const auto end = i < 3 ? text.find('.') : text.size();
        if (end == text.npos || end == 0 || end > 3) return false;
        const auto part = text.substr(0, end);
        const auto value = parse_number<std::uint8_t>(part);
        if (!value || (part.size() > 1 && part.front() == '0')) return false;
        out[i] = *value;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return text.empty();
}

std::optional<std::uint16_t> parse_group(std::string_view text) {
    if (text.empty() || text.size() > 4) return std::nullopt;
    std::uint16_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// Groups separated by single colons, the last perhaps a dotted quad. Answers the octets written, or -1.
int parse_groups(std::string_view text, Octets& out) {
    std::size_t used = 0;
    while (!text.empty()) {
        const auto end = text.find(':');
        const auto part = text.substr(0, end);
        if (end == text.npos && part.find('.') != part.npos) {
            if (used + 4 > out.size() || !parse_ipv4(part, out.data() + used)) return -1;
            return static_cast<int>(used + 4);
        }
        const auto group = parse_group(part);
        if (!group || used + 2 > out.size()) return -1;
        out[used++] = static_cast<std::uint8_t>(*group >> 8);
        out[used++] = static_cast<std::uint8_t>(*group & 0xff);
        if (end == text.npos) break;
        text.remove_prefix(end + 1);
        if (text.empty()) return -1;
    }
    return static_cast<int>(used);
}

bool parse_ipv6(std::string_view text, Octets& out) {
    const auto gap = text.find("::");
    Octets head{}, tail{};
    if (gap == text.npos) {
        if (parse_groups(text, head) != 16) return false;
        out = head;
        return true;
    }
    if (text.substr(0, gap).find('.') != text.npos) return false;
    const int before = parse_groups(text.substr(0, gap), head);
    const int after = parse_groups(text.substr(gap + 2), tail);
    if (before < 0 || after < 0 || before + after > 14) return false;
    out.fill(0);
    std::copy_n(head.begin(), before, out.begin());
    std::copy_n(tail.begin(), after, out.end() - after);
    return true;
}

std::uint16_t group_at(const Octets& octets, std::size_t i) { return static_cast<std::uint16_t>(octets[2 * i] << 8 | octets[2 * i + 1]); }

char* write_number(char* out, unsigned value, int radix = 10) { return std::to_chars(out, out + 5, value, radix).ptr; }

char* write_ipv4(char* out, const std::uint8_t* octets) {
    for (int i = 0; i < 4; ++i) {
        if (i > 0) *out++ = '.';
        out = write_number(out, octets[i]);
    }
    return out;
}

bool is_mapped(const Octets& octets) {
    return std::all_of(octets.begin(), octets.begin() + 10, [](auto o) { return o == 0; }) && octets[10] == 0xff && octets[11] == 0xff;
}

// RFC 5952: lower case, no leading zeros, the longest run of at least two zero groups (the first of equals) becomes "::".
char* write_ipv6(char* out, const Octets& octets) {
    constexpr std::string_view kMapped = "::ffff:";
    if (is_mapped(octets)) return write_ipv4(std::ranges::copy(kMapped, out).out, octets.data() + 12);
    std::size_t gap = 8, longest = 1;
    for (std::size_t i = 0; i < 8;) {
        std::size_t end = i;
        while (end < 8 && group_at(octets, end) == 0) ++end;
        if (end - i > longest) {
            gap = i;
            longest = end - i;
        }
        i = std::max(end, i + 1);
    }
    bool separated = true;
    for (std::size_t i = 0; i < 8;) {
        if (i == gap || !separated) *out++ = ':';
        separated = i == gap;
        if (i == gap) {
            *out++ = ':';
            i += longest;
            continue;
        }
        out = write_number(out, group_at(octets, i++), 16);
    }
    return out;
}

unsigned bits_of(Family family) { return family == Family::ipv4 ? 32 : 128; }

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    IpAddress ip;
    if (text.size() >= 2 && text.front() == '[') {
        if (text.back() != ']') return std::nullopt;
        text = text.substr(1, text.size() - 2);
        if (text.find(':') == text.npos) return std::nullopt;
    }
    if (text.find(':') != text.npos) {
        ip.family = Family::ipv6;
        if (!parse_ipv6(text, ip.octets)) return std::nullopt;
        return ip;
    }
    ip.family = Family::ipv4;
    if (!parse_ipv4(text, ip.octets.data())) return std::nullopt;
    return ip;
}

char* IpAddress::write(char* out) const {
    if (family == Family::ipv4) return write_ipv4(out, octets.data());
    return family == Family::ipv6 ? write_ipv6(out, octets) : out;
}

std::string IpAddress::text() const {
    std::array<char, kTextLength> room;
    return {room.data(), write(room.data())};
}

std::string IpAddress::host() const { return family == Family::ipv6 ? '[' + text() + ']' : text(); }

bool IpAddress::is_unspecified() const {
    return std::all_of(octets.begin(), octets.end(), [](auto octet) { return octet == 0; });
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view text, std::optional<std::uint16_t> default_port) {
    std::string_view host = text, port;
    const auto colon = text.rfind(':');
    const bool bracketed = text.starts_with('[');
    if (colon != text.npos && (bracketed ? colon > text.find(']') : text.find(':') == colon)) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
        if (port.empty()) return std::nullopt;
    } else if (!default_port) {
        return std::nullopt;
    }
    const auto ip = IpAddress::parse(host);
    if (!ip) return std::nullopt;
    if (port.empty()) return SocketAddress{*ip, *default_port};
    const auto number = parse_number<std::uint16_t>(port);
    if (!number) return std::nullopt;
    return SocketAddress{*ip, *number};
}

char* SocketAddress::write(char* out) const {
    if (ip.family == Family::ipv6) *out++ = '[';
    out = ip.write(out);
    if (ip.family == Family::ipv6) *out++ = ']';
    *out++ = ':';
    return write_number(out, port);
}

std::string SocketAddress::text() const {
    std::array<char, kTextLength> room;
    return {room.data(), write(room.data())};
}

std::optional<Network> Network::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto ip = IpAddress::parse(text.substr(0, slash));
    if (!ip) return std::nullopt;
    Network network{*ip, static_cast<std::uint8_t>(bits_of(ip->family))};
    if (slash != text.npos) {
        const auto prefix = parse_number<std::uint8_t>(text.substr(slash + 1));
        if (!prefix || *prefix > network.prefix) return std::nullopt;
        network.prefix = *prefix;
    }
    for (unsigned bit = network.prefix; bit < 128; ++bit)
        network.base.octets[bit / 8] = static_cast<std::uint8_t>(network.base.octets[bit / 8] & ~(0x80u >> (bit % 8)));
    return network;
}

bool Network::contains(const IpAddress& ip) const {
    if (ip.family != base.family) return false;
    const std::size_t whole = prefix / 8u;
    if (!std::equal(base.octets.begin(), base.octets.begin() + static_cast<std::ptrdiff_t>(whole), ip.octets.begin())) return false;
    if (prefix % 8 == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xff00u >> (prefix % 8));
    return (base.octets[whole] & mask) == (ip.octets[whole] & mask);
}

std::string Network::text() const {
    std::string out = base.text();
    if (prefix == bits_of(base.family)) return out;
    out += '/';
    append_number(out, prefix);
    return out;
}

}  // namespace confab::base

std::size_t std::hash<confab::base::SocketAddress>::operator()(const confab::base::SocketAddress& a) const noexcept {
    const std::string_view octets(reinterpret_cast<const char*>(a.ip.octets.data()), a.ip.octets.size());
    return std::hash<std::string_view>{}(octets) ^ (static_cast<std::size_t>(a.port) * 0x9e3779b97f4a7c15u);
}
