#include "conf-locate/directory.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "base/text.hpp"

namespace confab::locate {
namespace {

constexpr std::size_t kNumberLength = 32, kNameLength = 128, kBridgeNameLength = 64, kLongestHome = 256;
constexpr std::int64_t kMostMembers = 100'000;

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_display_name(std::string_view text) {
    return text.size() <= kNameLength && std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

std::unexpected<local::Failure> failure(std::string code, std::string message) {
    return std::unexpected(local::Failure{std::move(code), std::move(message)});
}
std::unexpected<local::Failure> bad(std::string message) { return failure("bad-argument", "expected " + std::move(message)); }

template <class Map>
auto* after(const Map& map, std::string_view key) {
    const auto found = map.upper_bound(key);
    return found == map.end() ? nullptr : &found->second;
}

}  // namespace

bool is_number(std::string_view text) {
    const auto dialable = [](char c) { return (c >= '0' && c <= '9') || c == '*' || c == '#' || c == '+'; };
    return !text.empty() && text.size() <= kNumberLength && std::ranges::all_of(text, dialable);
}

bool is_home(std::string_view text) {
    const bool is_sip = text.starts_with("sip:") || text.starts_with("sips:");
    const auto rest = text.substr(std::min(text.find(':') + 1, text.size()));
    return is_sip && !rest.empty() && text.size() <= kLongestHome && std::ranges::all_of(rest, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || std::string_view(".-_:;=[]").contains(c);
    });
}

bool is_bridge_name(std::string_view text) {
    const auto fits = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; };
    return !text.empty() && text.size() <= kBridgeNameLength && std::ranges::all_of(text, fits);
}

Directory::Directory(const Limits& limits, base::Random& random) : limits_(limits), secret_(random.token(32)) {}

Directory::Plan Directory::plan(std::string_view command, const local::Value& arguments) const {
    const auto number = arguments.text("number");
    if (!is_number(number)) return bad("number to be 1 to 32 of 0-9 * # +");
    if (command == "conference-add") return plan_conference(arguments);
    if (command == "dnis-add") return plan_access_number(arguments);
    if (command == "conference-del") {
        if (!conferences_.contains(number)) return std::nullopt;
        return EraseConference{std::string(number)};
    }
    if (!access_numbers_.contains(number)) return std::nullopt;
    return EraseAccessNumber{std::string(number)};
}

Directory::Plan Directory::plan_conference(const local::Value& arguments) const {
    const auto members = arguments.integer("max_members");
    auto entry = read_entry_policy(arguments);
    if (!entry) return std::unexpected(entry.error());
    Conference conference{.number = std::string(arguments.text("number")),
                          .passcode = std::string(arguments.text("passcode")),
                          .name = std::string(arguments.text("name")),
                          .max_members = static_cast<std::uint32_t>(std::clamp<std::int64_t>(members, 0, kMostMembers)),
                          .bridge = std::string(arguments.text("bridge")),
                          .entry = std::move(*entry),
                          .home = std::string(arguments.text("home"))};
    if (!is_code(conference.passcode)) return bad("passcode to be letters and digits, at most 32");
    if (!is_display_name(conference.name)) return bad("name to be a line of at most 128 octets");
    if (members < 0 || members > kMostMembers) return bad("max_members to be 0 to 100000");
    if (!conference.home.empty() && !is_home(conference.home)) return bad("home to be a SIP URI without user part, at most 256 octets");
    if (!conference.bridge.empty() && !is_bridge_name(conference.bridge)) return bad("bridge to be a bridge's name");
    if (access_numbers_.contains(conference.number)) return failure("number-in-use", "the number is an access number");
    const auto known = conferences_.find(conference.number);
    if (known != conferences_.end() && known->second == conference) return std::nullopt;
    if (known == conferences_.end() && conferences_.size() >= limits_.conferences)
        return failure("too-many", "the configured bound on conferences is reached");
    return conference;
}

