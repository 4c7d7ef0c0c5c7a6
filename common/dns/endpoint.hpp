// Where a SIP request may go, as RFC 3263 sees it: what a URI says about its next hop, what became of looking for it, and one place to send to.
//
// A TLS peer's certificate is checked against `Query::host`, the name the user trusts, never against what DNS led to (RFC 5922 §4).
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/socket_address.hpp"

namespace confab::dns {

enum class Service : std::uint8_t { udp, tcp, tls };  // RFC 3263 "transport"

struct Query {
    std::string host{};                  // name or IP literal (IPv6 without brackets)
    std::uint16_t port = 0;              // 0: absent
    std::optional<Service> transport{};  // the transport parameter; `tcp` of a sips URI means TLS
    bool secure = false;                 // sips
    auto operator<=>(const Query&) const = default;
};

struct Endpoint {
    Service transport = Service::udp;
    base::SocketAddress address;
    auto operator<=>(const Endpoint&) const = default;
};

enum class Failure : std::uint8_t {
    no_such_name,    // the name does not exist, or is none
    no_address,      // it exists and leads to no address of a family we use
    no_transport,    // it is served by transports that we do not have, or sips asks for more than there is
    timeout,         // nothing usable within the budget
    server_failure,  // the servers answered with a failure, or too many questions are open here
};

std::string_view service_name(Service service);    // "udp"
std::string_view failure_text(Failure failure);    // a phrase: "no such name"
std::uint16_t default_port(Service service);

}  // namespace confab::dns

template <>
struct std::hash<confab::dns::Endpoint> {
    std::size_t operator()(const confab::dns::Endpoint& endpoint) const noexcept {
        return std::hash<confab::base::SocketAddress>{}(endpoint.address) * 3 + static_cast<std::size_t>(endpoint.transport);
    }
};
