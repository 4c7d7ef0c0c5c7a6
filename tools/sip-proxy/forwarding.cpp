// Core, third part: branches (RFC 3261 §16.6, RFC 3263 §4.3, RFC 5393 §5.3, RFC 5626 §5).
#include "base/text.hpp"
#include "sip-proxy/core.hpp"
#include "sip/forward.hpp"
#include "sip/identity.hpp"

namespace confab::proxy {
namespace {

bool makes_dialog(const sip::Message& request) {
    using enum sip::Method;
    return request.to_tag.empty() && (request.method == invite || request.method == subscribe || request.method == refer);
}

bool has_own_parameters(std::string_view uri) {
    for (auto at = uri.find(';'); at != std::string_view::npos; at = uri.find(';', at + 1))
        if (base::istarts_with(uri.substr(at + 1), "confab-")) return true;
    return false;
}

sip::Transport transport_of(dns::Service service) {
    return service == dns::Service::tls ? sip::Transport::tls : service == dns::Service::tcp ? sip::Transport::tcp : sip::Transport::udp;
}

dns::Endpoint endpoint_of(const sip::Hop& hop) { return {static_cast<dns::Service>(hop.transport), hop.peer}; }

// RFC 5626 §4.2 and §4.3: a client that wants to be reached over its flow says so, by reg-id at REGISTER and by ob in a dialog.
bool asks_for_its_flow(const sip::NameAddr& contact) { return contact.params.has("reg-id") || contact.uri.params.has("ob"); }

bool is_far_end(const sip::Uri& uri, const base::SocketAddress& peer) { return uri.port == peer.port && uri.ip() == peer.ip; }

}  // namespace

void Core::advance(Turn turn, ContextId id) {
    auto& context = *find(id);
    context.stage = ResponseContext::Stage::forwarding;
    while (context.next_step() == ResponseContext::Step::try_next_group) start_group(turn, id, context);
    if (context.next_step() == ResponseContext::Step::conclude) conclude(turn, id, context);
}

// A group shares what is left of Max-Breadth; those for whom nothing is left wait for the next turn (RFC 5393 §5.3.3).
void Core::start_group(Turn turn, ContextId id, ResponseContext& context) {
    const auto breadth = context.breadth_left();
    if (breadth == 0) return context.offer(440, {});
    const auto group = context.take_group(breadth);
    if (group.first != 0) counters_.add(Metric::failovers);
    const auto count = group.last - group.first;
    for (auto index = group.first; index < group.last; ++index) {
        auto& target = context.targets[index];
        target.breadth = static_cast<std::uint8_t>(breadth / count + (index - group.first < breadth % count ? 1 : 0));
        if (target.query) {
            ++context.resolving;
            turn.effects.resolve.push_back({id << kBranchBits | index, *target.query});
        } else if (!start_branch(turn, id, context, index)) {
            note_unreachable(turn, target);
        }
    }
}

void Core::resolved(base::Now now, std::uint64_t number, const Located& located, Effects& effects) {
    const Turn turn{now, effects};
    reading_.id = 0;
    if ((number & kProbe) != 0) return on_probe_located(turn, number, located);
    const ContextId id = number >> kBranchBits;
    auto* context = find(id);
    const auto index = static_cast<std::size_t>(number & kBranchMask);
    if (context == nullptr || index >= context->targets.size() || context->resolving == 0) return;
    --context->resolving;
    auto& target = context->targets[index];
    if (!located) {
        counters_.add(Metric::unresolved);
        effects.notes.push_back({base::Severity::warning,
                                 "a name leads nowhere host=" + target.query->host + " why=" + std::string(dns::failure_text(located.error())),
                                 {}});
        return advance(turn, id);
    }
    auto endpoints = *located;
    marks_.order(endpoints, now.steady);
    for (auto endpoint = endpoints.rbegin(); endpoint != endpoints.rend(); ++endpoint)
        target.others.push_back({transport_of(endpoint->transport), endpoint->address, {}, sip::kAnyListener});
    if (!context->cancelled && !start_next_endpoint(turn, id, *context, index)) note_unreachable(turn, target);
    advance(turn, id);
}

bool Core::start_next_endpoint(Turn turn, ContextId id, ResponseContext& context, std::size_t index) {
    auto& target = context.targets[index];
    while (!target.others.empty()) {
        target.hop = target.others.back();
        target.others.pop_back();
        if (start_branch(turn, id, context, index)) return true;
    }
    return false;
}

// Marks the endpoint of a branch that found it dead, and goes on with the target's next one (RFC 3263 §4.3).
bool Core::fail_over(Turn turn, ContextId id, ResponseContext& context, std::size_t branch) {
    const auto index = context.branches[branch].target;
    const auto& target = context.targets[index];
    if (!target.is_own_flow) marks_.mark(endpoint_of(target.hop), turn.now.steady + config_.dns_failure_mark);
    return !context.cancelled && start_next_endpoint(turn, id, context, index);
}

void Core::note_unreachable(Turn turn, const Target& target) {
    turn.effects.notes.push_back({base::Severity::warning, "no listener reaches target=" + target.hop.peer.text(), {}});
}

// A request that no datagram should carry goes over TCP, and over UDP when that is refused (RFC 3261 §18.1.1).
bool Core::prefer_stream(Turn turn, const ResponseContext& context, Target& target, std::size_t size) {
    const bool may = !target.stream_tried && !target.is_own_flow && target.hop.transport == sip::Transport::udp;
    if (!may || config_.datagram_limit == 0 || size <= config_.datagram_limit) return false;
    auto stream = target.hop;
    stream.transport = sip::Transport::tcp;
    const auto listener = names_.listener_towards(stream, context.source.listener);
    if (!listener || marks_.is_marked(endpoint_of(stream), turn.now.steady)) return false;
    stream.listener = *listener;
    target.stream_tried = true;
    target.others.push_back(target.hop);
    target.hop = stream;
    return true;
}

bool Core::start_branch(Turn turn, ContextId id, ResponseContext& context, std::size_t index) {
    auto& target = context.targets[index];
    if (context.branches.size() == Target::kMost) return false;
    const auto& reading = read(id, context);
    const bool secure = base::istarts_with(target.request_uri.empty() ? reading.plan.request_uri : target.request_uri, "sips:");
    if (secure && target.hop.transport != sip::Transport::tls) return false;
    if (!target.is_own_flow) {
        const auto listener = names_.listener_towards(target.hop, context.source.listener);
        if (!listener) return false;
        target.hop.listener = *listener;
    }
    Outgoing outgoing{reading, context.source, target, context.user, twins_of(context, index), target.breadth, context.trusted};
    scratch_.clear();
    compose_forward(scratch_, outgoing);
    if (prefer_stream(turn, context, target, scratch_.size())) {
        scratch_.clear();
        compose_forward(scratch_, outgoing);
    }
    const auto number = context.branches.size();
    context.branches.push_back({Branch::State::trying, target.breadth, static_cast<std::uint16_t>(index)});
    auto& branch = context.branches.back();
    branch.client = transactions_.request(turn.now, target.hop, scratch_, id << kBranchBits | number, turn.effects.transmit);
    counters_.add(Metric::forwarded);
    arm(turn, id, context, number);
    return true;
}

// How many branches went to the very same place under another name.
std::size_t Core::twins_of(const ResponseContext& context, std::size_t index) {
    const auto& own = context.targets[index];
    std::size_t twins = 0;
    for (const auto& branch : context.branches) {
        const auto& other = context.targets[branch.target];
        if (branch.target != index && other.hop == own.hop && other.request_uri == own.request_uri && other.route == own.route) ++twins;
    }
    return twins;
}

// Before a provisional the branch may be silent for `attempt-timeout`, an INVITE may then ring until Timer C.
void Core::arm(Turn turn, ContextId id, ResponseContext& context, std::size_t number) {
    auto& branch = context.branches[number];
    disarm(branch);
    const auto& target = context.targets[branch.target];
    const bool invite = context.method == sip::Method::invite;
    const bool more_targets = target.group != context.targets.back().group || !target.others.empty();
    const bool attempt = branch.state == Branch::State::trying && !context.in_dialog &&
                         (invite || more_targets || context.method == sip::Method::register_);
    if (!attempt && !invite) return;
    branch.timer = timers_.set(turn.now.steady + (attempt ? config_.attempt_timeout : config_.timer_c), id << kBranchBits | number);
}

void Core::disarm(Branch& branch) {
    if (branch.timer != Branch::kNoTimer) timers_.cancel(branch.timer);
    branch.timer = Branch::kNoTimer;
}

// The first hop of a client keeps the way open that is the only one back to it (RFC 5626 §5.1): nobody can call a TLS client back, nor one that
// speaks from behind a NAT or names its own end of a connection. Anyone else listens where its Contact says.
bool Core::needs_flow(const sip::Message& request, const sip::Hop& source) const {
    if (source.listener >= names_.listeners() || !sip::second_via(request).empty()) return false;
    if (source.transport == sip::Transport::tls) return true;
    const auto sent_by = base::IpAddress::parse(request.via.host);
    if (!sent_by || *sent_by != source.peer.ip) return true;
    const auto contact = sip::parse_name_addr(request.value(sip::HeaderName::contact));
    return contact && (asks_for_its_flow(*contact) || (is_stream(source.transport) && is_far_end(contact->uri, source.peer)));
}

// A Path URI of our own names the connection to which the request goes (RFC 5626 §5.3); it is no Route then.
void Core::localise(Target& target) {
    if (target.flow.empty()) return;
    std::string_view rest = target.route;
    const auto first = sip::next_value(rest);
    const auto path = first ? sip::parse_name_addr(*first) : std::nullopt;
    if (!path || !names_.is_listener(path->uri)) return;
    const auto hop = seals_.open_flow(target.flow);
    if (!hop || hop->listener >= names_.listeners()) return;
    target.hop = *hop;
    target.query.reset();
    target.is_own_flow = true;
    target.route = std::string(base::trim(rest));
}

// Each side sees the address that it can reach (RFC 5658), and a flow token stands in the value of its side.
void Core::append_record_route(std::string& out, const Outgoing& outgoing) {
    const auto& request = *outgoing.reading.message;
    const auto& hop = outgoing.target.hop;
    if (!makes_dialog(request)) return;
    const auto token = seals_.dialog(request.call_id);
    const auto append = [&](std::uint16_t listener, const sip::Hop* flow) {
        out += '<';
        flow_.clear();
        if (flow != nullptr) seals_.append_flow(flow_, *flow);
        names_.append_uri(out, listener, flow_);
        out += ";d=";
        out += token.text();
        out += '>';
    };
    const bool caller = needs_flow(request, outgoing.source), callee = outgoing.target.is_own_flow;
    append(hop.listener, callee ? &hop : nullptr);
    if (outgoing.source.listener >= names_.listeners() || (outgoing.source.listener == hop.listener && !caller && !callee)) return;
    out += ", ";
    append(outgoing.source.listener, caller ? &outgoing.source : nullptr);
}

void Core::append_path(std::string& out, const Outgoing& outgoing) {
    const auto& request = *outgoing.reading.message;
    if (request.method != sip::Method::register_ || !needs_flow(request, outgoing.source)) return;
    flow_.clear();
    seals_.append_flow(flow_, outgoing.source);
    out += "Path: <";
    names_.append_uri(out, outgoing.source.listener, flow_);
    out += ";ob>\r\n";
}

// The Request-URI and what becomes of Route: a next hop without `lr` takes the Request-URI's place, which goes to the end of Route (§16.6
// step 6). `lines` gets a header for the end.
std::string_view Core::place_uri(sip::Splice& splice, const Outgoing& outgoing, std::string& lines) {
    const auto& [message, plan] = std::tie(*outgoing.reading.message, outgoing.reading.plan);
    std::string_view uri = outgoing.target.request_uri.empty() ? plan.request_uri : std::string_view(outgoing.target.request_uri);
    if (outgoing.target.request_uri.empty() && !outgoing.trusted && has_own_parameters(uri)) uri = uri_ = sip::without_own_parameters(uri);
    if (!plan.next_is_strict || !outgoing.target.request_uri.empty()) {
        remove_own_routes(splice, message, plan);
        return uri;
    }
    if (plan.from_strict_router) {
        splice.remove_first_value(*message.find(sip::HeaderName::route));
        return plan.next;
    }
    auto passed = plan;
    ++passed.own_routes;
    remove_own_routes(splice, message, passed);
    lines += "Route: <";
    lines += uri;
    lines += ">\r\n";
    return plan.next;
}

void Core::compose_forward(std::string& out, const Outgoing& outgoing) {
    const auto& request = *outgoing.reading.message;
    auto boundary = outgoing.trusted ? sip::Boundary::trusted : sip::Boundary::untrusted;
    lines_.clear();
    if (!outgoing.user.empty()) {
        boundary = outgoing.trusted ? sip::Boundary::authenticated_trusted : sip::Boundary::authenticated;
        sip::append_asserted_identity(lines_, outgoing.user, names_.first_domain());
    }
    sip::Splice splice(request);
    top_.clear();
    append_path(top_, outgoing);
    if (!top_.empty()) splice.prepend_header(top_);
    sip::strip(splice, request, boundary, config_.realm);
    const auto uri = place_uri(splice, outgoing, lines_);
    std::string breadth;
    if (outgoing.breadth > 0) {
        base::append_number(breadth, outgoing.breadth);
        if (const auto* header = request.find("Max-Breadth")) {
            splice.replace(header->value, breadth);
        } else {
            lines_.append("Max-Breadth: ").append(breadth).append("\r\n");
        }
    }
    branch_.clear();
    const auto& target = outgoing.target;
    const auto destination = seals_.destination(target.hop, target.request_uri, target.route, outgoing.twins);
    seals_.append_branch(branch_, request, outgoing.source.peer, destination, outgoing.reading.mark);
    record_route_.clear();
    append_record_route(record_route_, outgoing);
    sip::Forward forward;
    forward.via_sent_by = names_.sent_by(target.hop.listener);
    forward.transport = target.hop.transport;
    forward.branch = branch_;
    forward.record_route = record_route_;
    if (uri != request.uri) forward.request_uri = uri;
    forward.push_route = target.route;
    forward.extra_headers = lines_;
    forward.source = &outgoing.source.peer;
    sip::append_forward(out, request, splice, forward);
}

// The rest of the fork is told to stop; what it still says matters only if it is a 2xx.
void Core::cancel_pending(Turn turn, ResponseContext& context) {
    for (auto& branch : context.branches) {
        disarm(branch);
        if (!branch.pending()) continue;
        branch.state = Branch::State::abandoned;
        if (context.method == sip::Method::invite) transactions_.cancel(turn.now, branch.client, turn.effects.transmit);
    }
}

// RFC 5626 §5.3.1: the flow is dead; the bindings behind it go at once.
void Core::report_flow(Turn turn, const Target& target) {
    if (!target.flow.empty())
        turn.effects.ask.push_back({0, Asked::registrar, "flow-gone", local::Value::object({{"flow", target.flow}})});
}

}  // namespace confab::proxy
