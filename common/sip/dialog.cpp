#include "sip/dialog.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "sip/grammar.hpp"

namespace confab::sip {
namespace {

// Without the headers that a Request-URI may not have (§19.1.1).
std::string_view request_uri(const Uri& uri) { return uri.headers.empty() ? uri.text : uri.text.substr(0, uri.text.size() - uri.headers.size() - 1); }

// The URI of the Contact; empty without exactly one usable value.
std::string_view contact_uri(const Message& message) {
    auto rest = message.value(HeaderName::contact);
    const auto first = next_value(rest);
    const auto contact = first ? parse_name_addr(*first) : std::nullopt;
    if (!contact || contact->uri.host.empty() || !rest.empty() || message.count(HeaderName::contact) != 1) return {};
    return request_uri(contact->uri);
}

std::vector<std::string> record_routes(const Message& message) {
    std::vector<std::string> routes;
    for (const auto& header : message.headers()) {
        if (header.id != HeaderName::record_route) continue;
        for (auto rest = header.value; const auto value = next_value(rest);) routes.emplace_back(*value);
    }
    return routes;
}

// Where the next-hop URI leads, when it says so without DNS; `known` when that is the same peer, or when it does not say.
Hop hop_of(std::string_view uri_text, const Hop& known) {
    const auto uri = parse_uri(uri_text);
    const auto ip = uri ? uri->ip() : std::nullopt;
    const auto transport = uri ? uri->transport() : std::nullopt;
    if (!ip || !transport) return known;
    const base::SocketAddress peer{*ip, uri->port != 0 ? uri->port : default_port(*transport)};
    if (*transport == known.transport && peer == known.peer) return known;
    return {*transport, peer, {}, *transport == known.transport ? known.listener : kAnyListener};
}

bool is_target_refresh(Method method) {
    using enum Method;
    return method == invite || method == update || method == subscribe || method == notify || method == refer;
}

bool may_carry_contact(Method method) { return is_target_refresh(method) || method == Method::options; }

void append_contact(std::string& out, std::string_view contact) {
    const bool is_whole = contact.find('<') != std::string_view::npos;
    out.append(is_whole ? "Contact: " : "Contact: <").append(contact).append(is_whole ? "\r\n" : ">\r\n");
}

}  // namespace

// §12.1.1. A peer that came over a stream is answered on it for the whole dialog: it may be unreachable any other way.
std::optional<Dialog> Dialog::accept(const Message& request, const Hop& source, std::string_view local_tag) {
    const auto target = contact_uri(request);
    if (target.empty()) return std::nullopt;
    Dialog dialog;
    dialog.id = {std::string(request.call_id), std::string(local_tag), std::string(request.from_tag)};
    dialog.local = std::string(request.to);
    if (request.to_tag.empty()) dialog.local.append(";tag=").append(local_tag);
    dialog.remote = std::string(request.from);
    dialog.remote_target = std::string(target);
    dialog.route_set = record_routes(request);
    dialog.remote_cseq = request.cseq;
    const auto uri = parse_uri(request.uri);
    dialog.secure = uri && uri->is_sips() && source.transport == Transport::tls;
    dialog.hop = is_stream(source.transport) ? source : hop_of(dialog.next_hop_uri(), source);
    return dialog;
}

// §12.1.2: the route set is the Record-Route of the response in reverse.
std::optional<Dialog> Dialog::establish(const Message& request, const Message& response, const Hop& hop) {
    const auto target = contact_uri(response);
    if (target.empty()) return std::nullopt;
    Dialog dialog;
    dialog.id = {std::string(response.call_id), std::string(request.from_tag), std::string(response.to_tag)};
    dialog.local = std::string(request.from);
    dialog.remote = std::string(response.to);
    dialog.remote_target = std::string(target);
    dialog.route_set = record_routes(response);
    std::ranges::reverse(dialog.route_set);
    dialog.local_cseq = request.cseq;
    const auto uri = parse_uri(request.uri);
    dialog.secure = uri && uri->is_sips() && hop.transport == Transport::tls;
    dialog.hop = hop_of(dialog.next_hop_uri(), hop);
    return dialog;
}

bool Dialog::receive(const Message& request) {
    if (request.method == Method::ack || request.method == Method::cancel) return true;
    if (request.cseq < remote_cseq) return false;
    remote_cseq = request.cseq;
    if (is_target_refresh(request.method)) refresh_target(request);
    return true;
}

void Dialog::refresh_target(const Message& message) {
    const auto target = contact_uri(message);
    if (target.empty() || target == remote_target) return;
    remote_target = std::string(target);
    if (route_set.empty() && !(is_stream(hop.transport) && hop.flow != FlowId{})) hop = hop_of(remote_target, hop);
}

void Dialog::append_request(std::string& out, Method method, std::string_view branch, std::string_view via_sent_by, std::string_view contact,
                            std::string_view extra, std::string_view content_type, std::string_view body, std::optional<std::uint32_t> cseq) {
    CHECK(method != Method::ack || cseq, "an ACK takes the number of its INVITE");
    const auto strict = strict_router();
    std::string headers;
    for (std::size_t i = strict.empty() ? 0 : 1; i < route_set.size(); ++i) headers.append("Route: ").append(route_set[i]).append("\r\n");
    if (!strict.empty()) headers.append("Route: <").append(remote_target).append(">\r\n");
    if (!contact.empty() && may_carry_contact(method)) append_contact(headers, contact);
    headers.append(extra);
    sip::append_request(out, {.method = method,
                              .uri = strict.empty() ? std::string_view(remote_target) : strict,
                              .via_sent_by = via_sent_by,
                              .transport = hop.transport,
                              .branch = branch,
                              .from = local,
                              .to = remote,
                              .call_id = id.call_id,
                              .cseq = cseq ? *cseq : ++local_cseq,
                              .headers = headers,
                              .content_type = content_type,
                              .body = body});
}

bool Dialog::flow_failed(const Hop& gone) {
    if (gone.flow == FlowId{} || hop.flow != gone.flow) return false;
    hop.flow = {};
    const auto uri = parse_uri(next_hop_uri());
    const auto ip = uri ? uri->ip() : std::nullopt;
    const auto transport = uri ? uri->transport() : std::nullopt;
    if (!ip || !transport) return true;
    hop.transport = *transport;
    hop.peer = {*ip, uri->port != 0 ? uri->port : default_port(*transport)};
    hop.listener = kAnyListener;
    return true;
}

std::string_view Dialog::strict_router() const {
    const auto route = route_set.empty() ? std::nullopt : parse_name_addr(route_set.front());
    return !route || route->uri.host.empty() || route->uri.params.has("lr") ? std::string_view() : request_uri(route->uri);
}

std::string_view Dialog::next_hop_uri() const {
    if (route_set.empty()) return remote_target;
    const auto route = parse_name_addr(route_set.front());
    return route ? route->uri.text : std::string_view(remote_target);
}

}  // namespace confab::sip
