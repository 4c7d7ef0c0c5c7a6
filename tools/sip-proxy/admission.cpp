// Core, first part of a request's way: is it valid, may it be relayed, who sends it.
#include <algorithm>

#include "base/text.hpp"
#include "sip-proxy/core.hpp"
#include "sip/compose.hpp"
#include "sip/forward.hpp"

namespace confab::proxy {
namespace {

constexpr std::string_view kAllow = "Allow: OPTIONS\r\n";
constexpr std::string_view kAbilities = "Allow: OPTIONS\r\nAccept: application/sdp\r\n";

// `Unsupported` for a request that ends here and requires what only a user agent could have.
std::string unsupported(const sip::Message& request) {
    std::string headers;
    for (const auto& header : request.headers()) {
        if (header.id != sip::HeaderName::require || header.value.empty()) continue;
        headers += "Unsupported: ";
        headers += header.value;
        headers += "\r\n";
    }
    return headers;
}

// RFC 5393 §5.3: what the request says, at most `most`; nonsense counts for nothing said.
unsigned breadth_of(const sip::Message& request, unsigned most) {
    const auto* header = request.find("Max-Breadth");
    const auto value = header ? base::parse_number<unsigned>(header->value) : std::nullopt;
    return std::min(value.value_or(most), most);
}

bool is_in(const std::vector<base::Network>& networks, const base::IpAddress& ip) {
    for (const auto& network : networks)
        if (network.contains(ip)) return true;
    return false;
}

}  // namespace

bool Core::is_trusted(const sip::Hop& source) const {
    const bool by_listener = source.listener < names_.listeners() && names_.listener(source.listener).trusted;
    return by_listener || is_in(config_.trusted, source.peer.ip);
}

bool Core::belongs_to_dialog(const sip::Message& request, const RoutePlan& plan) {
    return !request.to_tag.empty() && !plan.token.empty() && seals_.is_dialog(plan.token, request.call_id);
}

// The flow that the last of our Routes names, unless the request came over it: then the client itself is speaking (RFC 5626 §5.3).
std::optional<sip::Hop> Core::flow_of(const RoutePlan& plan, const sip::Hop& source) {
    if (plan.flow.empty() || !plan.next.empty()) return std::nullopt;
    auto hop = seals_.open_flow(plan.flow);
    if (!hop || hop->listener >= names_.listeners()) return std::nullopt;
    const bool same_flow = !sip::is_stream(hop->transport) || hop->flow == source.flow;
    if (same_flow && hop->peer == source.peer && hop->transport == source.transport) return std::nullopt;
    return hop;
}

void Core::on_request(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Message& request) {
    counters_.add(Metric::requests);
    Arrival arrival{server, source, request, plan_route(request, names_), seals_.mark(request), {}, {}, false};
    arrival.uri = sip::parse_uri(arrival.plan.request_uri);
    if (arrival.plan.malformed || !arrival.uri) return reply(turn, server, source, request, 400, {});
    const bool ends_here = arrival.uri->user.empty() && names_.serves(*arrival.uri) && arrival.plan.next.empty();
    if (ends_here && request.method != sip::Method::register_) return answer_ourselves(turn, arrival);
    arrival.in_dialog = belongs_to_dialog(request, arrival.plan);
    arrival.emergency = is_emergency(arrival);
    arrival.flow = flow_of(arrival.plan, source);
    arrival.breadth = breadth_of(request, config_.max_breadth);
    const bool is_foreign = !arrival.in_dialog && !arrival.flow && !names_.serves(*arrival.uri) && arrival.plan.next.empty();
    if (arrival.emergency) counters_.add(Metric::emergencies);
    if (arrival.emergency)
        arrival.rule = routes_.named(config_.emergency_route);
    else if (is_foreign && !routes_.empty())
        arrival.rule = match(request, *arrival.uri);
    if (!admit(turn, arrival)) return;
    if (arrival.emergency && !arrival.rule) return refuse_emergency(turn, arrival);
    const bool exempt = arrival.in_dialog || arrival.emergency || is_in(config_.peers, source.peer.ip);
    const bool challenged = !exempt && authentication_.applies(request);
    if (challenged && assumed_user_.empty()) return authenticate(turn, arrival);
    explain(turn, "authentication", [&] { return challenged ? "taken for " + assumed_user_ : std::string("none asked for"); });
    if (arrival.in_dialog || request.method == sip::Method::invite) vouch_for(turn, source);
    const auto id = open_context(turn, arrival);
    if (challenged) find(id)->user = assumed_user_;
    route(turn, id);
}

// Ends the authentication deadline of a connection: right credentials, a call that needs none, a dialog of ours, a 2xx from behind (REGISTER).
void Core::vouch_for(Turn turn, const sip::Hop& source) {
    if (sip::is_stream(source.transport)) turn.effects.vouched.push_back(source.flow);
}

bool Core::admit(Turn turn, const Arrival& arrival) {
    const auto& [server, source, request, plan, mark, uri, flow, in_dialog, breadth, emergency, rule] = arrival;
    const auto fault = sip::check_request(request, mark.text());
    if (fault.status != 0 && !(emergency && fault.status == 416)) {  // urn:service:sos
        if (fault.status == 482 || fault.status == 483) counters_.add(Metric::refused_loops);
        reply(turn, server, source, request, fault.status, fault.headers);
        return false;
    }
    if (breadth == 0) {
        reply(turn, server, source, request, 440, {});
        return false;
    }
    return admit_route(turn, arrival) && (emergency || admit_load(turn, arrival));
}

// What is refused first when there is too much: requests that begin something, then those that go on with it, never those that end it.
bool Core::admit_load(Turn turn, const Arrival& arrival) {
    using Work = sip::Overload::Work;
    const auto method = arrival.request.method;
    const bool renews = arrival.in_dialog || (method == sip::Method::register_ && !arrival.request.value(sip::HeaderName::authorization).empty());
    const auto work = arrival.in_dialog && method == sip::Method::bye ? Work::emergency : renews ? Work::ongoing : Work::fresh;
    if (contexts_.unanswered() < config_.contexts && !(draining_ && !arrival.in_dialog) && overload_.admits(work)) return true;
    if (draining_ && arrival.source.transport == sip::Transport::udp) {  // the peer repeats it, and the next run takes it: a restart loses no call
        transactions_.forget(arrival.server);
        counters_.add(Metric::dropped);
        return false;
    }
    explain(turn, "load", [&] { return std::string(draining_ ? "refused: draining" : "refused: too much to do"); });
    refuse_overload(turn, arrival.server, arrival.source, arrival.request);
    return false;
}

// No open relay: foreign places are reached only inside a dialog that came through here.
bool Core::admit_route(Turn turn, const Arrival& arrival) {
    const auto& [server, source, request, plan, mark, uri, flow, in_dialog, breadth, emergency, rule] = arrival;
    const auto boundary = is_trusted(source) ? sip::Boundary::authenticated_trusted : sip::Boundary::authenticated;
    if (sip::count_stripped(request, boundary, config_.realm) > sip::kMaxIdentityEdits) {
        reply(turn, server, source, request, 400, {});
        return false;
    }
    if (in_dialog || flow || rule || emergency || (names_.serves(*uri) && plan.next.empty())) return true;
    counters_.add(Metric::refused_relay);
    explain(turn, "relay", [&] { return std::string("refused: neither our domain, nor a route, nor a dialog that came through here"); });
    reply(turn, server, source, request, 403, {});
    return false;
}

void Core::answer_ourselves(Turn turn, const Arrival& arrival) {
    const auto& [server, source, request, plan, mark, uri, flow, in_dialog, breadth, emergency, rule] = arrival;
    if (request.method == sip::Method::other) return reply(turn, server, source, request, 501, kAllow);
    if (request.method != sip::Method::options) return reply(turn, server, source, request, 405, kAllow);
    const auto required = unsupported(request);
    if (!required.empty()) return reply(turn, server, source, request, 420, required);
    if (draining_) return refuse_overload(turn, server, source, request);
    reply_and_forget(turn, server, source, request, 200, kAbilities);
}

void Core::authenticate(Turn turn, const Arrival& arrival) {
    const auto answer = authentication_.credentials(arrival.request);
    const auto verdict = answer ? authentication_.judge(*answer, turn.now.wall) : sip::NonceVerdict::forged;
    if (verdict != sip::NonceVerdict::good)
        return challenge(turn, arrival.server, arrival.source, arrival.request, verdict == sip::NonceVerdict::stale);
    const auto id = open_context(turn, arrival);
    ask(turn, id, ResponseContext::Stage::verifying, Asked::registrar, "verify", verify_question(*answer, arrival.request.method_token));
}

Core::ContextId Core::open_context(Turn turn, const Arrival& arrival) {
    const auto id = contexts_.open(arrival.server);
    auto& context = *find(id);
    context.source = arrival.source;
    context.upstream = sip::response_hop(arrival.request, arrival.source);
    context.method = arrival.request.method;
    context.request = arrival.request.bytes;
    context.trusted = is_trusted(arrival.source);
    context.in_dialog = arrival.in_dialog;
    context.rule = arrival.rule;
    context.arrived = turn.now.wall;
    context.breadth = arrival.breadth;
    reading_ = {id, &arrival.request, arrival.plan, arrival.mark};
    return id;
}

// An ACK for a 2xx has no transaction: it follows the dialog's route, and only that (§16, §17.1.1.3). What cannot be sent is dropped: ACK
// has no answer.
void Core::on_ack(Turn turn, const sip::Hop& source, const sip::Message& request) {
    const Reading reading{0, &request, plan_route(request, names_), seals_.mark(request)};
    const auto& plan = reading.plan;
    const bool fits = !plan.malformed && belongs_to_dialog(request, plan) && sip::check_request(request, reading.mark.text()).status == 0 &&
                      sip::count_stripped(request, sip::Boundary::authenticated, config_.realm) <= sip::kMaxIdentityEdits;
    if (!fits) return counters_.add(Metric::dropped);
    Target target;
    auto hop = flow_of(plan, source);
    if (!hop) {
        const auto next = sip::parse_uri(plan.next.empty() ? plan.request_uri : plan.next);
        hop = next ? hop_of(*next) : std::nullopt;
        const auto listener = hop ? names_.listener_towards(*hop, source.listener) : std::nullopt;
        if (!listener) return counters_.add(Metric::dropped);
        hop->listener = *listener;
    }
    target.hop = *hop;
    const Outgoing outgoing{reading, source, target, {}, 0, 0, is_trusted(source)};
    turn.effects.transmit.compose(target.hop, [&](std::string& out) { compose_forward(out, outgoing); });
}

}  // namespace confab::proxy
