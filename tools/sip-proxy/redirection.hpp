// A 3xx as targets (RFC 3261 §8.1.3.4, §16.7 step 4): its Contacts, highest q first, those of equal q together. Pure.
//
// Whether a redirection may be followed at all is the route's and the next hop's business; here it is decided which Contacts can be: 300, 301
// and 302 only; sip and sips URIs, for a sips request sips alone; nothing that was tried already, and nothing that names this proxy, for a
// next hop does not send callers in circles. Headers in a Contact's URI are left away.
#pragma once

#include <string_view>

#include "sip-proxy/route.hpp"
#include "sip-proxy/target.hpp"
#include "sip/message.hpp"

namespace confab::proxy {

// `tried`: the targets so far; `request_uri` is what those without a URI of their own were sent. `from` is the one that redirects.
Targets targets_of_redirection(const sip::Message& response, const Targets& tried, std::string_view request_uri, const Target& from,
                               const OwnNames& names);

}  // namespace confab::proxy
