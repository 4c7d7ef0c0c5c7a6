// The resource records that locate a SIP server, read from the rdata of an answer (RFC 1035 §3.4.1, RFC 2782, RFC 3403 §4, RFC 3596), and the file
// of names that stand above DNS (hosts(5)).
//
// Rdata is uncompressed wire format, as a resolver library hands it over, and hostile: what does not fill its octets exactly is no record.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/socket_address.hpp"

namespace confab::dns {

enum class Type : std::uint16_t { a = 1, aaaa = 28, srv = 33, naptr = 35 };

struct Srv {
    std::uint16_t priority = 0, weight = 0, port = 0;
    std::string target;  // lower case, no final dot; "" is the root: the service is decidedly not there
};

struct Naptr {
    std::uint16_t order = 0, preference = 0;
    std::string flags, service, regexp;
    std::string replacement;  // as Srv::target
};

std::optional<base::IpAddress> read_address(Type type, std::string_view rdata);  // a or aaaa
std::optional<Srv> read_srv(std::string_view rdata);
std::optional<Naptr> read_naptr(std::string_view rdata);

// Lower case and without the final dot; empty when `name` cannot be a host name (RFC 1123 letters, digits, hyphens; underscores are tolerated).
std::optional<std::string> host_name(std::string_view name);

class Hosts {
public:
    Hosts() = default;
    explicit Hosts(std::string_view file);  // lines that make no sense are passed over, as everybody does
    const std::vector<base::IpAddress>* find(const std::string& name) const;  // a host_name

private:
    std::map<std::string, std::vector<base::IpAddress>> addresses_;
};

}  // namespace confab::dns
