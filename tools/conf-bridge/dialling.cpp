#include "conf-bridge/dialling.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "sip/grammar.hpp"

namespace confab::bridge {
namespace {

constexpr std::size_t kLongestNumber = 32, kLongestUser = 128;

std::unexpected<local::Failure> refuse(std::string code, std::string message) {
    return std::unexpected(local::Failure{std::move(code), std::move(message)});
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What has digits and no letter is a number, whatever stands between them: a gateway may drop all that is none.
bool is_number(std::string_view text) {
    return std::ranges::any_of(text, is_digit) && std::ranges::all_of(text, [](char c) { return is_digit(c) || std::string_view("+*#-_.!~'() ").contains(c); });
}

// Its digits, with * and #, and a + before them.
std::string number_of(std::string_view text) {
    std::string number;
    for (const char c : text)
        if (is_digit(c) || c == '*' || c == '#' || (c == '+' && number.empty())) number += c;
    return number;
}

bool is_user(std::string_view text) {
    return !text.empty() && text.size() <= kLongestUser && std::ranges::all_of(text, [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || std::string_view("-_.!~*'+").contains(c);
    });
}

bool is_in(const std::vector<DialRange>& ranges, std::string_view number) {
    return std::ranges::any_of(ranges, [&](const DialRange& range) { return range.contains(number); });
}

std::expected<DialTarget, local::Failure> number_target(const OutboundKeys& keys, std::string number, bool may_be_conference) {
    if (number.size() > kLongestNumber) return refuse("bad-target", "a number has at most 32 digits");
    if (is_in(keys.dial_denied, number)) return refuse("number-denied", "the number is in dial-denied");
    const bool is_allowed = is_in(keys.dial_prefixes, number);
    if (!is_allowed && !may_be_conference) return refuse("number-not-allowed", "no dial-prefixes allows the number");
    // '#' may not stand in a URI's user part as it is (RFC 3261 §25.1).
    std::string user;
    for (const char c : number) user += c == '#' ? std::string("%23") : std::string(1, c);
    return DialTarget{"sip:" + user + '@' + keys.dial_domains.front(), std::move(number), is_allowed};
}

}  // namespace

std::expected<DialTarget, local::Failure> dial_target(const OutboundKeys& keys, std::string_view text, bool may_be_conference) {
    if (keys.dial_out == Switch::off || keys.dial_domains.empty() || keys.outbound_proxy.transport.empty())
        return refuse("dial-out-off", "dial-out is off");
    if (base::istarts_with(text, "tel:")) text.remove_prefix(4);
    if (is_number(text)) return number_target(keys, number_of(text), may_be_conference);
    const auto uri = sip::parse_uri(text);
    if (!uri || !base::iequals(uri->scheme, "sip") || uri->user.empty() || !uri->params.text.empty() || !uri->headers.empty() ||
        uri->port != 0)
        return refuse("bad-target", "expected a number, or sip:user@domain without port, parameters and headers");
    if (std::ranges::none_of(keys.dial_domains, [&](const std::string& domain) { return base::iequals(domain, uri->host); }))
        return refuse("other-domain", "the URI's domain is not one of dial-domains");
    if (is_number(uri->user)) return number_target(keys, number_of(uri->user), may_be_conference);
    // A password would stand between user and host, where the parser drops it.
    const auto plain = "sip:" + std::string(uri->user) + '@' + std::string(uri->host);
    if (!is_user(uri->user) || !base::iequals(plain, text)) return refuse("bad-target", "expected sip:user@domain with a plain user part");
    return DialTarget{plain, {}, true};
}

std::string_view state_name(DialState state) {
    switch (state) {
        case DialState::queued:
            return "queued";
        case DialState::dialing:
            return "dialing";
        case DialState::ringing:
            return "ringing";
        case DialState::answered:
            return "answered";
        case DialState::connected:
            return "connected";
        case DialState::busy:
            return "busy";
        case DialState::no_answer:
            return "no answer";
        case DialState::declined:
            return "declined";
        case DialState::failed:
            return "failed";
    }
    return {};
}

DialState outcome_of(int status) {
    switch (status) {
        case 486:
        case 600:
            return DialState::busy;
        case 408:
        case 480:
        case 487:
            return DialState::no_answer;
        case 403:
        case 603:
        case 607:
            return DialState::declined;
        default:
            return DialState::failed;
    }
}

std::expected<void, local::Failure> DialBook::room_for(const OutboundKeys& keys, std::string_view conference, std::string_view user,
                                                       base::WallTime now) const {
    const auto of_conference = std::ranges::count_if(dials_, [&](const auto& row) { return row.second.conference == conference; });
    const auto waiting = std::ranges::count_if(dials_, [](const auto& row) { return row.second.state != DialState::connected; });
    if (static_cast<std::uint64_t>(of_conference) >= keys.dial_per_conference) return refuse("too-many", "dial-per-conference is reached");
    if (static_cast<std::uint64_t>(waiting) >= keys.dial_queue) return refuse("too-many", "dial-queue is full");
    if (!within_day(keys, user, now)) return refuse("too-many", "the calls of today are used up (dial-per-user, dial-per-day)");
    return {};
}

// An operator is no user: only the day's cap holds for him.
bool DialBook::within_day(const OutboundKeys& keys, std::string_view user, base::WallTime now) const {
    const bool is_today = std::chrono::floor<std::chrono::days>(now) == day_;
    const auto found = calls_of_.find(user);
    const auto of_user = is_today && found != calls_of_.end() ? found->second : 0;
    return (is_today ? calls_today_ : 0) < keys.dial_per_day && (user.empty() || of_user < keys.dial_per_user);
}

bool DialBook::count_call(const OutboundKeys& keys, std::string_view user, base::WallTime now) {
    if (!within_day(keys, user, now)) return false;
    if (const auto today = std::chrono::floor<std::chrono::days>(now); today != day_) {
        day_ = today;
        calls_today_ = 0;
        calls_of_.clear();
    }
    ++calls_today_;
    if (!user.empty()) ++calls_of_[std::string(user)];
    return true;
}

Dial& DialBook::add(Dial dial) {
    dial.id = ++last_;
    return dials_.emplace(dial.id, std::move(dial)).first->second;
}

Dial* DialBook::find(std::uint32_t id) {
    const auto found = dials_.find(id);
    return found == dials_.end() ? nullptr : &found->second;
}

Dial* DialBook::of_leg(media::LegId leg) {
    const auto found = std::ranges::find_if(dials_, [&](const auto& row) { return row.second.leg == leg; });
    return found == dials_.end() ? nullptr : &found->second;
}

Dial* DialBook::next(const OutboundKeys& keys) {
    const auto under_way = std::ranges::count_if(dials_, [](const auto& row) { return row.second.is_under_way(); });
    if (static_cast<std::uint64_t>(under_way) >= keys.dial_at_once) return nullptr;
    const auto found =
        std::ranges::find_if(dials_, [](const auto& row) { return row.second.state == DialState::queued && row.second.is_checked; });
    return found == dials_.end() ? nullptr : &found->second;
}

}  // namespace confab::bridge
