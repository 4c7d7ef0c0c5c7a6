#include "sip-proxy/core.hpp"

#include <algorithm>
#include <iterator>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "sip/compose.hpp"
#include "sip/forward.hpp"

namespace confab::proxy {
namespace {

constexpr std::size_t kTagLength = 12;

sip::DigestPolicy policy_of(const Config& config, const std::string& secret, base::Random random) {
    sip::DigestPolicy policy;
    policy.realm = config.realm;
    policy.algorithms = sip::algorithms_of(config.digest_algorithms);
    policy.secret = secret;
    policy.verifier = config.verifier < sip::kConfiguredVerifiers ? config.verifier : sip::random_verifier(random);
    policy.nonce_lifetime = config.nonce_lifetime;
    policy.windows = config.nonce_windows;
    return policy;
}

// Tags and branches must not come from one stream, or each would tell about the other.
base::Seed tag_seed(base::Seed seed) {
    seed.back() ^= 0xff;
    return seed;
}
base::Seed verifier_seed(base::Seed seed) {
    seed.back() ^= 0xf0;
    return seed;
}

std::string salt_of(const std::vector<config::Listener>& listeners) {
    std::string text = "via:";
    for (const auto& listener : listeners) text += listener.visible().text() + ' ';
    return text;
}

std::string_view stage_text(const ResponseContext& context) {
    using enum ResponseContext::Stage;
    switch (context.stage) {
        case verifying:
            return "verifying";
        case interpreting:
        case relocating:
        case locating:
            return "locating";
        case looking_up:
            return "looking up";
        case forwarding:
            break;
    }
    const bool rings = std::ranges::any_of(context.branches, [](const Branch& b) { return b.state == Branch::State::proceeding; });
    return rings ? "proceeding" : "trying";
}

}  // namespace

Core::Core(Config config, std::vector<config::Listener> listeners, const std::string& secret, const base::Seed& seed)
    : config_(std::move(config)),
      names_(listeners, config_.domains),
      seals_(secret, salt_of(listeners)),
      authentication_(policy_of(config_, secret, base::Random(verifier_seed(seed))), config_.authenticate),
      transactions_(sip::Timers{.t1 = config_.t1, .t2 = config_.t2, .t4 = config_.t4}, seed, config_.transactions),
      random_(tag_seed(seed)),
      groups_(tag_seed(seed)),
      records_(tag_seed(seed)) {
    configure_policy();
}

void Core::receive(base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream, Effects& effects) {
    const Turn turn{now, effects};
    reading_.id = 0;
    if (strays_until_ == base::Instant::max()) strays_until_ = now.steady + config_.timer_c + 64 * config_.t1;
    if (sip::split(bytes, arrived_, is_stream) != sip::ParseError::none) return on_malformed(turn, source);
    if (now.steady < strays_until_ && is_stream && arrived_.is_request && sip::second_via(arrived_).empty())
        returns_.came(Returns::name_of(arrived_.via, source.peer.ip), source, effects.transmit);
    const auto event = transactions_.receive(now, source, arrived_, effects.transmit);
    handle(turn, event, source, arrived_);
}

void Core::handle(Turn turn, const sip::Event& event, const sip::Hop& source, const sip::Message& message) {
    using enum sip::Event::Kind;
    switch (event.kind) {
        case request:
            return on_request(turn, event.server, source, message);
        case ack:
            return on_ack(turn, source, message);
        case cancel:
            return on_cancel(turn, event.server);
        case response:
            return on_response(turn, event, source, message);
        case stray:
            return on_stray(turn, source, message);
        default:
            return handle_timer(turn, event);
    }
}

void Core::handle_timer(Turn turn, const sip::Event& event) {
    using enum sip::Event::Kind;
    if (event.kind == timeout) on_branch_lost(turn, event.user, true);
    if (event.kind == unreachable) on_branch_lost(turn, event.user, false);
    if (event.kind == gone) on_gone(event.server);
}

void Core::on_malformed(Turn turn, const sip::Hop& source) {
    counters_.add(Metric::malformed);
    if (!arrived_.is_request || !arrived_.answerable() || arrived_.method == sip::Method::ack) return counters_.add(Metric::dropped);
    const auto tag = random_.token(kTagLength);
    sip::ResponseParts parts;
    parts.status = sip::status_for(arrived_.error);
    parts.reason = arrived_.error == sip::ParseError::version ? std::string_view() : sip::parse_error_text(arrived_.error);
    parts.to_tag = tag;
    turn.effects.transmit.compose(sip::response_hop(arrived_, source),
                                  [&](std::string& out) { sip::append_response(out, arrived_, source, parts); });
}

// The layer has answered the CANCEL. While a question is out the INVITE has gone nowhere: it ends here.
void Core::on_cancel(Turn turn, sip::ServerId server) {
    const auto id = contexts_.find(server);
    auto* context = find(id);
    if (context == nullptr || context->cancelled) return;
    counters_.add(Metric::cancelled);
    context->cancelled = true;
    if (!context->has_pending()) return finish(turn, id, 487);
    for (auto& branch : context->branches)
        if (branch.pending()) transactions_.cancel(turn.now, branch.client, turn.effects.transmit);
}

void Core::on_gone(sip::ServerId server) {
    const auto id = contexts_.find(server);
    auto* remains = contexts_.remains(id);
    if (remains == nullptr) return;
    remains->accepted = false;
    drop_if_over(id);
}

// The request is split again when it is looked at in another turn than that of its arrival.
const Core::Reading& Core::read(ContextId id, const ResponseContext& context) {
    if (reading_.id == id) return reading_;
    sip::split(context.request, stored_, sip::is_stream(context.source.transport));
    reading_ = {id, &stored_, plan_route(stored_, names_), seals_.mark(stored_)};
    return reading_;
}

void Core::flow_failed(base::Now now, const sip::Hop& hop, Effects& effects) {
    if (const auto found = registered_flows_.find(hop.flow); found != registered_flows_.end()) {
        std::string token;
        seals_.append_flow(token, found->second);
        registered_flows_.erase(found);
        effects.ask.push_back({0, Asked::registrar, "flow-gone", local::Value::object({{"flow", token}})});
    }
    transactions_.flow_failed(now, hop);
    expire(now, effects);
}

std::optional<base::Instant> Core::next_deadline() {
    std::optional<base::Instant> next;
    for (const auto& deadline : {timers_.next(), transactions_.next_deadline(), groups_.next_probe(), next_look_})
        if (deadline && (!next || *deadline < *next)) next = deadline;
    return next;
}

void Core::expire(base::Now now, Effects& effects) {
    const Turn turn{now, effects};
    reading_.id = 0;
    if (now.steady >= strays_until_) returns_.clear();
    while (transactions_.more_due(now)) handle_timer(turn, transactions_.expire(now, effects.transmit));
    while (const auto timer = timers_.pop_due(now.steady)) on_branch_timer(turn, *timer);
    send_probes(turn);
    close_old_calls(turn);
}

void Core::reply(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Message& request, int status,
                 std::string_view headers, std::string_view reason) {
    const auto tag = random_.token(kTagLength);
    sip::ResponseParts parts;
    parts.status = status;
    parts.reason = reason;
    parts.to_tag = tag;
    parts.headers = headers;
    scratch_.clear();
    sip::append_response(scratch_, request, source, parts);
    transactions_.respond(turn.now, server, scratch_, turn.effects.transmit);
}

// For what a repetition of the request may be told again: it leaves no transaction behind.
void Core::reply_and_forget(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Message& request, int status,
                            std::string_view headers) {
    uri_.clear();
    transactions_.append_stateless_tag(uri_, request);
    sip::ResponseParts parts;
    parts.status = status;
    parts.to_tag = uri_;
    parts.headers = headers;
    scratch_.clear();
    sip::append_response(scratch_, request, source, parts);
    transactions_.respond_and_forget(server, scratch_, turn.effects.transmit);
}

void Core::refuse_overload(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Message& request) {
    counters_.add(Metric::overloaded);
    std::string headers = "Retry-After: ";
    base::append_number(headers, static_cast<std::uint64_t>(config_.retry_after.count()));
    headers += "\r\n";
    reply(turn, server, source, request, 503, headers);
}

void Core::challenge(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Message& request, bool stale) {
    counters_.add(Metric::challenged);
    explain(turn, "authentication", [&] { return std::string(stale ? "challenged: the nonce is too old" : "challenged: no credentials of ours"); });
    std::string headers;
    authentication_.append_challenges(headers, turn.now.wall, stale);
    reply_and_forget(turn, server, source, request, 407, headers);
}

void Core::reload(const Config& fresh) {
    take_live(config_, fresh);
    names_.set_domains(config_.domains);
    authentication_.set_methods(config_.authenticate);
    configure_policy();
}

local::Value Core::status() const {
    return local::Value::object({{"contexts", static_cast<std::uint64_t>(contexts_.size())},
                                 {"unanswered", static_cast<std::uint64_t>(contexts_.unanswered())},
                                 {"questions", static_cast<std::uint64_t>(questions_.size())},
                                 {"client_transactions", static_cast<std::uint64_t>(transactions_.live_clients())},
                                 {"server_transactions", static_cast<std::uint64_t>(transactions_.live_servers())},
                                 {"draining", draining_}});
}

std::vector<local::Value> Core::calls() const {
    std::vector<local::Value> rows;
    contexts_.each_pending([&](const ResponseContext& context) {
        if (context.method != sip::Method::invite) return;
        sip::Message request;
        if (sip::split(context.request, request, sip::is_stream(context.source.transport)) != sip::ParseError::none) return;
        const auto tried = context.branches.size();
        rows.push_back(local::Value::object(
            {{"call_id", request.call_id},
             {"from", request.from},
             {"to", request.to},
             {"user", context.user},
             {"source", context.source.peer.text()},
             {"state", stage_text(context)},
             {"target", tried == 0 ? std::string() : context.targets[context.branches.back().target].hop.peer.text()},
             {"tried", static_cast<std::uint64_t>(tried)}}));
    });
    auto answered = records_.rows();
    std::ranges::move(answered, std::back_inserter(rows));
    return rows;
}

std::span<const std::uint64_t> Core::metrics() {
    counters_.set(Metric::contexts, contexts_.size());
    counters_.set(Metric::questions, questions_.size());
    counters_.set(Metric::open_calls, records_.open());
    counters_.set(Metric::refused_share, overload_.refused_fresh());
    counters_.set(Metric::client_transactions, transactions_.live_clients());
    counters_.set(Metric::server_transactions, transactions_.live_servers());
    return counters_.values();
}

}  // namespace confab::proxy
