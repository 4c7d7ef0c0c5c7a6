// Where a request stands before it goes on: which names are ours, what its Route says (RFC 3261 §16.4), and whether it belongs to a dialog
// that came through here. Pure.
//
// A dialog token (seals.hpp) is a MAC over the Call-ID that travels in our Record-Route URI as `d`: a request inside such a dialog needs no
// challenge and may leave for foreign addresses; without it this proxy relays to nobody but its own domains.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/values.hpp"
#include "sip/grammar.hpp"
#include "sip/message.hpp"
#include "sip/splice.hpp"
#include "sip/transport.hpp"

namespace confab::proxy {

// The hosts that mean this proxy, and the listeners that send.
class OwnNames {
public:
    OwnNames(std::vector<config::Listener> listeners, std::vector<std::string> domains);

    bool is_domain(std::string_view host) const;
    bool is_listener(const sip::Uri& uri) const;
    bool serves(const sip::Uri& uri) const { return is_domain(uri.host) || is_listener(uri); }
    // The domain that `uri` names, the first of ours where it names one of our listeners.
    std::string_view domain_of(const sip::Uri& uri) const;
    const std::string& first_domain() const { return domains_.front(); }

    // The listener that sends to this hop: `preferred` where it can, else the first that can.
    std::optional<std::uint16_t> listener_towards(const sip::Hop& hop, std::uint16_t preferred) const;
    const config::Listener& listener(std::uint16_t index) const { return listeners_[index]; }
    std::size_t listeners() const { return listeners_.size(); }
    // What our Via towards a peer of this listener says: the address that others see.
    std::string_view sent_by(std::uint16_t listener) const { return texts_[listener].sent_by; }
    // A URI that leads back to this listener, the way that a caller came (RFC 5658): `sip:[FLOW@]HOST:PORT[;transport=tcp];lr`.
    void append_uri(std::string& out, std::uint16_t listener, std::string_view flow) const;

    void set_domains(std::vector<std::string> domains) { domains_ = std::move(domains); }

private:
    struct Texts {
        std::string sent_by, uri_tail;
    };
    std::vector<config::Listener> listeners_;
    std::vector<Texts> texts_;  // of each listener
    std::vector<std::string> domains_;
};

// A Route header's worth of decisions. Slices live as long as the message.
struct RoutePlan {
    static constexpr std::size_t kMaxOwnRoutes = 6;

    bool malformed = false;        // Route does not parse, or names us more than kMaxOwnRoutes times
    std::string_view request_uri;  // the target: the last Route value when a strict router put our URI in the request line
    bool from_strict_router = false;
    std::size_t own_routes = 0;  // values on top that name us: they go
    std::string_view token;      // `d` of the first of them
    std::string_view flow;       // user part of the last of them: a flow token where the next hop is a client's connection
    std::string_view next;       // URI of the first remaining Route value, "" when none
    bool next_is_strict = false; // which lacks `lr` (RFC 3261 §16.6 step 6)
};
RoutePlan plan_route(const sip::Message& request, const OwnNames& names);
void remove_own_routes(sip::Splice& splice, const sip::Message& request, const RoutePlan& plan);

// Where a URI with an IP address for its host leads; names need RFC 3263 and lead nowhere yet.
std::optional<sip::Hop> hop_of(const sip::Uri& uri);

// The user part, up to its parameters, as a number to dial, escapes undone: [0-9*#+]+, at most 64. Empty when it is none.
std::optional<std::string> number_of(const sip::Uri& uri);

}  // namespace confab::proxy
