// Core, second part: where a request goes. The directory is asked for numbers, the registrar for addresses.
#include "base/text.hpp"
#include "sip-proxy/core.hpp"

namespace confab::proxy {

void Core::route(Turn turn, ContextId id) {
    auto& context = *find(id);
    const auto& plan = read(id, context).plan;
    const auto uri = sip::parse_uri(plan.request_uri);
    if (context.method == sip::Method::register_ && !context.in_dialog) {
        Target target;
        target.hop = {config_.registrar.transport == "tcp" ? sip::Transport::tcp : sip::Transport::udp,
                      config_.registrar.address,
                      {},
                      sip::kAnyListener};
        context.targets.push_back(std::move(target));
        return advance(turn, id);
    }
    if (const auto flow = flow_of(plan, context.source)) {
        Target target;
        target.hop = *flow;
        target.flow = plan.flow;
        target.is_own_flow = context.by_flow = true;
        context.targets.push_back(std::move(target));
        return advance(turn, id);
    }
    if (!context.in_dialog && plan.next.empty()) return follow_rule(turn, id, *uri);
    if (plan.next.empty() && names_.serves(*uri)) return route_home(turn, id, *uri);
    const auto next = plan.next.empty() ? uri : sip::parse_uri(plan.next);
    const auto hop = next ? hop_of(*next) : std::nullopt;
    if (!hop) return finish(turn, id, 480);
    Target target;
    target.hop = *hop;
    context.targets.push_back(std::move(target));
    advance(turn, id);
}

void Core::route_home(Turn turn, ContextId id, const sip::Uri& uri) {
    const auto number = number_of(uri);
    if (!number) return ask_registrar(turn, id, uri);
    ask(turn, id, ResponseContext::Stage::locating, Asked::locate, "lookup", local::Value::object({{"number", *number}}));
}

void Core::ask_registrar(Turn turn, ContextId id, const sip::Uri& uri) {
    std::string home = "sip:";
    home += uri.user;
    home += '@';
    home += names_.domain_of(uri);
    const auto at_home = sip::parse_uri(home);
    const auto address = at_home ? sip::address_key(*at_home) : std::nullopt;
    if (!address) return finish(turn, id, 404);
    auto wanted = *address;
    if (const auto device = uri.params.get("gr")) wanted.append(device->empty() ? ";gr" : ";gr=").append(*device);  // RFC 5627: one device of that address
    ask(turn, id, ResponseContext::Stage::looking_up, Asked::registrar, "lookup", local::Value::object({{"address", wanted}}));
}

void Core::ask(Turn turn, ContextId id, ResponseContext::Stage stage, Asked asked, std::string_view command, local::Value arguments) {
    auto& context = *find(id);
    context.stage = stage;
    context.question = ++last_question_;
    questions_.emplace(context.question, id);
    turn.effects.ask.push_back({context.question, asked, command, std::move(arguments)});
}

void Core::answer(base::Now now, std::uint64_t question, const Answer& answer, Effects& effects) {
    const auto found = questions_.find(question);
    if (found == questions_.end()) return;  // the caller gave up meanwhile
    const auto id = found->second;
    questions_.erase(found);
    auto& context = *find(id);
    context.question = 0;
    reading_.id = 0;
    const Turn turn{now, effects};
    if (!answer) {
        counters_.add(Metric::unanswered_questions);
        effects.notes.push_back({base::Severity::warning, "a question had no answer code=" + answer.error().code, {}});
    }
    switch (context.stage) {
        case ResponseContext::Stage::verifying:
            return on_verified(turn, id, answer);
        case ResponseContext::Stage::interpreting:
            return on_interpreted(turn, id, answer);
        case ResponseContext::Stage::locating:
        case ResponseContext::Stage::relocating:
            return on_located(turn, id, answer);
        case ResponseContext::Stage::looking_up:
            return on_looked_up(turn, id, answer);
        case ResponseContext::Stage::forwarding:
            return;
    }
}

void Core::on_verified(Turn turn, ContextId id, const Answer& answer) {
    auto& context = *find(id);
    if (!answer) return finish(turn, id, 500);
    const auto& request = *read(id, context).message;
    const auto credentials = authentication_.credentials(request);
    if (!answer->flag("valid") || !credentials) {
        counters_.add(Metric::refused_credentials);
        explain(turn, "authentication", [&] { return std::string("refused: the credentials are wrong"); });
        const auto who = credentials ? credentials->username : std::string();
        turn.effects.notes.push_back({base::Severity::warning, "credentials refused user=" + who + " source=" + context.source.peer.text(), std::string(request.call_id)});
        return finish(turn, id, 403);
    }
    if (!authentication_.accept_count(*credentials)) {
        counters_.add(Metric::challenged);
        std::string headers;
        authentication_.append_challenges(headers, turn.now.wall, true);
        return finish(turn, id, 407, headers);
    }
    context.user = answer->text("user", credentials->username);
    explain(turn, "authentication", [&] { return "proven: " + context.user; });
    vouch_for(turn, context.source);
    vouch_for(turn, context.source);
    route(turn, id);
}

void Core::on_located(Turn turn, ContextId id, const Answer& answer) {
    auto& context = *find(id);
    if (!answer) return finish_unavailable(turn, id);
    if (!answer->flag("known")) {
        explain(turn, "directory", [&] { return std::string("the number is unknown"); });
        if (context.rule && context.rule->action.kind == Action::Kind::directory) return finish(turn, id, 404);
        const auto uri = sip::parse_uri(read(id, context).plan.request_uri);
        return ask_registrar(turn, id, *uri);
    }
    auto targets = targets_of_number(*answer);
    if (targets.empty()) return finish_unavailable(turn, id);
    const bool interprets = config_.interpret == Interpret::proxy && context.method == sip::Method::invite && !context.in_dialog;
    if (interprets && context.stage == ResponseContext::Stage::locating) return interpret(turn, id, std::move(targets));
    take_targets(turn, id, std::move(targets));
}

void Core::on_looked_up(Turn turn, ContextId id, const Answer& answer) {
    if (!answer) return finish_unavailable(turn, id);
    explain(turn, "registrar", [&] { return std::string(answer->flag("known") ? "the address is known" : "the address is unknown"); });
    if (!answer->flag("known")) return finish(turn, id, 404);
    auto targets = targets_of_address(*answer);
    for (auto& target : targets) localise(target);
    if (targets.empty()) return finish(turn, id, 480);
    take_targets(turn, id, std::move(targets));
}

void Core::finish(Turn turn, ContextId id, int status, std::string_view headers, std::string_view reason) {
    auto& context = *find(id);
    reply(turn, context.server, context.source, *read(id, context).message, status, headers, reason);
    record(turn, context, status, nullptr);
    mark_answered(id, context, status);
}

void Core::finish_unavailable(Turn turn, ContextId id) {
    std::string headers = "Retry-After: ";
    base::append_number(headers, static_cast<std::uint64_t>(config_.retry_after.count()));
    headers += "\r\n";
    finish(turn, id, 503, headers);
}

}  // namespace confab::proxy
