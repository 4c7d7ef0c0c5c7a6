// Keys of everything that conf-bridge starts itself: calls out, referrals, redirections, tickets, messages to the members. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "config/table.hpp"

namespace confab::bridge {

enum class Switch : std::uint8_t { off, on };
enum class Misdirected : std::uint8_t { redirect, refer };
enum class ReferScope : std::uint8_t { inside, granted };

// Numbers that begin alike: `+4930`, or from one beginning to another of the same length, `0900-0905`.
struct DialRange {
    std::string low, high;
    bool contains(std::string_view number) const;
};

struct OutboundKeys {
    config::Peer outbound_proxy;
    Switch dial_out = Switch::off, dial_confirm = Switch::on;
    ReferScope refer_scope = ReferScope::inside;
    std::vector<std::string> dial_domains;
    std::vector<DialRange> dial_prefixes, dial_denied;
    std::uint32_t dial_at_once = 0, dial_queue = 0, dial_per_conference = 0, dial_per_user = 0, dial_per_day = 0, dial_retries = 0;
    base::milliseconds ring_timeout{}, dial_retry_after{}, dial_confirm_timeout{};
    std::string factory;
    Misdirected misdirected = Misdirected::redirect;
    base::milliseconds refer_timeout{}, ticket_lifetime{};
    std::uint32_t redirect_limit = 0, drain_rate = 0;
    std::string ticket_secret_file, ticket_parameter, drain_to;
    std::uint32_t relay_size = 0, relay_rate = 0;
};

const config::Table& outbound_keys();
void check_outbound(const OutboundKeys& keys, const config::Entries& entries, config::Problems& problems);
void take_live(OutboundKeys& running, const OutboundKeys& fresh);

}  // namespace confab::bridge

template <>
struct confab::config::Value<confab::bridge::Switch> {
    static std::string_view expected() { return "off or on"; }
    static std::optional<confab::bridge::Switch> parse(std::string_view text);
};
template <>
struct confab::config::Value<confab::bridge::Misdirected> {
    static std::string_view expected() { return "redirect or refer"; }
    static std::optional<confab::bridge::Misdirected> parse(std::string_view text);
};
template <>
struct confab::config::Value<confab::bridge::ReferScope> {
    static std::string_view expected() { return "inside or granted"; }
    static std::optional<confab::bridge::ReferScope> parse(std::string_view text);
};
template <>
struct confab::config::Value<confab::bridge::DialRange> {
    static std::string_view expected() { return "how numbers begin (+4930), or a range of beginnings of one length (0900-0905)"; }
    static std::optional<confab::bridge::DialRange> parse(std::string_view text);
};
