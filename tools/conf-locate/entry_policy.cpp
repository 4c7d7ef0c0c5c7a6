#include "conf-locate/entry_policy.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

namespace confab::locate {
namespace {

constexpr std::size_t kCodeLength = 32, kLanguageLength = 16;
constexpr std::string_view kMask = "****";

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
    return text.empty() || std::ranges::find(words, text) != words.end();
}

std::string_view masked(std::string_view secret) { return secret.empty() ? std::string_view{} : kMask; }

int number_at(std::string_view text, std::size_t at, std::size_t length) {
    int value = -1;
    const auto* end = text.data() + at + length;
    return std::from_chars(text.data() + at, end, value).ptr == end ? value : -1;
}

const char* problem_of(const EntryPolicy& policy) {
    static constexpr std::array<std::string_view, 2> kHostLeaves = {"keep", "end"};
    static constexpr std::array<std::string_view, 4> kAnnounce = {"tone", "spoken", "names", "none"};
    if (!is_code(policy.leader_pin)) return "leader_pin to be letters and digits, at most 32";
    if (!is_code(policy.security_code)) return "security_code to be letters and digits, at most 32";
    if (!is_language(policy.language)) return "language to be a language tag like de or en-GB";
    if (!is_one_of(policy.host_leaves, kHostLeaves)) return "host_leaves to be keep or end";
    if (!is_one_of(policy.announce, kAnnounce)) return "announce to be tone, spoken, names or none";
    if (!policy.starts.empty() && !seconds_of(policy.starts)) return "starts to be a time like 2026-11-21T09:00:00Z";
    if (!policy.ends.empty() && !seconds_of(policy.ends)) return "ends to be a time like 2026-11-21T09:00:00Z";
    return nullptr;
}

}  // namespace

bool is_code(std::string_view text) { return text.size() <= kCodeLength && std::ranges::all_of(text, is_alphanumeric); }

bool is_language(std::string_view text) {
    return text.size() <= kLanguageLength && std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '-'; });
}

std::optional<std::int64_t> seconds_of(std::string_view time) {
    static constexpr std::string_view kShape = "0000-00-00T00:00:00Z";
    if (time.size() != kShape.size()) return std::nullopt;
    for (std::size_t i = 0; i < kShape.size(); ++i)
        if (kShape[i] == '0' ? time[i] < '0' || time[i] > '9' : time[i] != kShape[i]) return std::nullopt;
    const std::chrono::year_month_day date(std::chrono::year(number_at(time, 0, 4)), std::chrono::month(static_cast<unsigned>(number_at(time, 5, 2))),
                                           std::chrono::day(static_cast<unsigned>(number_at(time, 8, 2))));
    const int hours = number_at(time, 11, 2), minutes = number_at(time, 14, 2), seconds = number_at(time, 17, 2);
    if (!date.ok() || hours > 23 || minutes > 59 || seconds > 59) return std::nullopt;
    const auto days = std::chrono::sys_days(date).time_since_epoch();
    return std::chrono::seconds(days).count() + hours * 3600 + minutes * 60 + seconds;
}

std::expected<EntryPolicy, local::Failure> read_entry_policy(const local::Value& arguments) {
    EntryPolicy policy{.leader_pin = std::string(arguments.text("leader_pin")),
                       .security_code = std::string(arguments.text("security_code")),
                       .wait_for_host = arguments.flag("wait_for_host"),
                       .lobby = arguments.flag("lobby"),
                       .host_leaves = std::string(arguments.text("host_leaves")),
                       .language = std::string(arguments.text("language")),
                       .announce = std::string(arguments.text("announce")),
                       .starts = std::string(arguments.text("starts")),
                       .ends = std::string(arguments.text("ends"))};
    if (const auto* problem = problem_of(policy)) return std::unexpected(local::Failure{"bad-argument", std::string("expected ") + problem});
    return policy;
}

void append_terms(local::Value& reply, const EntryPolicy& policy) {
    reply.set("leader_pin", policy.leader_pin);
    reply.set("security_code", policy.security_code);
    reply.set("wait_for_host", policy.wait_for_host);
    reply.set("lobby", policy.lobby);
    reply.set("host_leaves", policy.host_leaves);
    reply.set("announce", policy.announce);
    reply.set("starts", seconds_of(policy.starts).value_or(0));
    reply.set("ends", seconds_of(policy.ends).value_or(0));
}

void append_masked(local::Value& row, const EntryPolicy& policy) {
    row.set("leader_pin", masked(policy.leader_pin));
    row.set("security_code", masked(policy.security_code));
    row.set("wait_for_host", policy.wait_for_host);
    row.set("lobby", policy.lobby);
    row.set("host_leaves", policy.host_leaves);
    row.set("language", policy.language);
    row.set("announce", policy.announce);
    row.set("starts", policy.starts);
    row.set("ends", policy.ends);
}

}  // namespace confab::locate
