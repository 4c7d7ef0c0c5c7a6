#include "sip-registrar/config.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "sip/grammar.hpp"

namespace confab::registrar {
namespace {

using config::key;

config::Table make_keys() {
    config::Table keys = {
        key<Config>("listen", &Config::listen, "", "Where REGISTER requests are received: udp, tcp or tls.").is_required().such_as("udp:127.0.0.30:5070"),
        key<Config>("trusted", &Config::trusted, "",
            "Networks of proxies and edges whose Path header is taken over (RFC 3327); from anyone else Path is ignored.")
            .is_live(),
        key("realm", &Config::realm, "example.org", "Digest realm, the same at registrar and proxy and at all sites."),
        key("domains", &Config::domains, "", "Domains whose addresses are bound here; a user may bind his name at each of them.").is_required().such_as("example.org").is_live(),
        key("state", &Config::state, "/var/lib/confab/sip-registrar", "Directory of the database with users and bindings."),
        key("durability", &Config::durability, "batched",
            "strict: a 200 is sent when the binding has reached the disk. batched: at once, and a power loss may cost batch-interval. memory: bindings are never written."),
        key("batch-interval", &Config::batch_interval, "200ms", "How often changes are written under durability = batched.").between(10, 10'000),
        key("commit-interval", &Config::commit_interval, "2ms",
            "Least time between two commits under durability = strict; what comes meanwhile shares the next one.").between(0, 1'000),
        key("nonce-secret-file", &Config::nonce_secret_file, "",
            "File with the secret of nonces, at least 16 octets, shared by all sites. Without it nonces end with the run."),
        key("digest-algorithms", &Config::digest_algorithms, "MD5 SHA-256", "Digest algorithms in the order in which challenges offer them. Some clients, Debian's baresip among them, need MD5 alone."),
        key("authenticate", &Config::authenticate, "REGISTER SUBSCRIBE",
            "Methods whose senders must prove who they are, among REGISTER, SUBSCRIBE and OPTIONS, or none. Without REGISTER everybody who names a user may bind that user's addresses.")
            .is_live(),
        key("authentication-info", &Config::authentication_info, "no", "Whether a 200 proves in Authentication-Info that the registrar knows the password too (RFC 7616).").is_live(),
        key("nonce-lifetime", &Config::nonce_lifetime, "5m", "How long a nonce may be used.").between(1'000, 86'400'000),
        key("nonce-windows", &Config::nonce_windows, "100000", "Bound on nonces whose use counts are remembered; the oldest goes first.")
            .between(1, 10'000'000),
        key("verifier", &Config::verifier, "",
            "Number that names this registrar in its nonces; each verifier has its own. Without it one is drawn at each start, so that no nonce outlives the counts of its use.")
            .between(0, 65535),
        key("min-expires", &Config::min_expires, "1m", "Shortest binding; a shorter wish is answered 423.").between(1'000, 3'600'000).is_live(),
        key("max-expires", &Config::max_expires, "1h", "Longest binding; a longer wish is shortened.").between(1'000, 604'800'000).is_live(),
        key("default-expires", &Config::default_expires, "1h", "For contacts that say nothing.").between(1'000, 604'800'000).is_live(),
        key("expires-spread", &Config::expires_spread, "10",
            "Percent of its lifetime by which a binding is shortened at random, never below min-expires, so that clients that came back together do not stay together.")
            .between(0, 50)
            .is_live(),
        key("contacts-per-address", &Config::contacts_per_address, "10", "Bound on the contacts of one address; contact-policy says what one more does.")
            .between(1, 1000),
        key("contact-policy", &Config::contact_policy, "reject",
            "What one contact too many does. reject: it is answered 403. replace-oldest: the one that was refreshed longest ago goes. replace-unreachable: the oldest goes that did not answer OPTIONS.")
            .is_live(),
        key("outbound", &Config::outbound, "strict",
            "Several flows of one device (RFC 5626), when its first hop does not put a Path with ob. strict: 439. lenient: an ordinary binding. off: nobody has outbound.")
            .is_live(),
        key("flow-timer", &Config::flow_timer, "2m", "How long a flow may be silent, told to clients with outbound in Flow-Timer; 0 tells nothing.").between(0, 3'600'000).is_live(),
        key("gruu", &Config::gruu, "yes", "Whether devices get URIs of their own (RFC 5627).").is_live(),
        key("service-route", &Config::service_route, "", "URIs that clients shall put into Route of what they send (RFC 3608).").such_as("sip:192.0.2.20:5060;lr").is_live(),
        key("liveness-interval", &Config::liveness_interval, "0s", "How often each binding is asked by OPTIONS whether it is there; 0 never.").between(0, 86'400'000).is_live(),
        key("liveness-failures", &Config::liveness_failures, "2", "After how many unanswered OPTIONS in a row a binding is unreachable.").between(1, 100).is_live(),
        key("unreachable", &Config::unreachable, "mark", "What becomes of a binding that is unreachable. mark: lookup says so. remove: it goes.").is_live(),
        key("subscriptions", &Config::subscriptions, "10000", "Bound on subscriptions to the reg event package (RFC 3680); one more is answered 503.").between(1, 1'000'000),
        key("subscription-expires", &Config::subscription_expires, "1h", "Longest subscription; a longer wish is shortened.").between(60'000, 604'800'000),
        key("overload-delay", &Config::overload_delay, "25ms",
            "How long requests may wait in the socket before REGISTER without credentials is answered 503 and other refusals are left out; 0 never.")
            .between(0, 10'000)
            .is_live(),
        key("bindings", &Config::bindings, "1000000", "Bound on all bindings; one more is answered 503.").between(1, 100'000'000),
        key("contact-length", &Config::contact_length, "512", "Longest Contact URI in octets; a longer one is answered 400.").between(32, 8192),
        key("path-length", &Config::path_length, "2048", "Longest Path in octets, all values together; a longer one is answered 400.").between(32, 16384),
        key("users", &Config::users, "1000000", "Bound on users.").between(1, 100'000'000),
        key("user-database", &Config::user_database, "internal",
            "Where users are. internal: in state. sqlite:FILE: in another database of the same schema, only read. unix:PATH: behind a socket that answers credentials, as another sip-registrar's does."),
        key("user-database-timeout", &Config::user_database_timeout, "2s", "How long an external user database may take; then the request is answered 500.").between(10, 30'000),
        key("user-database-queue", &Config::user_database_queue, "10000", "Bound on requests waiting for an external user database; one more is answered 500.")
            .between(1, 1'000'000),
        key("store-queue", &Config::store_queue, "100000", "Bound on changes waiting for the disk; while it is reached REGISTER is answered 503.")
            .between(1, 10'000'000),
    };
    config::append<Config, config::Signalling>(keys, config::tls_keys());
    config::append<Config, config::Signalling>(keys, config::signalling_keys());
    return keys;
}

std::string seconds_text(base::seconds value) { return std::to_string(value.count()) + "s"; }

void check_expiry(const Config& config, const config::Entries& entries, config::Problems& problems) {
    if (config.max_expires < config.min_expires)
        complain(entries, problems, "max-expires", "not less than min-expires (" + seconds_text(config.min_expires) + ")", seconds_text(config.max_expires));
    else if (config.default_expires < config.min_expires || config.default_expires > config.max_expires)
        complain(entries, problems, "default-expires",
                 "between min-expires and max-expires (" + seconds_text(config.min_expires) + "–" + seconds_text(config.max_expires) + ")",
                 seconds_text(config.default_expires));
}

// A realm or a domain stands inside quoted strings and URIs that we write.
bool is_plain(std::string_view text) {
    return !text.empty() && std::ranges::none_of(text, [](char c) { return c <= ' ' || c == '"' || c == '\\' || c == 0x7f; });
}

void check_texts(const Config& config, const config::Entries& entries, config::Problems& problems) {
    for (const auto& word : config.authenticate)
        if (word != "REGISTER" && word != "SUBSCRIBE" && word != "OPTIONS" && word != "none")
            complain(entries, problems, "authenticate", "REGISTER, SUBSCRIBE, OPTIONS or none", word);
    for (const auto& route : config.service_route) {
        const auto uri = sip::parse_uri(route);
        if (!uri || uri->host.empty() || !is_plain(route)) complain(entries, problems, "service-route", "a SIP URI without <>", route);
    }
}

}  // namespace

const config::Table& keys() {
    static const config::Table kKeys = make_keys();
    return kKeys;
}

Config read_config(const config::Entries& entries, config::Problems& problems) {
    auto config = config::read<Config>(keys(), entries, problems);
    config::check_tls(config, entries, problems);
    config.authenticate = config::words_of(config.authenticate);
    check_texts(config, entries, problems);
    if (!is_plain(config.realm)) complain(entries, problems, "realm", "a word without spaces and quotes", config.realm);
    for (auto& domain : config.domains) {
        const auto ip = base::IpAddress::parse(domain);
        domain = ip ? ip->host() : base::to_lower(domain);
        if (!is_plain(domain) || domain.find_first_of("@<>;?,") != std::string::npos)
            complain(entries, problems, "domains", "a domain name or an IP address", domain);
    }
    if (sip::algorithms_of(config.digest_algorithms).empty())
        complain(entries, problems, "digest-algorithms", "names among MD5, SHA-256, SHA-512-256, each once", config.digest_algorithms);
    check_expiry(config, entries, problems);
    if (config.user_database.is_external() && std::ranges::find(config.authenticate, "REGISTER") == config.authenticate.end())
        complain(entries, problems, "authenticate", "REGISTER among the methods, since the users are elsewhere (user-database)", "none of it");
    return config;
}

void take_live(Config& running, const Config& fresh) {
    config::take_live(running, fresh);
    running.domains = fresh.domains;
    running.min_expires = fresh.min_expires;
    running.max_expires = fresh.max_expires;
    running.default_expires = fresh.default_expires;
    running.expires_spread = fresh.expires_spread;
    running.contact_policy = fresh.contact_policy;
    running.authenticate = fresh.authenticate;
    running.authentication_info = fresh.authentication_info;
    running.outbound = fresh.outbound;
    running.flow_timer = fresh.flow_timer;
    running.gruu = fresh.gruu;
    running.service_route = fresh.service_route;
    running.liveness_interval = fresh.liveness_interval;
    running.liveness_failures = fresh.liveness_failures;
    running.unreachable = fresh.unreachable;
    running.overload_delay = fresh.overload_delay;
}

std::string_view durability_name(Durability durability) {
    switch (durability) {
        case Durability::memory: return "memory";
        case Durability::batched: return "batched";
        case Durability::strict: break;
    }
    return "strict";
}

}  // namespace confab::registrar

namespace confab::config {

std::optional<sip::WhenFull> Value<sip::WhenFull>::parse(std::string_view text) {
    static constexpr Word<sip::WhenFull> kWords[] = {{"reject", sip::WhenFull::reject},
                                                     {"replace-oldest", sip::WhenFull::replace_oldest},
                                                     {"replace-unreachable", sip::WhenFull::replace_unreachable}};
    return parse_word(text, kWords);
}

std::optional<registrar::OutboundPolicy> Value<registrar::OutboundPolicy>::parse(std::string_view text) {
    using enum registrar::OutboundPolicy;
    static constexpr Word<registrar::OutboundPolicy> kWords[] = {{"strict", strict}, {"lenient", lenient}, {"off", off}};
    return parse_word(text, kWords);
}

std::optional<registrar::UnreachablePolicy> Value<registrar::UnreachablePolicy>::parse(std::string_view text) {
    using enum registrar::UnreachablePolicy;
    static constexpr Word<registrar::UnreachablePolicy> kWords[] = {{"mark", mark}, {"remove", remove}};
    return parse_word(text, kWords);
}

std::optional<registrar::UserDatabase> Value<registrar::UserDatabase>::parse(std::string_view text) {
    using Kind = registrar::UserDatabase::Kind;
    if (text == "internal") return registrar::UserDatabase{};
    for (const auto& [prefix, kind] : {std::pair{std::string_view("sqlite:"), Kind::sqlite}, std::pair{std::string_view("unix:"), Kind::socket}})
        if (text.starts_with(prefix) && text.size() > prefix.size()) return registrar::UserDatabase{kind, std::string(text.substr(prefix.size()))};
    return std::nullopt;
}

std::optional<registrar::Durability> Value<registrar::Durability>::parse(std::string_view text) {
    static constexpr Word<registrar::Durability> kWords[] = {{"memory", registrar::Durability::memory}, {"batched", registrar::Durability::batched}, {"strict", registrar::Durability::strict}};
    return parse_word(text, kWords);
}

}  // namespace confab::config
