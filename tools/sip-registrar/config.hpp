// sip-registrar's configuration: every key that it knows, with type, default and help in one row each. Pure.
//
// Keys marked live are taken over by a reload; the rest need a restart. Units are in the values' text (200ms, 1h).
#pragma once

#include <string>
#include <vector>

#include "base/socket_address.hpp"
#include "base/time.hpp"
#include "config/signalling.hpp"
#include "sip/bindings.hpp"
#include "sip/digest.hpp"

namespace confab::registrar {

// What a 200 promises. strict: the binding has reached the disk. batched: it will within `batch-interval`. memory: it lasts as long as this run.
enum class Durability : std::uint8_t { memory, batched, strict };

// What becomes of a client that wants outbound (RFC 5626) when its first hop does not help. strict: 439. lenient: an ordinary binding. off: nobody has outbound.
enum class OutboundPolicy : std::uint8_t { strict, lenient, off };

// What becomes of a binding that does not answer OPTIONS.
enum class UnreachablePolicy : std::uint8_t { mark, remove };

// Where the users are: in our own database, or read-only in another of the same schema, or behind a socket that answers `credentials`.
struct UserDatabase {
    enum class Kind : std::uint8_t { internal, sqlite, socket } kind = Kind::internal;
    std::string path;
    bool is_external() const { return kind != Kind::internal; }
};

struct Config : config::Signalling {
    std::string realm;
    std::vector<std::string> domains;
    std::string state;
    Durability durability = Durability::batched;
    base::milliseconds batch_interval{200}, commit_interval{2};
    std::string nonce_secret_file;
    std::string digest_algorithms;
    base::seconds nonce_lifetime{300};
    std::uint32_t nonce_windows = 0;
    std::uint32_t verifier = sip::kConfiguredVerifiers;  // not configured: drawn at start
    base::seconds min_expires{60}, max_expires{3600}, default_expires{3600};
    std::uint32_t expires_spread = 0;  // percent
    std::uint32_t contacts_per_address = 0, bindings = 0, contact_length = 0, path_length = 0;
    sip::WhenFull contact_policy = sip::WhenFull::reject;
    std::vector<std::string> authenticate, service_route;
    bool authentication_info = false, gruu = true;
    OutboundPolicy outbound = OutboundPolicy::strict;
    base::seconds flow_timer{0};
    base::seconds liveness_interval{0};
    std::uint32_t liveness_failures = 0;
    UnreachablePolicy unreachable = UnreachablePolicy::mark;
    std::uint32_t subscriptions = 0;
    base::seconds subscription_expires{3600};
    base::milliseconds overload_delay{0};
    std::uint32_t users = 0, store_queue = 0;
    UserDatabase user_database;
    base::milliseconds user_database_timeout{2000};
    std::uint32_t user_database_queue = 10'000;
};

const config::Table& keys();

// Types, then what one key says about another. Files are the shell's.
Config read_config(const config::Entries& entries, config::Problems& problems);

// Copies what a reload may change.
void take_live(Config& running, const Config& fresh);

std::string_view durability_name(Durability durability);

}  // namespace confab::registrar

template <>
struct confab::config::Value<confab::sip::WhenFull> {
    static std::string_view expected() { return "reject, replace-oldest or replace-unreachable"; }
    static std::optional<confab::sip::WhenFull> parse(std::string_view text);
};
template <>
struct confab::config::Value<confab::registrar::UserDatabase> {
    static std::string_view expected() { return "internal, sqlite:FILE or unix:PATH"; }
    static std::optional<confab::registrar::UserDatabase> parse(std::string_view text);
};
template <>
struct confab::config::Value<confab::registrar::OutboundPolicy> {
    static std::string_view expected() { return "strict, lenient or off"; }
    static std::optional<confab::registrar::OutboundPolicy> parse(std::string_view text);
};
template <>
struct confab::config::Value<confab::registrar::UnreachablePolicy> {
    static std::string_view expected() { return "mark or remove"; }
    static std::optional<confab::registrar::UnreachablePolicy> parse(std::string_view text);
};
template <>
struct confab::config::Value<confab::registrar::Durability> {
    static std::string_view expected() { return "memory, batched or strict"; }
    static std::optional<confab::registrar::Durability> parse(std::string_view text);
};
