#include "sip-proxy/routes.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace confab::proxy {
namespace {

constexpr std::size_t kMostContacts = 16;

bool any_matches(const std::vector<Pattern>& patterns, std::string_view text, bool ignore_case) {
    return patterns.empty() || std::ranges::any_of(patterns, [&](const Pattern& pattern) { return pattern.matches(text, ignore_case); });
}

bool header_matches(const HeaderPattern& wanted, const sip::Message& request) {
    const auto id = sip::header_name_of(wanted.name);
    return std::ranges::any_of(request.headers(), [&](const sip::Header& header) {
        const bool same = id == sip::HeaderName::other ? base::iequals(header.name, wanted.name) : header.id == id;
        return same && wanted.value.matches(header.value, true);
    });
}

std::string address_of(const sip::Uri& uri) { return sip::address_key(uri).value_or(std::string(uri.text)); }

// What several routes ask for is made once, and only when one asks.
class Facts {
public:
    explicit Facts(const Shown& shown) : shown_(shown) {}
    const std::string& uri() {
        if (!uri_) uri_ = address_of(shown_.uri);
        return *uri_;
    }
    const std::string& to() {
        if (to_) return *to_;
        const auto to = sip::parse_name_addr(shown_.request.to);
        return to_.emplace(to ? address_of(to->uri) : std::string(shown_.request.to));
    }
    bool meet(const Route& route) {
        const auto& methods = route.methods.tokens;
        if (!methods.empty() && std::ranges::find(methods, shown_.request.method_token) == methods.end()) return false;
        if (!any_matches(route.number, shown_.number, false) || !any_matches(route.passcode, shown_.passcode, false)) return false;
        if (!route.uri.empty() && !any_matches(route.uri, uri(), true)) return false;
        if (!route.to.empty() && !any_matches(route.to, to(), true)) return false;
        return std::ranges::all_of(route.headers, [&](const HeaderPattern& wanted) { return header_matches(wanted, shown_.request); });
    }

private:
    const Shown& shown_;
    std::optional<std::string> uri_, to_;
};

// A URI that a request may be sent to: sip or sips with a host.
bool is_target(std::string_view text) {
    const auto uri = sip::parse_uri(text);
    return uri && !uri->host.empty() && uri->headers.empty() && text.find_first_of("<>\"") == text.npos;
}

std::optional<Action> parse_uris(Action::Kind kind, std::string_view words) {
    Action action{.kind = kind, .group = {}, .uris = {}, .code = 0, .reason = {}};
    for (auto word : base::split(words, ' ')) {
        if (word.empty()) continue;
        if (!is_target(word) || action.uris.size() == kMostContacts) return std::nullopt;
        action.uris.emplace_back(word);
    }
    const bool one = kind == Action::Kind::uri;
    if (action.uris.empty() || (one && action.uris.size() != 1)) return std::nullopt;
    return action;
}

std::optional<Action> parse_reject(std::string_view words) {
    const auto space = std::min(words.find(' '), words.size());
    const auto code = base::parse_number<int>(words.substr(0, space));
    if (!code || *code < 400 || *code > 699) return std::nullopt;
    return Action{.kind = Action::Kind::reject, .group = {}, .uris = {}, .code = *code, .reason = std::string(base::trim(words.substr(space)))};
}

struct KindWord {
    std::string_view text;
    Action::Kind kind;
};
constexpr KindWord kKinds[] = {{"home", Action::Kind::home},           {"directory", Action::Kind::directory},
                               {"registrar", Action::Kind::registrar}, {"group", Action::Kind::group},
                               {"uri", Action::Kind::uri},             {"redirect", Action::Kind::redirect},
                               {"reject", Action::Kind::reject}};

}  // namespace

std::string Action::text() const {
    std::string out(std::ranges::find(kKinds, kind, &KindWord::kind)->text);
    const auto add = [&](std::string_view word) { out.append(" ").append(word); };
    if (kind == Kind::group) add(group);
    for (const auto& uri : uris) add(uri);
    if (kind == Kind::reject) add(std::to_string(code));
    if (!reason.empty()) add(reason);
    return out;
}

