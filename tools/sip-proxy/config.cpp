#include "sip-proxy/config.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "sip/method.hpp"

namespace confab::proxy {
namespace {

using config::key;

config::Table make_keys() {
    config::Table keys = {
        key<Config>("listen", &Config::listen, "",
            "Where SIP is received: udp, tcp or tls. Identity headers are kept from peers at a listener marked trusted only.")
            .is_required().such_as("udp:127.0.0.20:5060"),
        key<Config>("trusted", &Config::trusted, "", "Networks whose peers may assert identities at any listener.").is_live(),
        key("realm", &Config::realm, "example.org", "Digest realm, the same at registrar and proxy and at all sites."),
        key("domains", &Config::domains, "", "Domains that are served here; the first one names callers in P-Asserted-Identity.")
            .is_required().such_as("example.org")
            .is_live(),
        key("registrar", &Config::registrar, "", "Where REGISTER requests go.").is_required().such_as("udp:127.0.0.30:5070"),
        key("registrar-control", &Config::registrar_control, "unix:/run/confab/sip-registrar.sock",
            "Control socket of sip-registrar: lookup and verify."),
        key("locate-control", &Config::locate_control, "unix:/run/confab/conf-locate.sock",
            "Control socket of conf-locate: lookup of numbers."),
        key("nonce-secret-file", &Config::nonce_secret_file, "",
            "File with the secret of nonces and dialog tokens, at least 16 octets, shared by all sites.")
            .is_required().such_as("/etc/confab/nonce.secret"),
        key("digest-algorithms", &Config::digest_algorithms, "MD5 SHA-256",
            "Digest algorithms in the order in which challenges offer them. Some clients, Debian's baresip among them, need MD5 alone."),
        key("nonce-lifetime", &Config::nonce_lifetime, "5m", "How long a nonce may be used.").between(1'000, 86'400'000),
        key("nonce-windows", &Config::nonce_windows, "100000", "Bound on nonces whose use counts are remembered; the oldest goes first.")
            .between(100, 10'000'000),
        key("verifier", &Config::verifier, "",
            "Number that names this proxy in its nonces; each verifier has its own. Without it one is drawn at each start, so that no nonce outlives the counts of its use.")
            .between(0, 65535),
        key("authenticate", &Config::authenticate, "INVITE MESSAGE SUBSCRIBE REFER PUBLISH",
            "Methods that are challenged; none for no challenge at all.")
            .is_live(),
        key("attempt-timeout", &Config::attempt_timeout, "4s",
            "A target that has not answered anything for so long is given up for the next one.")
            .between(100, 32'000)
            .is_live(),
        key("timer-c", &Config::timer_c, "3m", "Longest time that a called party may ring (RFC 3261 Timer C).")
            .between(1'000, 3'600'000)
            .is_live(),
        key("question-timeout", &Config::question_timeout, "2s", "Longest wait for an answer of registrar or directory.")
            .between(50, 30'000),
        key("contexts", &Config::contexts, "50000", "Bound on requests in flight; one more is answered 503.").between(1, 10'000'000),
        key("max-breadth", &Config::max_breadth, "60",
            "Branches that a request may have at a time, here and behind (RFC 5393 Max-Breadth); one that has none left is answered 440.")
            .between(1, 255)
            .is_live(),
        key("redirect-limit", &Config::redirect_limit, "5", "Redirections in a row that are followed for one request.")
            .between(0, 20)
            .is_live(),
        key("datagram-limit", &Config::datagram_limit, "1300",
            "A larger request goes over TCP, and over UDP only where TCP is refused (RFC 3261 18.1.1); 0: always over UDP.")
            .between(0, 65'535)
            .is_live(),
        key("dns-failure-mark", &Config::dns_failure_mark, "30s",
            "An address and port that was found dead is tried last for so long.")
            .between(0, 3'600'000)
            .is_live(),
        key("peers", &Config::peers, "",
            "Networks whose requests are not challenged: other sites' proxies, connectors, gateways. Whether they may assert identities is the "
            "business of trusted.")
            .such_as("192.0.2.0/24")
            .is_live(),
        key("dns-servers", &Config::dns_servers, "", "Name servers for next hops that are names; without, those of the system.")
            .such_as("127.0.0.53:53")
            .is_live(),
        key("dns-budget", &Config::dns_budget, "2s", "Longest time for all questions about one next hop; what is known by then counts.")
            .between(50, 30'000)
            .is_live(),
        key("may-redirect", &Config::may_redirect, "",
            "Networks of next hops whose 3xx are followed where the route says so; members of a group have a mark of their own.")
            .such_as("192.0.2.0/24")
            .is_live(),
        key("interpret", &Config::interpret, "bridge",
            "Who looks at the passcode of a call to a conference. bridge: whoever answers it. proxy: the directory is asked here, before the call "
            "goes anywhere; a caller without a passcode still comes to the bridge, which prompts.")
            .is_live(),
        key("wrong-passcode", &Config::wrong_passcode, "reject",
            "With interpret = proxy, what becomes of a wrong passcode: reject answers wrong-passcode-code, route NAME takes that route, which then "
            "is taken by no other call.")
            .is_live(),
        key("wrong-passcode-code", &Config::wrong_passcode_code, "403", "Answer to a wrong passcode.").between(400, 699).is_live(),
        key("passcode-header", &Config::passcode_header, "X-Passcode", "Header that brings a passcode; it goes before the URI parameter.")
            .is_live(),
        key("passcode-parameter", &Config::passcode_parameter, "passcode", "Parameter of the Request-URI that brings a passcode.").is_live(),
        key("passcode-length", &Config::passcode_length, "32", "Longest passcode; a longer one is wrong.").between(1, 64).is_live(),
        key("emergency-numbers", &Config::emergency_numbers, "112 911",
            "Numbers that are emergency calls, as urn:service:sos is: without challenge, limits and drain they take emergency-route; none for "
            "none.")
            .is_live(),
        key("emergency-route", &Config::emergency_route, "",
            "The route that emergency calls take, and no other call; its action is group, uri, redirect or reject. Without one they are answered "
            "380, which tells the phone to call another way.")
            .such_as("emergency")
            .is_live(),
        key("overload-delay", &Config::overload_delay, "50ms",
            "When even the shortest wait of messages in the socket is longer, new requests are refused with 503, and with four times that also "
            "refreshes; 0s for never.")
            .between(0, 10'000)
            .is_live(),
        key("overload-interval", &Config::overload_interval, "100ms", "How long the shortest wait is looked for.").between(10, 10'000).is_live(),
        key("call-log", &Config::call_log, "",
            "File that gets a JSON line for each call; its journal stands beside it. Move it away and reload to rotate it.")
            .such_as("/var/log/confab/calls.ndjson"),
        key("call-log-sync", &Config::call_log_sync, "1s", "How often the disk is asked to keep call records for good; 0s for never.")
            .between(0, 60'000),
        key("call-record-headers", &Config::call_record_headers, "X-Phone-PAC", "Headers of an INVITE that its record takes over.").is_live(),
        key("call-record-limit", &Config::call_record_limit, "100000",
            "Bound on answered calls whose end is waited for; one more is recorded at once, without its end.")
            .between(1, 10'000'000)
            .is_live(),
        key("call-lifetime", &Config::call_lifetime, "1d", "A call that has not ended after so long is recorded as it is.")
            .between(60'000, 2'592'000'000)
            .is_live(),
        config::section("route", &Config::routes,
            "Routes, in the order in which they are tried; the first whose conditions all hold decides. Of several lines of one condition one is "
            "enough. Where no route does, numbers go to the directory and what it does not know to the registrar. Only a route with a "
            "uri condition may lead requests for foreign domains away. Requests in a dialog and REGISTER take no route.",
            route_keys())
            .is_live(),
        config::section("group", &Config::groups, "Next hops of one kind, of which a request tries one after the other.", group_keys()).is_live(),
    };
    config::append<Config, config::Signalling>(keys, config::tls_keys());
    config::append<Config, config::Signalling>(keys, config::signalling_keys());
    return keys;
}

void check_listeners(const Config& config, const config::Entries& entries, config::Problems& problems) {
    for (const auto& listener : config.listen)
        if (listener.visible().ip.is_unspecified())
            complain(entries, problems, "listen", "an address that peers can reach, or advertise=address:port", listener.text());
    config::check_tls(config, entries, problems);
}

const Route* find_route(const Config& config, std::string_view name) {
    const auto found = std::ranges::find(config.routes, name, &Route::name);
    return found == config.routes.end() ? nullptr : &*found;
}

void check_routes(const Config& config, const config::Entries& entries, config::Problems& problems) {
    for (const auto& route : config.routes) {
        const auto& action = route.action;
        const bool known = action.kind != Action::Kind::group ||
                           std::ranges::find(config.groups, action.group, &GroupSettings::name) != config.groups.end();
        if (!known) problems.push_back({config::place_of(entries, "action", "route " + route.name), "action", "the name of a group", action.group});
    }
    if (!config.wrong_passcode.route.empty() && find_route(config, config.wrong_passcode.route) == nullptr)
        complain(entries, problems, "wrong-passcode", "the name of a route", config.wrong_passcode.route);
    if (config.emergency_route.empty()) return;
    const auto* emergency = find_route(config, config.emergency_route);
    using enum Action::Kind;
    if (emergency == nullptr || emergency->action.kind == home || emergency->action.kind == directory || emergency->action.kind == registrar)
        complain(entries, problems, "emergency-route", "the name of a route whose action is group, uri, redirect or reject", config.emergency_route);
}

void check_names(const Config& config, const config::Entries& entries, config::Problems& problems) {
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const auto check = [&](std::string_view key, const std::string& name) {
        if (name.empty() || name.find_first_not_of(kAllowed) != name.npos) complain(entries, problems, key, "a name of letters, digits and -", name);
    };
    check("passcode-header", config.passcode_header);
    check("passcode-parameter", config.passcode_parameter);
    for (const auto& name : config.call_record_headers) check("call-record-headers", name);
}

void check_emergency_numbers(Config& config, const config::Entries& entries, config::Problems& problems) {
    if (config.emergency_numbers == std::vector<std::string>{"none"}) config.emergency_numbers.clear();
    for (const auto& number : config.emergency_numbers)
        if (number.find_first_not_of("0123456789*#+") != number.npos) complain(entries, problems, "emergency-numbers", "numbers, or none", number);
}

void check_methods(const Config& config, const config::Entries& entries, config::Problems& problems) {
    for (const auto& token : config.authenticate) {
        const auto method = sip::method_of(token);
        const bool challengeable = method != sip::Method::other && method != sip::Method::ack && method != sip::Method::cancel;
        if (!challengeable && token != "none")
            complain(entries, problems, "authenticate", "a SIP method other than ACK and CANCEL, or none", token);
    }
}

}  // namespace

const config::Table& keys() {
    static const config::Table kKeys = make_keys();
    return kKeys;
}

Config read_config(const config::Entries& entries, config::Problems& problems) {
    auto config = config::read<Config>(keys(), entries, problems);
    config.authenticate = config::words_of(config.authenticate);
    config.emergency_numbers = config::words_of(config.emergency_numbers);
    config.call_record_headers = config::words_of(config.call_record_headers);
    check_routes(config, entries, problems);
    check_emergency_numbers(config, entries, problems);
    check_names(config, entries, problems);
    check_listeners(config, entries, problems);
    check_methods(config, entries, problems);
    if (sip::algorithms_of(config.digest_algorithms).empty())
        complain(entries, problems, "digest-algorithms", "names among MD5, SHA-256, SHA-512-256, each once", config.digest_algorithms);
    for (const auto* control : {&config.registrar_control, &config.locate_control})
        if (control->kind != config::ControlAddress::Kind::unix_path)
            complain(entries, problems, control == &config.registrar_control ? "registrar-control" : "locate-control", "unix:PATH",
                     control->text());
    return config;
}

void take_live(Config& running, const Config& fresh) {
    config::take_live(running, fresh);
    running.domains = fresh.domains;
    running.authenticate = fresh.authenticate;
    running.attempt_timeout = fresh.attempt_timeout;
    running.timer_c = fresh.timer_c;
    running.max_breadth = fresh.max_breadth;
    running.redirect_limit = fresh.redirect_limit;
    running.datagram_limit = fresh.datagram_limit;
    running.dns_failure_mark = fresh.dns_failure_mark;
    running.dns_servers = fresh.dns_servers;
    running.dns_budget = fresh.dns_budget;
    running.peers = fresh.peers;
    running.may_redirect = fresh.may_redirect;
    running.interpret = fresh.interpret;
    running.wrong_passcode = fresh.wrong_passcode;
    running.wrong_passcode_code = fresh.wrong_passcode_code;
    running.passcode_length = fresh.passcode_length;
    running.passcode_header = fresh.passcode_header;
    running.passcode_parameter = fresh.passcode_parameter;
    running.emergency_numbers = fresh.emergency_numbers;
    running.emergency_route = fresh.emergency_route;
    running.overload_delay = fresh.overload_delay;
    running.overload_interval = fresh.overload_interval;
    running.call_record_headers = fresh.call_record_headers;
    running.call_record_limit = fresh.call_record_limit;
    running.call_lifetime = fresh.call_lifetime;
    running.routes = fresh.routes;
    running.groups = fresh.groups;
}

bool Config::keeps_calls() const {
    const auto counts = [](const GroupSettings& group) {
        return group.algorithm == Algorithm::least || std::ranges::any_of(group.members, [](const Member& member) { return member.limit != 0; });
    };
    return !call_log.empty() || std::ranges::any_of(groups, counts);
}

}  // namespace confab::proxy

namespace confab::config {

std::optional<proxy::Interpret> Value<proxy::Interpret>::parse(std::string_view text) {
    static constexpr Word<proxy::Interpret> kWords[] = {{"bridge", proxy::Interpret::bridge}, {"proxy", proxy::Interpret::proxy}};
    return parse_word(text, kWords);
}

std::optional<proxy::WrongPasscode> Value<proxy::WrongPasscode>::parse(std::string_view text) {
    constexpr std::string_view kRoute = "route ";
    if (text == "reject") return proxy::WrongPasscode{};
    const auto name = text.starts_with(kRoute) ? base::trim(text.substr(kRoute.size())) : std::string_view();
    if (name.empty() || name.find(' ') != name.npos) return std::nullopt;
    return proxy::WrongPasscode{std::string(name)};
}

}  // namespace confab::config
