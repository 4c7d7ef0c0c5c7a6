#include "conf-bridge/outbound_keys.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "sip/grammar.hpp"

namespace confab::bridge {
namespace {

using config::key;
using Keys = OutboundKeys;

void append_dial_keys(config::Table& keys) {
    keys.push_back(
        key("dial-out", &Keys::dial_out, "off", "on: hosts and operators may have this bridge call people. off: it calls nobody.")
            .is_live());
    keys.push_back(key("outbound-proxy", &Keys::outbound_proxy, "", "The proxy that gets the calls of this bridge; dial-out needs it.")
                       .such_as("udp:127.0.0.20:5060"));
    keys.push_back(
        key("dial-domains", &Keys::dial_domains, "",
            "Domains whose users may be called; the first is the domain of numbers and of this bridge's own address. dial-out needs one.")
            .such_as("example.org")
            .is_live());
    keys.push_back(key("dial-prefixes", &Keys::dial_prefixes, "",
                       "How numbers begin that may be called, one a line, or a range of beginnings. Without any, no number may be called.")
                       .such_as("+4930")
                       .is_live());
    keys.push_back(
        key("dial-denied", &Keys::dial_denied, "", "How numbers begin that may not be called although dial-prefixes allows them.")
            .such_as("+49900-+49905")
            .is_live());
    keys.push_back(key("refer-dials", &Keys::refer_scope, "inside",
                       "What a host may have called by REFER. inside: conferences and users of dial-domains. granted: what he may have "
                       "called in any way.")
                       .is_live());
    keys.push_back(key("dial-at-once", &Keys::dial_at_once, "10", "Calls that this bridge sets up at a time; others wait.")
                       .between(1, 10'000)
                       .is_live());
    keys.push_back(
        key("dial-queue", &Keys::dial_queue, "100", "Bound on calls that wait, ring or will be tried again; one more is refused.")
            .between(1, 10'000)
            .is_live());
    keys.push_back(key("dial-per-conference", &Keys::dial_per_conference, "20",
                       "Called members, and calls to become such, of one conference at a time.")
                       .between(0, 4'096)
                       .is_live());
    keys.push_back(
        key("dial-per-user", &Keys::dial_per_user, "50", "Calls that one host may have made in a day (UTC), repetitions included.")
            .between(0, 1'000'000)
            .is_live());
    keys.push_back(key("dial-per-day", &Keys::dial_per_day, "1000", "Calls that this bridge makes in a day (UTC), repetitions included.")
                       .between(0, 10'000'000)
                       .is_live());
    keys.push_back(key("ring-timeout", &Keys::ring_timeout, "45s", "How long a called phone may ring.").between(500, 600'000).is_live());
    keys.push_back(
        key("dial-retries", &Keys::dial_retries, "0", "How often a busy or unanswered call is repeated.").between(0, 20).is_live());
    keys.push_back(
        key("dial-retry-after", &Keys::dial_retry_after, "30s", "How long before it is repeated.").between(100, 3'600'000).is_live());
    keys.push_back(key("dial-confirm", &Keys::dial_confirm, "on",
                       "on: who is called joins by pressing 1, so that no voicemail takes part. off: by answering.")
                       .is_live());
    keys.push_back(key("dial-confirm-timeout", &Keys::dial_confirm_timeout, "20s", "How long he may take to press it.")
                       .between(500, 600'000)
                       .is_live());
}

void append_referral_keys(config::Table& keys) {
    keys.push_back(
        key("factory", &Keys::factory, "",
            "User part of an address whose callers each begin a conference of their own, named by the Contact of the answer (RFC 4579).")
            .such_as("meet")
            .is_live());
    keys.push_back(key("misdirected", &Keys::misdirected, "redirect",
                       "A caller whose conference lives elsewhere. redirect: 302 where that is known before the call is answered, else "
                       "REFER. refer: answer and REFER.")
                       .is_live());
    keys.push_back(key("redirect-limit", &Keys::redirect_limit, "3", "How often a caller is sent from bridge to bridge; then 482.")
                       .between(1, 20)
                       .is_live());
    keys.push_back(key("refer-timeout", &Keys::refer_timeout, "20s", "How long a referred phone may take to say how its new call went.")
                       .between(500, 300'000)
                       .is_live());
    keys.push_back(key("ticket-secret-file", &Keys::ticket_secret_file, "",
                       "File with the secret that all bridges share, at least 16 octets a line: the first line seals tickets, all are "
                       "accepted. Without it callers "
                       "who are sent elsewhere are asked again there.")
                       .such_as("/etc/confab/ticket.secret"));
    keys.push_back(key("ticket-parameter", &Keys::ticket_parameter, "ticket", "URI parameter that carries a ticket.").is_live());
    keys.push_back(key("ticket-lifetime", &Keys::ticket_lifetime, "30s", "How long a ticket is good.").between(1'000, 60'000).is_live());
    keys.push_back(key("drain-to", &Keys::drain_to, "",
                       "Where a bridge that drains sends its members, by REFER: a SIP URI without a user. They are told so, and who does not go "
                       "stays. Without it all stay until they leave.")
                       .such_as("sip:proxy.example.org")
                       .is_live());
    keys.push_back(key("drain-rate", &Keys::drain_rate, "50", "Members that are sent there in a second.").between(1, 1'000).is_live());
    keys.push_back(key("relay-size", &Keys::relay_size, "1000", "Octets of the longest MESSAGE that is passed on to the room; 0: none is.")
                       .between(0, 16'000)
                       .is_live());
    keys.push_back(key("relay-rate", &Keys::relay_rate, "10", "Messages that one member may send to the room in ten seconds.")
                       .between(1, 1'000)
                       .is_live());
}

bool is_prefix(std::string_view text) {
    const auto digits = text.starts_with('+') ? text.substr(1) : text;
    return !digits.empty() && digits.size() <= 32 &&
           std::ranges::all_of(digits, [](char c) { return (c >= '0' && c <= '9') || c == '*' || c == '#'; });
}

bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || std::string_view("-_.").contains(c);
    });
}

bool is_place(std::string_view text) {
    const auto uri = sip::parse_uri(text);
    return uri && base::iequals(uri->scheme, "sip") && uri->user.empty() && !uri->host.empty() && uri->headers.empty() &&
           text.find_first_of("<>\" ") == text.npos;
}

}  // namespace

// Same length and only digits behind a common '+', so that order of text is order of numbers.
bool DialRange::contains(std::string_view number) const {
    const auto beginning = number.substr(0, low.size());
    return beginning.size() == low.size() && low <= beginning && beginning <= high;
}

const config::Table& outbound_keys() {
    static const config::Table kKeys = [] {
        config::Table keys;
        append_dial_keys(keys);
        append_referral_keys(keys);
        return keys;
    }();
    return kKeys;
}

void check_outbound(const OutboundKeys& keys, const config::Entries& entries, config::Problems& problems) {
    if (keys.dial_out == Switch::on && keys.outbound_proxy.transport.empty())
        complain(entries, problems, "outbound-proxy", "a proxy, since dial-out is on", "nothing");
    if (keys.outbound_proxy.transport == "tls")
        complain(entries, problems, "outbound-proxy", "udp or tcp (TLS ends at sbc-edge)", keys.outbound_proxy.text());
    if (keys.dial_out == Switch::on && keys.dial_domains.empty())
        complain(entries, problems, "dial-domains", "a domain, since dial-out is on", "nothing");
    for (const auto& domain : keys.dial_domains)
        if (!is_token(domain)) complain(entries, problems, "dial-domains", "a domain name or IPv4 address on each line", domain);
    if (!keys.factory.empty() && !is_token(keys.factory)) complain(entries, problems, "factory", "letters, digits and -_.", keys.factory);
    if (!keys.drain_to.empty() && !is_place(keys.drain_to)) complain(entries, problems, "drain-to", "a SIP URI without user and headers", keys.drain_to);
    if (!is_token(keys.ticket_parameter))
        complain(entries, problems, "ticket-parameter", "a name of letters, digits and -", keys.ticket_parameter);
}

void take_live(OutboundKeys& running, const OutboundKeys& fresh) {
    const auto proxy = running.outbound_proxy;
    const auto secret = running.ticket_secret_file;
    running = fresh;
    running.outbound_proxy = proxy;
    running.ticket_secret_file = secret;
}

}  // namespace confab::bridge

namespace confab::config {

std::optional<bridge::Switch> Value<bridge::Switch>::parse(std::string_view text) {
    static constexpr Word<bridge::Switch> kWords[] = {{"off", bridge::Switch::off}, {"on", bridge::Switch::on}};
    return parse_word(text, kWords);
}

std::optional<bridge::Misdirected> Value<bridge::Misdirected>::parse(std::string_view text) {
    static constexpr Word<bridge::Misdirected> kWords[] = {{"redirect", bridge::Misdirected::redirect},
                                                           {"refer", bridge::Misdirected::refer}};
    return parse_word(text, kWords);
}

std::optional<bridge::ReferScope> Value<bridge::ReferScope>::parse(std::string_view text) {
    static constexpr Word<bridge::ReferScope> kWords[] = {{"inside", bridge::ReferScope::inside}, {"granted", bridge::ReferScope::granted}};
    return parse_word(text, kWords);
}

std::optional<bridge::DialRange> Value<bridge::DialRange>::parse(std::string_view text) {
    const auto dash = text.find('-');
    const auto low = text.substr(0, dash), high = dash == text.npos ? low : text.substr(dash + 1);
    if (!bridge::is_prefix(low) || !bridge::is_prefix(high) || low.size() != high.size() || high < low) return std::nullopt;
    if (low.starts_with('+') != high.starts_with('+')) return std::nullopt;
    return bridge::DialRange{std::string(low), std::string(high)};
}

}  // namespace confab::config
