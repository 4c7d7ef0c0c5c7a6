// Where a probe sends: `tls:edge.example.org:5061`, or a SIP URI, is what DNS is asked about (RFC 3263); a target is one place that it leads to.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "dns/endpoint.hpp"
#include "sip/transport.hpp"

namespace confab::probe {

struct Target {
    sip::Transport transport = sip::Transport::udp;
    base::SocketAddress address;
    std::string host;  // as the user named it: what a TLS peer must prove

    static Target of(const dns::Endpoint& endpoint, const dns::Query& query);
    std::string text() const;  // "udp:192.0.2.1:5060"
};

std::expected<dns::Query, std::string> parse_target(std::string_view text);  // the error is a sentence

}  // namespace confab::probe
