// What the operator decides about entry: tries, wrong codes, roles, waiting, and how comings and goings are announced. Configuration. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.hpp"
#include "config/table.hpp"

namespace confab::bridge {

enum class WrongPasscode : std::uint8_t { reject, prompt, route };
enum class WrongLeaderPin : std::uint8_t { participant, refuse, prompt };
enum class WrongSecurityCode : std::uint8_t { refuse, prompt };
enum class AskLeaderPin : std::uint8_t { never, keyed, always };
enum class HostClaim : std::uint8_t { believe, ignore };
enum class HostLeaves : std::uint8_t { keep, end };
enum class Announce : std::uint8_t { tone, spoken, names, none };

struct EntryRules {
    WrongPasscode wrong_passcode = WrongPasscode::reject;
    std::string operator_uri;
    WrongLeaderPin wrong_leader_pin = WrongLeaderPin::prompt;
    WrongSecurityCode wrong_security_code = WrongSecurityCode::prompt;
    AskLeaderPin ask_leader_pin = AskLeaderPin::keyed;
    HostClaim host_claim = HostClaim::believe;
    HostLeaves host_leaves = HostLeaves::keep;
    Announce announce = Announce::none;
    bool announce_count = false;
    std::uint32_t wrong_passcode_code = 403, full_code = 486, locked_code = 403, not_started_code = 480, ended_code = 410;
    std::uint32_t tries = 3, passcode_length = 32, misses = 20;
    base::milliseconds digit_timeout{10'000}, misses_window{600'000}, host_wait{3'600'000};
    std::string language;
    base::milliseconds name_length{4'000}, name_pause{1'000};
};
config::Table entry_keys();  // all of them live
void check_entry_rules(const EntryRules& rules, const config::Entries& entries, config::Problems& problems);

}  // namespace confab::bridge

namespace confab::config {

template <>
struct Value<bridge::WrongPasscode> {
    static std::string_view expected() { return "reject, prompt or route"; }
    static std::optional<bridge::WrongPasscode> parse(std::string_view text);
};
template <>
struct Value<bridge::WrongLeaderPin> {
    static std::string_view expected() { return "participant, refuse or prompt"; }
    static std::optional<bridge::WrongLeaderPin> parse(std::string_view text);
};
template <>
struct Value<bridge::WrongSecurityCode> {
    static std::string_view expected() { return "refuse or prompt"; }
    static std::optional<bridge::WrongSecurityCode> parse(std::string_view text);
};
template <>
struct Value<bridge::AskLeaderPin> {
    static std::string_view expected() { return "never, keyed or always"; }
    static std::optional<bridge::AskLeaderPin> parse(std::string_view text);
};
template <>
struct Value<bridge::HostClaim> {
    static std::string_view expected() { return "believe or ignore"; }
    static std::optional<bridge::HostClaim> parse(std::string_view text);
};
template <>
struct Value<bridge::HostLeaves> {
    static std::string_view expected() { return "keep or end"; }
    static std::optional<bridge::HostLeaves> parse(std::string_view text);
};
template <>
struct Value<bridge::Announce> {
    static std::string_view expected() { return "tone, spoken, names or none"; }
    static std::optional<bridge::Announce> parse(std::string_view text);
};

}  // namespace confab::config