Directory::Plan Directory::plan_access_number(const local::Value& arguments) const {
    AccessNumber access{.number = std::string(arguments.text("number")), .conference = std::string(arguments.text("conference")),
                        .language = std::string(arguments.text("language"))};
    if (!is_language(access.language)) return bad("language to be a language tag like de or en-GB");
    if (conferences_.contains(access.number)) return failure("number-in-use", "the number is a conference");
    if (!access.conference.empty() && !conferences_.contains(access.conference)) return failure("no-such-conference", "there is no such conference");
    const auto known = access_numbers_.find(access.number);
    if (known != access_numbers_.end() && known->second == access) return std::nullopt;
    if (known == access_numbers_.end() && access_numbers_.size() >= limits_.access_numbers)
        return failure("too-many", "the configured bound on access numbers is reached");
    return access;
}

void Directory::apply(const Change& change) {
    if (const auto* conference = std::get_if<Conference>(&change)) put(*conference);
    if (const auto* gone = std::get_if<EraseConference>(&change)) erase(*gone);
    if (const auto* access = std::get_if<AccessNumber>(&change)) access_numbers_.insert_or_assign(access->number, *access);
    if (const auto* gone = std::get_if<EraseAccessNumber>(&change)) access_numbers_.erase(gone->number);
}

void Directory::put(const Conference& conference) {
    const auto known = conferences_.find(conference.number);
    if (known != conferences_.end()) forget_passcode(known->second);
    conferences_.insert_or_assign(conference.number, conference);
    if (!conference.passcode.empty()) by_passcode_.emplace(passcode_key(conference.passcode), conference.number);
}

void Directory::erase(const EraseConference& gone) {
    const auto known = conferences_.find(gone.number);
    if (known == conferences_.end()) return;
    forget_passcode(known->second);
    conferences_.erase(known);
    std::erase_if(access_numbers_, [&](const auto& entry) { return entry.second.conference == gone.number; });
}

void Directory::forget_passcode(const Conference& conference) {
    auto [at, end] = by_passcode_.equal_range(passcode_key(conference.passcode));
    for (; at != end; ++at) {
        if (at->second != conference.number) continue;
        by_passcode_.erase(at);
        return;
    }
}

std::string Directory::passcode_key(std::string_view passcode) const { return base::hmac_sha256(secret_, passcode); }

std::size_t Directory::count_of_passcode(std::string_view passcode) const { return by_passcode_.count(passcode_key(passcode)); }

Directory::Dialled Directory::find(std::string_view number) const {
    auto conference = conferences_.find(number);
    if (conference != conferences_.end()) return {true, &conference->second};
    const auto access = access_numbers_.find(number);
    if (access == access_numbers_.end()) return {};
    if (access->second.conference.empty()) return {true, nullptr};
    conference = conferences_.find(access->second.conference);
    return conference == conferences_.end() ? Dialled{} : Dialled{true, &conference->second};
}

// A number that nobody has answers like a wrong passcode.
Directory::Entry Directory::resolve(std::string_view number, std::string_view passcode, bool vouched) const {
    const auto dialled = find(number);
    const auto access = access_numbers_.find(number);
    std::string_view language = access == access_numbers_.end() ? std::string_view{} : access->second.language;
    if (dialled.conference) {
        const auto& conference = *dialled.conference;
        if (language.empty()) language = conference.entry.language;
        if (conference.passcode.empty()) return {&conference, false, language};
        // Texts of one length are compared, so that not even the length shows.
        const bool right = vouched || base::equal_in_constant_time(passcode_key(passcode), passcode_key(conference.passcode));
        return {right ? &conference : nullptr, true, language};
    }
    if (!dialled.known) return {};
    const auto [first, end] = by_passcode_.equal_range(passcode_key(passcode));
    // A passcode that two conferences share names neither.
    if (first == end || std::next(first) != end) return {nullptr, true, language};
    const auto& conference = conferences_.find(first->second)->second;
    return {&conference, true, language.empty() ? conference.entry.language : language};
}

const Conference* Directory::conference_after(std::string_view number) const { return after(conferences_, number); }
const AccessNumber* Directory::access_number_after(std::string_view number) const { return after(access_numbers_, number); }

}  // namespace confab::locate
