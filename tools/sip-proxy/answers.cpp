// Core, fourth part: what comes back (RFC 3261 §16.7–§16.10, RFC 6026).
#include "sip-proxy/core.hpp"
#include "sip-proxy/redirection.hpp"
#include "sip/compose.hpp"
#include "sip/forward.hpp"

namespace confab::proxy {

void Core::on_response(Turn turn, const sip::Event& event, const sip::Hop& source, const sip::Message& response) {
    counters_.add(Metric::responses);
    if ((event.user & kProbe) != 0) return on_probe_outcome(turn, event.user, &response);
    const ContextId id = event.user >> kBranchBits;
    const auto branch = static_cast<std::size_t>(event.user & kBranchMask);
    if (auto* remains = contexts_.remains(id)) return on_late(turn, id, *remains, branch, source, response);
    auto* context = find(id);
    if (context == nullptr || branch >= context->branches.size()) return on_stray(turn, source, response);
    if (response.status < 200) return on_provisional(turn, id, *context, branch, source, response);
    disarm(context->branches[branch]);
    if (response.status < 300) return on_success(turn, id, *context, branch, source, response);
    on_failure(turn, id, *context, branch, source, response);
}

void Core::on_provisional(Turn turn, ContextId id, ResponseContext& context, std::size_t branch, const sip::Hop& source,
                          const sip::Message& response) {
    auto& state = context.branches[branch].state;
    if (!context.branches[branch].pending()) return;
    const bool first = state == Branch::State::trying;
    state = Branch::State::proceeding;
    if (first || response.status != 100) arm(turn, id, context, branch);
    if (response.status == 100) return;
    if (context.ringing == base::WallTime{}) context.ringing = turn.now.wall;
    scratch_.clear();
    compose_backward(scratch_, source, response);
    transactions_.respond(turn.now, context.server, scratch_, turn.effects.transmit);
}

void Core::on_success(Turn turn, ContextId id, ResponseContext& context, std::size_t branch, const sip::Hop& source,
                      const sip::Message& response) {
    if (context.branches[branch].state == Branch::State::abandoned) counters_.add(Metric::late_answers);
    context.branches[branch].state = Branch::State::finished;
    scratch_.clear();
    compose_backward(scratch_, source, response);
    transactions_.respond(turn.now, context.server, scratch_, turn.effects.transmit);
    vouch_for(turn, context.source);
    if (context.method == sip::Method::register_ && sip::is_stream(context.source.transport) && registered_flows_.size() < config_.connections)
        registered_flows_.insert_or_assign(context.source.flow, context.source);
    cancel_pending(turn, context);
    heard(turn, context.targets[context.branches[branch].target].member, &response);
    record(turn, context, response.status, &response, &context.targets[context.branches[branch].target]);
    mark_answered(id, context, response.status);
}

// After the answer. Every 2xx to INVITE goes back at once, also one that comes late or again (§16.7 step 5): the caller alone can end what it
// began.
void Core::on_late(Turn turn, ContextId id, Remains& remains, std::size_t branch, const sip::Hop& source, const sip::Message& response) {
    const std::uint32_t bit = 1U << branch;
    if (response.status < 200) return;
    if (response.status < 300 && remains.method == sip::Method::invite) {
        if ((remains.open & bit) != 0) counters_.add(Metric::late_answers);
        if (remains.accepted) {
            scratch_.clear();
            compose_backward(scratch_, source, response);
            transactions_.respond(turn.now, remains.server, scratch_, turn.effects.transmit);
        } else {
            turn.effects.transmit.compose(remains.upstream, [&](std::string& out) { compose_backward(out, source, response); });
        }
    }
    remains.open &= ~bit;
    drop_if_over(id);
}

void Core::on_failure(Turn turn, ContextId id, ResponseContext& context, std::size_t branch, const sip::Hop& source,
                      const sip::Message& response) {
    const bool counts = context.branches[branch].pending();
    const auto index = context.branches[branch].target;
    context.branches[branch].state = Branch::State::finished;
    heard(turn, context.targets[index].member, &response);
    if (response.status == 430) report_flow(turn, context.targets[index]);
    if (counts && response.status == 503 && fail_over(turn, id, context, branch)) return;
    if (counts && response.status < 400 && follow(context, index, read(id, context), response)) return advance(turn, id);
    if (counts) {
        scratch_.clear();
        compose_backward(scratch_, source, response);
        lines_.clear();
        append_challenges_of(lines_, response);
        context.offer(response.status, scratch_, lines_);
        if (response.status >= 600)
            for (const auto& other : context.branches)
                if (other.pending()) transactions_.cancel(turn.now, other.client, turn.effects.transmit);
    }
    advance(turn, id);
}

// §16.7 step 4. The 3xx itself is forgotten when there is something to follow.
bool Core::follow(ResponseContext& context, std::size_t target, const Reading& reading, const sip::Message& response) {
    const auto& from = context.targets[target];
    if (!may_redirect(from) || from.redirects != Redirects::follow || context.cancelled || from.redirections >= config_.redirect_limit) return false;
    auto targets = targets_of_redirection(response, context.targets, reading.plan.request_uri, from, names_);
    if (targets.empty() || !context.insert(std::move(targets))) return false;
    counters_.add(Metric::redirections);
    return true;
}

void Core::on_branch_lost(Turn turn, std::uint64_t user, bool timed_out) {
    if ((user & kProbe) != 0) return on_probe_outcome(turn, user, nullptr);
    const ContextId id = user >> kBranchBits;
    const auto index = static_cast<std::size_t>(user & kBranchMask);
    if (auto* remains = contexts_.remains(id)) {
        remains->open &= ~(1U << index);
        return drop_if_over(id);
    }
    auto* context = find(id);
    if (context == nullptr || index >= context->branches.size()) return;
    auto& branch = context->branches[index];
    disarm(branch);
    const bool counts = branch.pending();
    branch.state = Branch::State::finished;
    const auto& target = context->targets[branch.target];
    if (counts) heard(turn, target.member, nullptr);
    if (!timed_out && target.is_own_flow) {
        report_flow(turn, target);
        if (counts) context->offer(430, {});
    } else if (counts && fail_over(turn, id, *context, index)) {
        return;
    }
    // RFC 4320 §4.2: 408 is not for requests other than INVITE.
    if (counts && timed_out && context->in_dialog) context->offer(context->method == sip::Method::invite ? 408 : 504, {});
    advance(turn, id);
}

// Silence for too long (attempt) or ringing for too long (Timer C): the branch is given up. CANCEL goes out as soon as it may.
void Core::on_branch_timer(Turn turn, std::uint64_t timer) {
    const ContextId id = timer >> kBranchBits;
    const auto index = static_cast<std::size_t>(timer & kBranchMask);
    auto* context = find(id);
    if (context == nullptr || index >= context->branches.size()) return;
    auto& branch = context->branches[index];
    branch.timer = Branch::kNoTimer;
    if (!branch.pending()) return;
    const bool is_timer_c = branch.state == Branch::State::proceeding || context->in_dialog;
    branch.state = Branch::State::abandoned;
    if (context->method == sip::Method::invite) transactions_.cancel(turn.now, branch.client, turn.effects.transmit);
    if (is_timer_c) {
        counters_.add(Metric::timer_c);
        context->offer(408, {});
    } else {
        turn.effects.notes.push_back(
            {base::Severity::warning, "target is silent target=" + context->targets[branch.target].hop.peer.text(), {}});
        heard(turn, context->targets[branch.target].member, nullptr);
        if (fail_over(turn, id, *context, index)) return;
    }
    advance(turn, id);
}

void Core::conclude(Turn turn, ContextId id, ResponseContext& context) {
    const auto conclusion = context.conclusion();
    if (conclusion.status == 503) return finish_unavailable(turn, id);
    if (conclusion.bytes.empty()) return finish(turn, id, conclusion.status);
    transactions_.respond(turn.now, context.server, conclusion.bytes, turn.effects.transmit);
    sip::Message response;
    sip::split(conclusion.bytes, response, true);
    record(turn, context, conclusion.status, &response);
    mark_answered(id, context, conclusion.status);
}

void Core::mark_answered(ContextId id, ResponseContext& context, int status) {
    if (context.question != 0) questions_.erase(context.question);
    for (auto& branch : context.branches) disarm(branch);
    reading_.id = 0;
    auto& remains = contexts_.answer(id);
    remains.accepted = remains.method == sip::Method::invite && status < 300;
    drop_if_over(id);
}

void Core::drop_if_over(ContextId id) {
    const auto* remains = contexts_.remains(id);
    if (remains != nullptr && remains->is_over()) contexts_.erase(id);
}

void Core::compose_backward(std::string& out, const sip::Hop& source, const sip::Message& response) const {
    const auto boundary = is_trusted(source) ? sip::Boundary::trusted : sip::Boundary::untrusted;
    sip::Splice splice(response);
    if (sip::count_stripped(response, boundary, config_.realm) <= sip::kMaxIdentityEdits)
        sip::strip(splice, response, boundary, config_.realm);
    sip::append_response_forward(out, response, splice);
}

// RFC 6026 §8.9 forbids forwarding of strays for the sake of those whom forged ones would reach. What carries our seal is an answer to a
// request that passed here, on its way to whoever sent it: it goes on, for the transaction may have ended with the run that held it, and the
// leg behind a late 2xx must be ended by the caller.
void Core::on_stray(Turn turn, const sip::Hop& source, const sip::Message& response) {
    counters_.add(Metric::strays);
    const bool success = response.method == sip::Method::invite && response.status >= 200 && response.status < 300;
    const bool wanted = success || (turn.now.steady < strays_until_ && !transactions_.awaits(response));
    auto hop = response.status > 100 && wanted && seals_.is_ours(response) ? sip::next_via_hop(response) : std::nullopt;
    const auto listener = hop ? names_.listener_towards(*hop, source.listener) : std::nullopt;
    if (!listener) return counters_.add(Metric::dropped);
    hop->listener = *listener;
    if (response.method == sip::Method::invite && response.status >= 300) acknowledge(turn, source, response);
    scratch_.clear();
    compose_backward(scratch_, source, response);
    turn.effects.transmit.send(sip::is_stream(hop->transport) ? way_back(response, *hop) : *hop, scratch_);
}

// The connection that the request came over is gone: its client's new one, or where the client listens (§18.2.2), and then the answer waits for
// the new one too.
sip::Hop Core::way_back(const sip::Message& response, sip::Hop hop) {
    sip::TopVia via;
    sip::read_via(sip::second_via(response), via);
    auto client = Returns::name_of(via, hop.peer.ip);
    if (const auto* known = returns_.find(client)) return *known;
    if (response.status >= 200) returns_.hold(std::move(client), scratch_);
    hop.peer.port = via.port != 0 ? via.port : sip::default_port(hop.transport);
    return hop;
}

// The ACK that a lost transaction owed (§17.1.1.3). The Request-URI that the INVITE had is not known any more; branch and dialog are what counts.
void Core::acknowledge(Turn turn, const sip::Hop& source, const sip::Message& response) {
    const auto to = sip::parse_name_addr(response.to);
    if (!to || source.listener >= names_.listeners()) return;
    sip::RequestParts parts;
    parts.method = sip::Method::ack;
    parts.uri = to->uri.text;
    parts.via_sent_by = names_.sent_by(source.listener);
    parts.transport = source.transport;
    parts.branch = response.via.branch;
    parts.from = response.from;
    parts.to = response.to;
    parts.call_id = response.call_id;
    parts.cseq = response.cseq;
    turn.effects.transmit.compose(source, [&](std::string& out) { sip::append_request(out, parts); });
}

}  // namespace confab::proxy
