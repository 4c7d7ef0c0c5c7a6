// Core, policy: which route a request takes, and what the route says.
#include <algorithm>

#include "base/text.hpp"
#include "sip-proxy/core.hpp"
#include "sip/compose.hpp"
#include "sip/grammar.hpp"

namespace confab::proxy {
namespace {

// 3GPP TS 24.229 §5.2.10: a proxy that serves no emergency calls says 380 with this body; a phone then calls by another network.
constexpr std::string_view kAlternative =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ims-3gpp version=\"1\"><alternative-service><type>emergency</type>"
    "<reason>emergency calls are not served here</reason></alternative-service></ims-3gpp>\n";

// urn:service:sos and what is below it (RFC 5031 §4.2).
bool is_sos(const sip::Uri& uri) {
    constexpr std::string_view kSos = "urn:service:sos";
    return base::istarts_with(uri.text, kSos) && (uri.text.size() == kSos.size() || uri.text[kSos.size()] == '.');
}

std::string describe(const Target& target) {
    if (target.query) return "name " + target.query->host;
    return std::string(sip::param_name(target.hop.transport)) + ':' + target.hop.peer.text();
}

}  // namespace

void Core::configure_policy() {
    routes_.configure(config_.routes, {config_.wrong_passcode.route, config_.emergency_route});
    groups_.configure(config_.groups);
    overload_.set_limits({config_.overload_delay, config_.overload_interval});
    records_.configure({config_.keeps_calls(), config_.call_record_headers, config_.passcode_header, config_.call_lifetime,
                        config_.call_record_limit});
}

void Core::rehearse(const Core& live, std::string user) {
    groups_ = live.groups_;
    draining_ = live.draining_;
    assumed_user_ = std::move(user);
}

bool Core::is_emergency(const Arrival& arrival) const {
    if (arrival.request.method != sip::Method::invite || arrival.in_dialog || !arrival.plan.next.empty()) return false;
    if (is_sos(*arrival.uri)) return true;
    if (config_.emergency_numbers.empty() || !names_.serves(*arrival.uri)) return false;
    const auto number = number_of(*arrival.uri);
    return number && std::ranges::find(config_.emergency_numbers, *number) != config_.emergency_numbers.end();
}

void Core::refuse_emergency(Turn turn, const Arrival& arrival) {
    explain(turn, "emergency", [&] { return std::string("refused: there is no emergency-route"); });
    turn.effects.notes.push_back({base::Severity::warning, "emergency call refused source=" + arrival.source.peer.text(), std::string(arrival.request.call_id)});
    const auto tag = random_.token(12);
    sip::ResponseParts parts;
    parts.status = 380;
    parts.to_tag = tag;
    parts.content_type = "application/3gpp-ims+xml";
    parts.body = kAlternative;
    scratch_.clear();
    sip::append_response(scratch_, arrival.request, arrival.source, parts);
    transactions_.respond(turn.now, arrival.server, scratch_, turn.effects.transmit);
}

RouteTable::Rule Core::match(const sip::Message& request, const sip::Uri& uri) const {
    const auto number = number_of(uri).value_or("");
    const auto passcode = passcode_of(request, uri, passcode_places());
    return routes_.match({request, uri, number, passcode}, !names_.serves(uri));
}

void Core::follow_rule(Turn turn, ContextId id, const sip::Uri& uri) {
    auto& context = *find(id);
    const auto& request = *read(id, context).message;
    if (!context.rule && !routes_.empty()) context.rule = match(request, uri);
    if (!context.rule) context.rule = routes_.built_in();
    const auto rule = context.rule;
    explain(turn, "route", [&] { return (rule->name.empty() ? "none matches; " : rule->name + ": ") + rule->action.text(); });
    switch (rule->action.kind) {
        case Action::Kind::home:
            return route_home(turn, id, uri);
        case Action::Kind::directory:
            return number_of(uri) ? route_home(turn, id, uri) : finish(turn, id, 404);
        case Action::Kind::registrar:
            return ask_registrar(turn, id, uri);
        case Action::Kind::group:
            return send_to_group(turn, id, uri);
        case Action::Kind::uri:
            return send_to_uri(turn, id);
        case Action::Kind::redirect:
            return redirect(turn, id, uri);
        case Action::Kind::reject:
            return finish(turn, id, rule->action.code, {}, rule->action.reason);
    }
}

// Where the proxy interprets, the directory is asked what the passcode opens, as a bridge would ask, before the call goes to `targets`.
void Core::interpret(Turn turn, ContextId id, Targets&& targets) {
    auto& context = *find(id);
    const auto& reading = read(id, context);
    const auto uri = sip::parse_uri(reading.plan.request_uri);
    auto passcode = passcode_of(*reading.message, *uri, passcode_places());
    if (passcode.size() > config_.passcode_length) passcode.clear();  // wrong, and the directory need not see it
    context.targets = std::move(targets);
    ask(turn, id, ResponseContext::Stage::interpreting, Asked::locate, "resolve",
        local::Value::object({{"number", *number_of(*uri)}, {"passcode", std::move(passcode)}}));
}

void Core::on_interpreted(Turn turn, ContextId id, const Answer& answer) {
    if (!answer) return finish_unavailable(turn, id);
    auto& context = *find(id);
    const auto& reading = read(id, context);
    const auto uri = sip::parse_uri(reading.plan.request_uri);
    const bool valid = answer->flag("valid");
    const bool wrong = !valid && !passcode_of(*reading.message, *uri, passcode_places()).empty();
    explain(turn, "passcode", [&] { return std::string(valid ? "it opens the conference, or none is needed" : wrong ? "wrong" : "none: the bridge asks"); });
    if (wrong) return on_wrong_passcode(turn, id, *uri);
    const auto conference = answer->text("conference");
    if (!valid || conference == *number_of(*uri)) return take_targets(turn, id, std::exchange(context.targets, {}));
    ask(turn, id, ResponseContext::Stage::relocating, Asked::locate, "lookup", local::Value::object({{"number", conference}}));
}

void Core::on_wrong_passcode(Turn turn, ContextId id, const sip::Uri& uri) {
    auto& context = *find(id);
    counters_.add(Metric::refused_passcode);
    const auto rule = config_.wrong_passcode.route.empty() ? nullptr : routes_.named(config_.wrong_passcode.route);
    const bool again = rule && context.rule == rule;  // that route leads to the directory: once is enough
    if (!rule || again) return finish(turn, id, static_cast<int>(config_.wrong_passcode_code), {}, "Wrong Passcode");
    context.rule = rule;
    context.targets.clear();
    follow_rule(turn, id, uri);
}

void Core::send_to_group(Turn turn, ContextId id, const sip::Uri& uri) {
    const auto& name = find(id)->rule->action.group;
    Targets targets;
    for (const auto& choice : groups_.pick(turn.now.steady, name, number_of(uri).value_or(std::string(uri.user)))) {
        Target target;
        const auto next = sip::parse_uri(choice.uri);
        if (!next || !aim(target, *next)) continue;
        target.member = choice.member;
        target.may_redirect = choice.may_redirect;
        target.group = static_cast<unsigned>(targets.size());
        targets.push_back(std::move(target));
    }
    if (!targets.empty()) return take_targets(turn, id, std::move(targets));
    explain(turn, "group", [&] { return name + ": no member is up, rested and below its limit"; });
    finish_unavailable(turn, id);
}

void Core::send_to_uri(Turn turn, ContextId id) {
    const auto& text = find(id)->rule->action.uris.front();
    const auto uri = sip::parse_uri(text);
    Target target;
    if (!uri || !aim(target, *uri)) return finish(turn, id, 480);
    if (!uri->user.empty()) target.request_uri = text;
    Targets targets;
    targets.push_back(std::move(target));
    take_targets(turn, id, std::move(targets));
}

// Contacts in their order; one without a user part is a place that knows what was dialled.
void Core::redirect(Turn turn, ContextId id, const sip::Uri& uri) {
    std::string headers;
    unsigned tenths = 10;
    for (const auto& text : find(id)->rule->action.uris) {
        const auto contact = sip::parse_uri(text);
        headers += "Contact: <";
        const auto after_scheme = text.find(':') + 1;
        if (contact && contact->user.empty() && !uri.user.empty())
            headers.append(text, 0, after_scheme).append(uri.user).append("@").append(text, after_scheme);
        else
            headers += text;
        headers += tenths == 10 ? ">;q=1.0\r\n" : ">;q=0." + std::to_string(tenths) + "\r\n";
        if (tenths > 1) --tenths;
    }
    finish(turn, id, 302, headers);
}

bool Core::may_redirect(const Target& target) const {
    const auto holds = [&](const base::Network& network) { return network.contains(target.hop.peer.ip); };
    return target.may_redirect || std::ranges::any_of(config_.may_redirect, holds);
}

void Core::take_targets(Turn turn, ContextId id, Targets&& targets) {
    auto& context = *find(id);
    context.targets = std::move(targets);
    for (auto& target : context.targets) {
        if (context.rule) target.redirects = context.rule->redirects;
        explain(turn, "target", [&] { return describe(target) + (target.request_uri.empty() ? "" : " as " + masked(target.request_uri, passcode_places())); });
    }
    advance(turn, id);
}

}  // namespace confab::proxy