namespace {

config::Key route_row(std::vector<Pattern> Route::*member, std::string_view name, std::string_view help, std::string_view sample) {
    return config::key(name, member, "", help).such_as(sample);
}

config::Table route_rows() {
    using config::key;
    return {
        key("method", &Route::methods, "", "Methods that this route takes; any when absent.")
            .such_as("INVITE"),
        route_row(&Route::number, "number", "The dialled number: the user part of the Request-URI where it consists of digits, *, # and +.",
                  "49*"),
        route_row(&Route::passcode, "passcode", "The passcode that the request brings (passcode-header, passcode-parameter).", "1234")
            .is_secret(),
        route_row(&Route::uri, "uri", "The Request-URI as sip:user@host, without parameters; case does not count.", "sip:*@example.org"),
        route_row(&Route::to, "to", "The address in To, compared like uri.", "sip:*@example.org"),
        key("header", &Route::headers, "", "A header of any name with such a value; case does not count. All header lines must hold.")
            .such_as("X-Phone-PAC: 12*"),
        key("action", &Route::action, "",
            "Where the request goes. home: the directory for numbers, then the registrar. directory: the bridges of a number. registrar: the "
            "contacts of an address. group: the members of a group. uri: the URI's host, found by RFC 3263; a URI with a user part also becomes "
            "the Request-URI. redirect: 302 with these contacts; one without a user part takes the request's. reject: that answer.")
            .is_required()
            .such_as("group bridges"),
        key("redirects", &Route::redirects, "pass",
            "follow: a 3xx from a next hop that may redirect (may-redirect) is followed here. pass: it goes back to the caller."),
    };
}

}  // namespace

const config::Table& route_keys() {
    static const config::Table kRows = route_rows();
    return kRows;
}

RouteTable::RouteTable() : built_in_(std::make_shared<const Route>()) {}

void RouteTable::configure(const std::vector<Route>& routes, const std::vector<std::string>& by_name) {
    rules_.clear();
    named_.clear();
    for (const auto& route : routes) {
        named_.push_back(std::make_shared<const Route>(route));
        if (std::ranges::find(by_name, route.name) == by_name.end()) rules_.push_back(named_.back());
    }
}

RouteTable::Rule RouteTable::match(const Shown& shown, bool by_uri) const {
    Facts facts(shown);
    const auto found = std::ranges::find_if(rules_, [&](const Rule& rule) { return (!by_uri || !rule->uri.empty()) && facts.meet(*rule); });
    return found == rules_.end() ? nullptr : *found;
}

RouteTable::Rule RouteTable::named(std::string_view name) const {
    const auto found = std::ranges::find_if(named_, [&](const Rule& rule) { return rule->name == name; });
    return found == named_.end() ? nullptr : *found;
}

}  // namespace confab::proxy

namespace confab::config {

std::optional<proxy::Action> Value<proxy::Action>::parse(std::string_view text) {
    using Kind = proxy::Action::Kind;
    const auto space = std::min(text.find(' '), text.size());
    const auto rest = base::trim(text.substr(space));
    const auto word = std::ranges::find(proxy::kKinds, text.substr(0, space), &proxy::KindWord::text);
    if (word == std::end(proxy::kKinds)) return std::nullopt;
    if (word->kind == Kind::uri || word->kind == Kind::redirect) return proxy::parse_uris(word->kind, rest);
    if (word->kind == Kind::reject) return proxy::parse_reject(rest);
    const bool named = word->kind == Kind::group;
    if (rest.empty() == named || rest.find(' ') != rest.npos) return std::nullopt;
    return proxy::Action{.kind = word->kind, .group = std::string(rest), .uris = {}, .code = 0, .reason = {}};
}

std::optional<proxy::Methods> Value<proxy::Methods>::parse(std::string_view text) {
    proxy::Methods methods;
    for (auto word : base::split(text, ' ')) {
        if (word.empty()) continue;
        if (word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != word.npos) return std::nullopt;
        methods.tokens.emplace_back(word);
    }
    return methods.tokens.empty() ? std::nullopt : std::optional(std::move(methods));
}

std::optional<proxy::Redirects> Value<proxy::Redirects>::parse(std::string_view text) {
    static constexpr Word<proxy::Redirects> kWords[] = {{"pass", proxy::Redirects::pass}, {"follow", proxy::Redirects::follow}};
    return parse_word(text, kWords);
}

}  // namespace confab::config
