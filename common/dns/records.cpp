#include "dns/records.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace confab::dns {
namespace {

constexpr std::size_t kLabel = 63, kName = 253;  // RFC 1035 §2.3.4, as text
constexpr std::size_t kAddressesOfName = 16;

bool is_host_octet(char c) {
    c = base::lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

// Takes from the front of rdata; once something is missing, nothing more is there.
class Reader {
public:
    explicit Reader(std::string_view rdata) : rest_(rdata) {}

    std::uint16_t number() {
        const auto octets = take(2);
        if (octets.size() < 2) return 0;
        return static_cast<std::uint16_t>(static_cast<unsigned char>(octets[0]) << 8 | static_cast<unsigned char>(octets[1]));
    }
    std::string text() { return std::string(take(octet())); }
    std::string name() {
        std::string name;
        while (const auto length = octet()) {
            const auto label = take(length);
            whole_ = whole_ && length <= kLabel && std::ranges::all_of(label, is_host_octet);
            if (!whole_) break;
            if (!name.empty()) name += '.';
            name += base::to_lower(label);
        }
        whole_ = whole_ && name.size() <= kName;
        return name;
    }
    bool is_whole() const { return whole_ && rest_.empty(); }

private:
    std::size_t octet() {
        const auto one = take(1);
        return one.empty() ? 0 : static_cast<unsigned char>(one[0]);
    }
    std::string_view take(std::size_t count) {
        whole_ = whole_ && count <= rest_.size();
        if (!whole_) return {};
        const auto taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }

    std::string_view rest_;
    bool whole_ = true;
};

}  // namespace

std::optional<base::IpAddress> read_address(Type type, std::string_view rdata) {
    if (rdata.size() != (type == Type::a ? 4u : 16u)) return std::nullopt;
    base::IpAddress ip;
    ip.family = type == Type::a ? base::Family::ipv4 : base::Family::ipv6;
    std::ranges::transform(rdata, ip.octets.begin(), [](char octet) { return static_cast<std::uint8_t>(octet); });
    return ip;
}

std::optional<Srv> read_srv(std::string_view rdata) {
    Reader reader(rdata);
    Srv srv;
    srv.priority = reader.number();
    srv.weight = reader.number();
    srv.port = reader.number();
    srv.target = reader.name();
    if (!reader.is_whole()) return std::nullopt;
    return srv;
}

std::optional<Naptr> read_naptr(std::string_view rdata) {
    Reader reader(rdata);
    Naptr naptr;
    naptr.order = reader.number();
    naptr.preference = reader.number();
    naptr.flags = reader.text();
    naptr.service = reader.text();
    naptr.regexp = reader.text();
    naptr.replacement = reader.name();
    if (!reader.is_whole()) return std::nullopt;
    return naptr;
}

std::optional<std::string> host_name(std::string_view name) {
    if (name.ends_with('.')) name.remove_suffix(1);
    if (name.empty() || name.size() > kName) return std::nullopt;
    for (const auto label : base::split(name, '.'))
        if (label.empty() || label.size() > kLabel || !std::ranges::all_of(label, is_host_octet)) return std::nullopt;
    return base::to_lower(name);
}

Hosts::Hosts(std::string_view file) {
    for (auto line : base::split(file, '\n')) {
        line = line.substr(0, line.find('#'));
        std::optional<base::IpAddress> ip;
        while (true) {
            const auto begin = line.find_first_not_of(" \t\r");
            if (begin == line.npos) break;
            line.remove_prefix(begin);
            const auto word = line.substr(0, line.find_first_of(" \t\r"));
            line.remove_prefix(word.size());
            if (!ip) {
                ip = base::IpAddress::parse(word);
                if (!ip) break;
                continue;
            }
            const auto name = host_name(word);
            if (!name) continue;
            auto& known = addresses_[*name];
            if (known.size() < kAddressesOfName && std::ranges::find(known, *ip) == known.end()) known.push_back(*ip);
        }
    }
}

const std::vector<base::IpAddress>* Hosts::find(const std::string& name) const {
    const auto known = addresses_.find(name);
    return known == addresses_.end() ? nullptr : &known->second;
}

}  // namespace confab::dns
