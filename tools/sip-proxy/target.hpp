// Targets: where a request goes next, as registrar and directory answer it. Pure.
//
// Targets of one group are tried at the same time (contacts of equal q), groups one after the other (RFC 3261 §16.6, §16.7). A target may
// have several endpoints (RFC 3263, or UDP behind TCP): the next one is tried when one is dead.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/values.hpp"
#include "dns/endpoint.hpp"
#include "local/value.hpp"
#include "sip/grammar.hpp"
#include "sip/transport.hpp"

namespace confab::proxy {

enum class Redirects : std::uint8_t { pass, follow };

struct Target {
    static constexpr std::size_t kMost = 32;

    sip::Hop hop;                      // the endpoint that is tried now
    std::optional<dns::Query> query;   // asked first where the next hop is a name
    std::vector<sip::Hop> others;      // endpoints that are left, the next one last
    std::string request_uri;           // "" keeps the Request-URI
    std::string route;                 // Route values to push: the binding's Path
    std::string flow;                  // user part of the first Path URI: names the flow at its edge, "" when none
    unsigned group = 0;
    std::uint32_t member = 0;          // of a destination group (groups.hpp), 0: none
    std::uint8_t breadth = 0;          // its share of Max-Breadth
    std::uint8_t redirections = 0;     // that led here
    bool is_own_flow = false;          // `hop` is a client's connection to a listener of ours
    bool stream_tried = false;         // UDP, too large for a datagram: TCP had its turn (RFC 3261 §18.1.1)
    bool may_redirect = false;         // it is known for 3xx that may be followed
    Redirects redirects = Redirects::pass;  // what its route says of them
};
using Targets = std::vector<Target>;

// Sets `hop` where `next` holds an address, `query` where it holds a name. False for a URI that leads nowhere from here.
bool aim(Target& target, const sip::Uri& next);

sip::Hop hop_of_peer(const config::Peer& peer);

// conf-locate's `lookup`: bridges in the order to try, each alone. Targets that cannot be reached from here are left out.
Targets targets_of_number(const local::Value& answer);
// The registrar's `lookup`: live contacts, highest q first.
Targets targets_of_address(const local::Value& answer);

}  // namespace confab::proxy
