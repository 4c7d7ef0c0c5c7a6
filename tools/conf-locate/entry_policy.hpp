// What a conference asks of those who want to enter, and what they hear. A value; its checks, and its part of messages. Pure.
//
// The directory keeps it and bridges act on it. Texts that are empty leave the choice to the bridge. `starts` and `ends` are points in
// time, 2026-11-21T09:00:00Z. Leader PIN and security code are secrets: only a `resolve` that admits its caller holds them.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "local/messages.hpp"

namespace confab::locate {

struct EntryPolicy {
    std::string leader_pin, security_code;
    bool wait_for_host = false, lobby = false;
    std::string host_leaves, language, announce;
    std::string starts, ends;
    bool operator==(const EntryPolicy&) const = default;
};

std::expected<EntryPolicy, local::Failure> read_entry_policy(const local::Value& arguments);

// For a bridge whose caller is admitted, and masked for people.
void append_terms(local::Value& reply, const EntryPolicy& policy);
void append_masked(local::Value& row, const EntryPolicy& policy);

bool is_code(std::string_view text);      // letters and digits, at most 32
bool is_language(std::string_view text);  // a language tag (RFC 5646) as far as we look: letters, digits and -, at most 16; or nothing

// Seconds since 1970; empty for what is no such time.
std::optional<std::int64_t> seconds_of(std::string_view time);

}  // namespace confab::locate
