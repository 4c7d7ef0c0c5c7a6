// sip-proxy's configuration: every key that it knows, with type, default and help in one row each. Pure.
//
// Keys marked live are taken over by a reload; the rest need a restart. Units are in the values' text (4s, 3m).
#pragma once

#include <string>
#include <vector>

#include "base/socket_address.hpp"
#include "base/time.hpp"
#include "config/signalling.hpp"
#include "sip-proxy/groups.hpp"
#include "sip-proxy/routes.hpp"
#include "sip/digest.hpp"

namespace confab::proxy {

// Who looks at passcodes: the bridge that a call reaches, or this proxy before it sends the call there.
enum class Interpret : std::uint8_t { bridge, proxy };

// What becomes of a wrong passcode where the proxy interprets: a route by its name, or a refusal.
struct WrongPasscode {
    std::string route;  // "": refused
};

struct Config : config::Signalling {
    std::string realm;
    std::vector<std::string> domains;
    config::Peer registrar;
    config::ControlAddress registrar_control, locate_control;
    std::string nonce_secret_file;
    std::string digest_algorithms;
    base::seconds nonce_lifetime{300};
    std::uint32_t verifier = sip::kConfiguredVerifiers;  // not configured: drawn at start
    std::vector<std::string> authenticate;
    base::milliseconds attempt_timeout{4000}, timer_c{180'000}, question_timeout{2000};
    std::uint32_t nonce_windows = 0, contexts = 0;
    std::uint32_t max_breadth = 60, redirect_limit = 5, datagram_limit = 1300;
    base::milliseconds dns_failure_mark{30'000};
    std::vector<base::SocketAddress> dns_servers;
    base::milliseconds dns_budget{2000};
    std::vector<base::Network> peers, may_redirect;
    Interpret interpret = Interpret::bridge;
    WrongPasscode wrong_passcode;
    std::uint32_t wrong_passcode_code = 403, passcode_length = 32;
    std::string passcode_header, passcode_parameter;
    std::vector<std::string> emergency_numbers;
    std::string emergency_route;
    base::milliseconds overload_delay{50}, overload_interval{100};
    std::string call_log;
    std::vector<std::string> call_record_headers;
    std::uint32_t call_record_limit = 0;
    base::seconds call_lifetime{86'400};
    base::milliseconds call_log_sync{1000};
    std::vector<Route> routes;
    std::vector<GroupSettings> groups;

    bool keeps_calls() const;  // somebody wants to know how long calls last
};

const config::Table& keys();

// Types, then what one key says about another. Files are the shell's.
Config read_config(const config::Entries& entries, config::Problems& problems);

// Copies what a reload may change.
void take_live(Config& running, const Config& fresh);

}  // namespace confab::proxy

template <>
struct confab::config::Value<confab::proxy::Interpret> {
    static std::string_view expected() { return "bridge or proxy"; }
    static std::optional<confab::proxy::Interpret> parse(std::string_view text);
};
template <>
struct confab::config::Value<confab::proxy::WrongPasscode> {
    static std::string_view expected() { return "reject, or route NAME"; }
    static std::optional<confab::proxy::WrongPasscode> parse(std::string_view text);
};
