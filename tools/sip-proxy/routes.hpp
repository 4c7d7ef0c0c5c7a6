// The route table: which rule a new request meets, and what the rule says. Pure.
//
// `[route NAME]` sections in the file's order; the first whose conditions all hold decides, and where none does the built-in rule: numbers go
// to the directory, what it does not know to the registrar. Of several lines of one condition one is enough; `header` lines must all hold.
// A route that `wrong-passcode` or `emergency-route` names is taken only by that name. Requests inside a dialog and REGISTER are no
// business of the table. A request keeps the route that it met, whatever a reload does to the table.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/table.hpp"
#include "sip-proxy/pattern.hpp"
#include "sip-proxy/target.hpp"
#include "sip/grammar.hpp"
#include "sip/message.hpp"

namespace confab::proxy {

struct Action {
    enum class Kind : std::uint8_t {
        home,       // the directory for numbers, then the registrar
        directory,  // bridges of a number; 404 for anything else
        registrar,  // contacts of an address
        group,      // a member of a `[group NAME]`
        uri,        // a next hop by RFC 3263; a URI with a user part replaces the Request-URI
        redirect,   // 302 with these Contacts
        reject,
    };
    Kind kind = Kind::home;
    std::string group;
    std::vector<std::string> uris;
    int code = 0;
    std::string reason;
    std::string text() const;  // as it is configured
};

struct Methods {
    std::vector<std::string> tokens;  // none: any
};

struct Route {
    std::string name;  // "" for the built-in rule
    Methods methods;
    std::vector<Pattern> to, uri, number, passcode;
    std::vector<HeaderPattern> headers;
    Action action;
    Redirects redirects = Redirects::pass;
};
const config::Table& route_keys();

// What a request shows to the conditions. `uri` and `to` are compared as sip:user@host, without parameters and default port.
struct Shown {
    const sip::Message& request;
    const sip::Uri& uri;  // the Request-URI
    std::string_view number, passcode;
};

class RouteTable {
public:
    using Rule = std::shared_ptr<const Route>;

    RouteTable();
    // `by_name`: routes that only their name reaches.
    void configure(const std::vector<Route>& routes, const std::vector<std::string>& by_name);

    bool empty() const { return rules_.empty(); }
    // nullptr: none. With `by_uri` only routes that look at the Request-URI: no other may lead requests for foreign domains away.
    Rule match(const Shown& shown, bool by_uri = false) const;
    Rule named(std::string_view name) const;     // nullptr: there is none of that name
    const Rule& built_in() const { return built_in_; }

private:
    std::vector<Rule> rules_, named_;
    Rule built_in_;
};

}  // namespace confab::proxy

template <>
struct confab::config::Value<confab::proxy::Action> {
    static std::string_view expected() {
        return "home, directory, registrar, group NAME, uri URI, redirect URI..., or reject CODE REASON (400 to 699)";
    }
    static std::optional<confab::proxy::Action> parse(std::string_view text);
};
template <>
struct confab::config::Value<confab::proxy::Methods> {
    static std::string_view expected() { return "SIP methods"; }
    static std::optional<confab::proxy::Methods> parse(std::string_view text);
};
template <>
struct confab::config::Value<confab::proxy::Redirects> {
    static std::string_view expected() { return "pass or follow"; }
    static std::optional<confab::proxy::Redirects> parse(std::string_view text);
};
