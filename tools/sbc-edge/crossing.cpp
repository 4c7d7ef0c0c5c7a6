// Core, second part: the way across the border. Routes and tokens, edits, media.
#include <algorithm>

#include "base/text.hpp"
#include "sbc-edge/core.hpp"
#include "sip/forward.hpp"
#include "sip/identity.hpp"

namespace confab::edge {
namespace {

using media::Side;

constexpr unsigned kOwnRoutes = 2;  // Record-Route is doubled: one URI for each side (RFC 5658)

bool makes_dialog(const sip::Message& request) {
    using enum sip::Method;
    return request.to_tag.empty() && (request.method == invite || request.method == subscribe || request.method == refer);
}

bool carries_description(sip::Method method) {
    using enum sip::Method;
    return method == invite || method == update || method == prack || method == ack;
}

bool is_sdp(const sip::Message& message) {
    auto type = message.value(sip::HeaderName::content_type);
    type = base::trim(type.substr(0, type.find(';')));
    return !message.body.empty() && base::iequals(type, "application/sdp");
}

std::string call_key(bool from_outside, std::string_view call_id, std::string_view caller_tag) {
    std::string key(1, from_outside ? 'i' : 'o');
    key += call_id;
    key += '\n';
    key += caller_tag;
    return key;
}

// Removes the first `count` Route values, whole headers where nothing is left of them.
void remove_leading_routes(sip::Splice& splice, const sip::Message& request, unsigned count) {
    for (const auto& header : request.headers()) {
        if (count == 0) return;
        if (header.id != sip::HeaderName::route) continue;
        auto rest = header.value;
        while (count > 0 && sip::next_value(rest)) --count;
        const auto left = sip::next_value(rest);
        if (!left) {
            splice.remove_header(header);
            continue;
        }
        splice.remove(header.value.substr(0, static_cast<std::size_t>(left->data() - header.value.data())));
        return;
    }
}

std::string uri_of(std::string_view token, const config::Listener& listener) {
    std::string uri = "<sip:" + std::string(token) + "@" + listener.visible().text();
    if (listener.transport != "udp") uri += ";transport=" + listener.transport;
    return uri + ";lr>";
}

}  // namespace

bool Core::is_own(std::string_view host, std::uint16_t port) const {
    const auto ip = base::IpAddress::parse(host);
    if (!ip) return false;
    return std::ranges::any_of(listeners_, [&](const auto& listener) {
        const std::uint16_t wanted = port != 0 ? port : listener.transport == "tls" ? 5061 : 5060;
        return listener.visible().ip == *ip && listener.visible().port == wanted;
    });
}

std::uint16_t Core::listener_towards(const sip::Hop& hop) const {
    if (hop.listener != sip::kAnyListener) return hop.listener;
    for (std::size_t i = config_.outside.size(); i < listeners_.size(); ++i)
        if (listeners_[i].transport == sip::param_name(hop.transport) && listeners_[i].address.ip.family == hop.peer.ip.family)
            return static_cast<std::uint16_t>(i);
    return static_cast<std::uint16_t>(config_.outside.size());
}

std::string Core::loop_mark(const sip::Message& request) const { return mark_salt_ + sip::loop_mark(request); }

std::optional<Core::Passage> Core::find_passage(const sip::Hop& source, const sip::Message& request) const {
    Passage passage;
    passage.from_outside = is_outside(source);
    passage.client_flow = source.flow;
    std::optional<sip::FlowId> named;
    for (const auto& header : request.headers()) {
        if (header.id != sip::HeaderName::route) continue;
        auto rest = header.value;
        bool foreign = false;
        while (const auto value = sip::next_value(rest)) {
            const auto route = sip::parse_name_addr(*value);
            foreign = !route || !is_own(route->uri.host, route->uri.port) || passage.own_routes == kOwnRoutes;
            if (foreign) break;
            ++passage.own_routes;
            if (!named) named = tokens_.open(route->uri.user, request.call_id);
        }
        if (foreign) break;
    }
    if (passage.from_outside) {
        const auto transport = config_.next_hop.transport == "tcp" ? sip::Transport::tcp : sip::Transport::udp;
        passage.target = {transport, config_.next_hop.address, {}, sip::kAnyListener};
        passage.target.listener = listener_towards(passage.target);
        return passage;
    }
    if (!named) return std::nullopt;
    passage.client_flow = *named;
    if (const auto flow = flows_.find(*named); flow != flows_.end()) passage.target = flow->second.hop;
    return passage;
}

std::optional<CallId> Core::find_call(const sip::Message& message, bool from_outside) const {
    // A call between two of our clients crosses twice: the caller's tag tells which of the two calls a request belongs to.
    auto found = call_index_.find(call_key(from_outside, message.call_id, message.from_tag));
    if (found == call_index_.end()) found = call_index_.find(call_key(!from_outside, message.call_id, message.to_tag));
    return found == call_index_.end() ? std::nullopt : std::optional(found->second);
}

CallId Core::open_call(Turn turn, const sip::Message& request, sip::ServerId server, bool from_outside) {
    const auto id = ++last_id_;
    Call call;
    call.call_id = request.call_id;
    call.caller_tag = request.from_tag;
    call.from_outside = from_outside;
    call.since = turn.now.steady;
    call.first_invite = server;
    call_index_[call_key(from_outside, call.call_id, call.caller_tag)] = id;
    calls_.emplace(id, std::move(call));
    turn.out.open_relays.push_back(id);
    return id;
}

void Core::close_call(Turn turn, CallId id) {
    const auto found = calls_.find(id);
    if (found == calls_.end()) return;
    call_index_.erase(call_key(found->second.from_outside, found->second.call_id, found->second.caller_tag));
    calls_.erase(found);
    turn.out.close_relays.push_back(id);
}

std::expected<std::string, int> Core::pass_description(Turn turn, CallId id, Side from, std::string_view text, bool is_offer) {
    const auto found = calls_.find(id);
    if (found == calls_.end() || !found->second.path) return std::unexpected(481);
    auto& call = found->second;
    auto passed = is_offer ? call.path->offer(from, text, random_) : call.path->answer(from, text);
    if (!passed) {
        if (passed.error() == 488) counters_.add(Metric::refused_plain_media);
        return passed;
    }
    if (call.path->settings() != call.sent) {
        call.sent = call.path->settings();
        turn.out.update_relays.push_back({id, call.sent});
    }
    return passed;
}

void Core::cross(Turn turn, ExchangeId id) {
    auto& exchange = exchanges_.at(id);
    sip::Message request;
    sip::split(exchange.request, request, sip::is_stream(exchange.source.transport));
    const bool describes = carries_description(request.method) && !request.body.empty();
    if (describes && !is_sdp(request)) return refuse(turn, id, 415);
    if (!describes) return send_on(turn, exchange, id, request, {}, false);
    if (!exchange.call) return refuse(turn, id, 481);
    const auto side = is_outside(exchange.source) ? Side::outside : Side::inside;
    const auto passed = pass_description(turn, *exchange.call, side, request.body, true);
    if (!passed) return refuse(turn, id, passed.error());
    exchange.offered = true;
    send_on(turn, exchange, id, request, *passed, true);
}

void Core::send_on(Turn turn, Exchange& exchange, ExchangeId id, const sip::Message& request, std::string_view body, bool new_body) {
    const auto& passage = exchange.passage;
    std::string branch;
    transactions_.append_branch(branch);
    branch += '.';
    branch += loop_mark(request);
    scratch_.clear();
    append_crossing(scratch_, request, exchange.source, passage, body, new_body, branch);
    if (request.method == sip::Method::register_ && passage.from_outside)
        if (const auto flow = flows_.find(exchange.source.flow); flow != flows_.end()) flow->second.registered = true;
    counters_.add(Metric::forwarded);
    exchange.client = transactions_.request(turn.now, passage.target, scratch_, id, turn.out.transmit);
}

void Core::append_crossing(std::string& out, const sip::Message& request, const sip::Hop& source, const Passage& passage, std::string_view body, bool new_body,
                           std::string_view branch) {
    const auto& inside = listeners_[passage.from_outside ? passage.target.listener : source.listener];
    const auto& outside = listeners_[passage.from_outside ? source.listener : passage.target.listener];
    const auto& leaving = passage.from_outside ? inside : outside;
    sip::Splice splice(request);
    remove_leading_routes(splice, request, passage.own_routes);
    if (new_body) splice.set_body(body);

    sip::Forward forward{.via_sent_by = {}, .transport = passage.target.transport, .branch = branch};
    std::string record_route, extra, uri;
    if (makes_dialog(request)) {
        const auto token = tokens_.for_dialog(passage.client_flow, request.call_id);
        const auto towards_inside = uri_of(token, inside), towards_outside = uri_of(token, outside);
        record_route = passage.from_outside ? towards_inside + ", " + towards_outside : towards_outside + ", " + towards_inside;
    }
    if (passage.from_outside) {
        if (sip::count_stripped(request, sip::Boundary::untrusted, {}) > 0) counters_.add(Metric::identity_removed);
        sip::strip(splice, request, sip::Boundary::untrusted, {});
        uri = sip::without_own_parameters(request.uri);
        if (uri != request.uri) forward.request_uri = uri;
        if (request.method == sip::Method::register_) {
            for (const auto& header : request.headers())
                if (header.id == sip::HeaderName::path) splice.remove_header(header);
            extra = "Path: " + uri_of(tokens_.for_path(passage.client_flow), inside) + "\r\n";
            extra.insert(extra.rfind('>'), ";ob");  // RFC 5626 §5.1: the flow is kept here
        }
    }
    const auto sent_by = leaving.visible().text();
    forward.via_sent_by = sent_by;
    forward.record_route = record_route;
    forward.extra_headers = extra;
    forward.source = &source.peer;
    sip::append_forward(out, request, splice, forward);
}

void Core::on_ack(Turn turn, const sip::Hop& source, const sip::Message& request) {
    const auto passage = find_passage(source, request);
    if (!passage || (!passage->from_outside && !flows_.contains(passage->client_flow))) return counters_.add(Metric::dropped);
    std::string body;
    if (is_sdp(request)) {
        const auto call = find_call(request, passage->from_outside);
        auto passed = call ? pass_description(turn, *call, passage->from_outside ? Side::outside : Side::inside, request.body, false)
                           : std::expected<std::string, int>(std::unexpected(481));
        // Nothing can be answered to an ACK: without a usable description the far side ends the call.
        if (passed) body = std::move(*passed);
    }
    std::string branch;
    transactions_.append_branch(branch);
    branch += '.';
    branch += loop_mark(request);
    turn.out.transmit.compose(passage->target, [&](std::string& text) {
        append_crossing(text, request, source, *passage, body, !request.body.empty(), branch);
    });
}

void Core::on_response(Turn turn, const sip::Event& event, const sip::Message& response) {
    const auto found = exchanges_.find(event.user);
    if (found == exchanges_.end()) return counters_.add(Metric::dropped);
    auto& exchange = found->second;
    if (response.status == 100) return;
    const bool is_invite = response.cseq_method == sip::Method::invite;
    const bool final = response.status >= 200;
    const bool success = response.status / 100 == 2;
    sip::Splice splice(response);
    std::string body;
    if (exchange.call && is_sdp(response) && response.status < 300 && carries_description(response.cseq_method)) {
        const auto side = is_outside(exchange.source) ? Side::inside : Side::outside;
        const auto passed = pass_description(turn, *exchange.call, side, response.body, !exchange.offered);
        if (passed) body = *passed;
        splice.set_body(body);
    }
    scratch_.clear();
    sip::append_response_forward(scratch_, response, splice);
    transactions_.respond(turn.now, exchange.server, scratch_, turn.out.transmit);
    if (!final) return;
    if (exchange.call && is_invite && success) {
        if (const auto call = calls_.find(*exchange.call); call != calls_.end()) call->second.answered = true;
    }
    const bool challenged = response.status == 401 || response.status == 403 || response.status == 407;
    const bool over = exchange.opens_call ? !success : response.cseq_method == sip::Method::bye && !challenged;
    if (exchange.call && over) close_call(turn, *exchange.call);
    // A 2xx may be repeated until its ACK: an answered INVITE stays until its server transaction has gone.
    if (is_invite && success) {
        exchange.answered = true;
        exchange.request.clear();
        exchange.request.shrink_to_fit();
        return;
    }
    by_server_.erase(exchange.server);
    exchanges_.erase(found);
}

}  // namespace confab::edge
