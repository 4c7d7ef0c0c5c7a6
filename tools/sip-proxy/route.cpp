#include "sip-proxy/route.hpp"

#include "base/text.hpp"

namespace confab::proxy {
namespace {

constexpr std::size_t kMaxNumber = 64;

bool carries(const config::Listener& listener, const sip::Hop& hop) {
    return listener.transport == sip::param_name(hop.transport) && listener.address.ip.family == hop.peer.ip.family;
}

// The values of one header, visited in order until `visit` answers false.
template <class Visit>
bool each_value(const sip::Header& header, Visit visit) {
    auto rest = header.value;
    while (auto value = sip::next_value(rest))
        if (!visit(*value)) return false;
    return true;
}

std::string_view first_value_after(const sip::Header& header, std::size_t skipped) {
    std::string_view found;
    each_value(header, [&](std::string_view value) {
        found = value;
        return skipped-- > 0;
    });
    return found;
}

std::size_t values_of(const sip::Header& header) {
    std::size_t count = 0;
    each_value(header, [&](std::string_view) { return ++count > 0; });
    return count;
}

std::string_view between(std::string_view first, std::string_view last) {
    return {first.data(), static_cast<std::size_t>(last.data() - first.data())};
}

const sip::Header* last_route(const sip::Message& request) {
    const sip::Header* last = nullptr;
    for (const auto& header : request.headers())
        if (header.id == sip::HeaderName::route) last = &header;
    return last;
}

void take_next(const sip::Uri& uri, RoutePlan& plan) {
    plan.next = uri.text;
    plan.next_is_strict = !uri.params.has("lr");
}

// §16.4: a strict router put our Record-Route URI in the request line and the real target last in Route.
bool plan_strict(const sip::Message& request, const OwnNames& names, RoutePlan& plan) {
    const auto uri = sip::parse_uri(request.uri);
    const auto* route = last_route(request);
    if (!uri || route == nullptr || !uri->params.has("lr") || !names.is_listener(*uri)) return false;
    if (!uri->user.empty() && !uri->params.has("d")) return false;  // somebody's address, not a URI of our making
    const auto target = sip::parse_name_addr(first_value_after(*route, values_of(*route) - 1));
    plan.from_strict_router = true;
    plan.malformed = !target || request.count(sip::HeaderName::route) != 1;
    if (plan.malformed) return true;
    plan.request_uri = target->uri.text;
    plan.token = uri->params.get("d").value_or("");
    plan.flow = uri->user;
    if (values_of(*route) > 1) {
        const auto next = sip::parse_name_addr(first_value_after(*route, 0));
        plan.malformed = !next;
        if (next) take_next(next->uri, plan);
    }
    return true;
}

void plan_value(std::string_view value, const OwnNames& names, RoutePlan& plan) {
    const auto route = sip::parse_name_addr(value);
    if (!route || route->uri.host.empty()) {
        plan.malformed = true;
    } else if (!names.serves(route->uri)) {
        take_next(route->uri, plan);
    } else if (plan.own_routes == RoutePlan::kMaxOwnRoutes) {
        plan.malformed = true;
    } else {
        if (++plan.own_routes == 1) plan.token = route->uri.params.get("d").value_or("");
        plan.flow = route->uri.user;
    }
}

}  // namespace

OwnNames::OwnNames(std::vector<config::Listener> listeners, std::vector<std::string> domains)
    : listeners_(std::move(listeners)), domains_(std::move(domains)) {
    for (const auto& own : listeners_) {
        Texts texts{own.visible().text(), {}};
        texts.uri_tail = texts.sent_by + (own.transport == "udp" ? ";lr" : ";transport=" + own.transport + ";lr");
        texts_.push_back(std::move(texts));
    }
}

bool OwnNames::is_domain(std::string_view host) const {
    for (const auto& domain : domains_)
        if (base::iequals(domain, host)) return true;
    return false;
}

bool OwnNames::is_listener(const sip::Uri& uri) const {
    const auto ip = uri.ip();
    if (!ip) return false;
    const auto port = uri.port != 0 ? uri.port : sip::default_port(uri.transport().value_or(sip::Transport::udp));
    const base::SocketAddress address{*ip, port};
    for (const auto& listener : listeners_)
        if (address == listener.visible() || address == listener.address) return true;
    return false;
}

std::string_view OwnNames::domain_of(const sip::Uri& uri) const {
    return is_domain(uri.host) ? uri.host : std::string_view(domains_.front());
}

std::optional<std::uint16_t> OwnNames::listener_towards(const sip::Hop& hop, std::uint16_t preferred) const {
    if (preferred < listeners_.size() && carries(listeners_[preferred], hop)) return preferred;
    for (std::size_t i = 0; i < listeners_.size(); ++i)
        if (carries(listeners_[i], hop)) return static_cast<std::uint16_t>(i);
    return std::nullopt;
}

void OwnNames::append_uri(std::string& out, std::uint16_t listener, std::string_view flow) const {
    out += "sip:";
    out += flow;
    if (!flow.empty()) out += '@';
    out += texts_[listener].uri_tail;
}

RoutePlan plan_route(const sip::Message& request, const OwnNames& names) {
    RoutePlan plan;
    plan.request_uri = request.uri;
    if (plan_strict(request, names, plan)) return plan;
    for (const auto& header : request.headers()) {
        if (header.id != sip::HeaderName::route) continue;
        const bool more = each_value(header, [&](std::string_view value) {
            plan_value(value, names, plan);
            return !plan.malformed && plan.next.empty();
        });
        if (!more) break;
    }
    return plan;
}

void remove_own_routes(sip::Splice& splice, const sip::Message& request, const RoutePlan& plan) {
    if (plan.from_strict_router) {
        const auto& route = *last_route(request);
        const auto count = values_of(route);
        if (count == 1) return splice.remove_header(route);
        const auto kept = first_value_after(route, count - 2);
        const auto gone = first_value_after(route, count - 1);
        return splice.remove(between(kept.substr(kept.size()), gone.substr(gone.size())));
    }
    auto left = plan.own_routes;
    for (const auto& header : request.headers()) {
        if (left == 0) return;
        if (header.id != sip::HeaderName::route) continue;
        const auto count = values_of(header);
        if (count <= left) {
            splice.remove_header(header);
            left -= count;
        } else {
            splice.remove(between(first_value_after(header, 0), first_value_after(header, left)));
            left = 0;
        }
    }
}

std::optional<sip::Hop> hop_of(const sip::Uri& uri) {
    const auto ip = uri.ip();
    const auto transport = uri.transport();
    if (!ip || !transport) return std::nullopt;
    return sip::Hop{*transport, {*ip, uri.port != 0 ? uri.port : sip::default_port(*transport)}, {}, sip::kAnyListener};
}

std::optional<std::string> number_of(const sip::Uri& uri) {
    std::string number;
    auto rest = uri.user.substr(0, uri.user.find(';'));  // parameters may follow: sip:1234;passcode=99@host
    while (!rest.empty()) {
        char c = rest.front();
        std::size_t taken = 1;
        if (c == '%') {
            const auto octet = base::unhex(rest.substr(1, 2));
            if (!octet || octet->size() != 1) return std::nullopt;
            c = octet->front();
            taken = 3;
        }
        if (std::string_view("0123456789*#+").find(c) == std::string_view::npos || number.size() == kMaxNumber) return std::nullopt;
        number += c;
        rest.remove_prefix(taken);
    }
    if (number.empty()) return std::nullopt;
    return number;
}

}  // namespace confab::proxy
