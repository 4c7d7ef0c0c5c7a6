// Core, what it watches: the health of groups' members and the length of calls.
#include "base/text.hpp"
#include "sip-proxy/core.hpp"
#include "sip/compose.hpp"

namespace confab::proxy {
namespace {

constexpr base::seconds kLook{60};  // how often calls are looked for whose end never came

base::seconds retry_after_of(const sip::Message& response) {
    const auto value = response.value(sip::HeaderName::retry_after);
    return base::seconds(base::parse_number<std::uint32_t>(value.substr(0, value.find_first_of(" ;("))).value_or(0));
}

std::string text_of(const Target& target) { return std::string(sip::param_name(target.hop.transport)) + ':' + target.hop.peer.text(); }

}  // namespace

void Core::send_probes(Turn turn) {
    for (const auto& probe : groups_.due_probes(turn.now.steady)) {
        if (probe.overdue) heard(turn, probe.member, nullptr);
        const auto number = kProbe | std::uint64_t{probe.number} << 32 | probe.member;
        Target target;
        const auto uri = sip::parse_uri(probe.uri);
        if (!uri || !aim(target, *uri))
            on_probe_outcome(turn, number, nullptr);
        else if (target.query)
            turn.effects.resolve.push_back({number, *target.query});
        else
            send_probe(turn, number, target.hop);
    }
}

void Core::on_probe_located(Turn turn, std::uint64_t number, const Located& located) {
    if (!located || located->empty()) return on_probe_outcome(turn, number, nullptr);
    const auto& endpoint = located->front();
    send_probe(turn, number, {static_cast<sip::Transport>(endpoint.transport), endpoint.address, {}, sip::kAnyListener});
}

void Core::on_probe_outcome(Turn turn, std::uint64_t number, const sip::Message* response) {
    heard(turn, static_cast<MemberId>(number), response, static_cast<std::uint32_t>((number & ~kProbe) >> 32));
}

void Core::send_probe(Turn turn, std::uint64_t number, sip::Hop hop) {
    const auto listener = names_.listener_towards(hop, sip::kAnyListener);
    if (!listener) return on_probe_outcome(turn, number, nullptr);
    hop.listener = *listener;
    const auto own = names_.listener(*listener).visible().text();
    const auto uri = "sip:" + hop.peer.text();
    const auto from = "<sip:" + own + ">;tag=" + random_.token(12);
    const auto to = '<' + uri + '>';
    const auto call_id = random_.token(20);
    branch_.clear();
    transactions_.append_branch(branch_);
    sip::RequestParts parts;
    parts.uri = uri;
    parts.via_sent_by = own;
    parts.transport = hop.transport;
    parts.branch = branch_;
    parts.from = from;
    parts.to = to;
    parts.call_id = call_id;
    parts.max_forwards = 1;  // it is meant for the next hop itself, not for what stands behind
    scratch_.clear();
    sip::append_request(scratch_, parts);
    transactions_.request(turn.now, hop, scratch_, number, turn.effects.transmit);
}

void Core::heard(Turn turn, MemberId member, const sip::Message* response, std::uint32_t probe) {
    if (member == kNoMember || (response != nullptr && response->status < 200)) return;
    Groups::Outcome outcome{0, base::seconds(0), probe};
    if (response != nullptr) outcome.status = response->status;
    if (outcome.status == 503) outcome.retry_after = retry_after_of(*response);
    if (!groups_.heard(turn.now.steady, member, outcome)) return;
    counters_.add(Metric::member_changes);
    for (const auto& condition : groups_.conditions(turn.now.steady))
        if (condition.member == member)
            turn.effects.notes.push_back({base::Severity::warning,
                                          "member is " + std::string(state_name(condition.state)) + " group=" + std::string(condition.group) +
                                              " member=" + std::string(condition.uri),
                                          {}});
}

// A request has its final answer: an INVITE's begins a record or is one, a BYE's ends one.
void Core::record(Turn turn, const ResponseContext& context, int status, const sip::Message* response, const Target* target) {
    if (!records_.keeps()) return;
    const bool begins = context.method == sip::Method::invite && !context.in_dialog;
    if (!begins && context.method != sip::Method::bye) return;
    sip::Message request;  // scratch of its own: the turn that answers may still be reading another
    if (sip::split(context.request, request, sip::is_stream(context.source.transport)) != sip::ParseError::none) return;
    auto& records = turn.effects.records;
    if (!begins) return groups_.ended_call(records_.ended(turn.now, request, status, records));
    const auto plan = plan_route(request, names_);
    const auto uri = sip::parse_uri(plan.request_uri);
    const auto number = uri ? number_of(*uri).value_or("") : std::string();
    if (target == nullptr && !context.branches.empty()) target = &context.targets[context.branches.back().target];
    const CallRecords::Call call{.invite = request,
                                 .source = context.source,
                                 .user = context.user,
                                 .uri = plan.request_uri,
                                 .number = number,
                                 .route = context.rule ? std::string_view(context.rule->name) : std::string_view(),
                                 .target = target != nullptr ? text_of(*target) : std::string(),
                                 .member = target != nullptr ? target->member : kNoMember,
                                 .arrived = context.arrived,
                                 .ringing = context.ringing,
                                 .status = status,
                                 .to_tag = response != nullptr ? response->to_tag : std::string_view(),
                                 .by_caller = context.cancelled,
                                 .by_proxy = response == nullptr};
    const auto before = records.size();
    records_.answered(turn.now, call, records);
    if (records.size() > before && records.back().kind == base::CallEntry::Kind::opened) groups_.took_call(call.member);
}

void Core::close_old_calls(Turn turn) {
    if (next_look_ && *next_look_ > turn.now.steady) return;
    for (const auto member : records_.expire(turn.now, turn.effects.records)) groups_.ended_call(member);
    next_look_.reset();
    if (records_.open() > 0) next_look_ = turn.now.steady + kLook;
}

std::vector<local::Value> Core::members(base::Now now) const {
    std::vector<local::Value> rows;
    for (const auto& condition : groups_.conditions(now.steady))
        rows.push_back(local::Value::object({{"group", condition.group},
                                             {"member", condition.uri},
                                             {"state", state_name(condition.state)},
                                             {"resting", condition.resting},
                                             {"calls", condition.calls}}));
    return rows;
}

}  // namespace confab::proxy
