// Calls that the bridge makes: whom it may call, and the book of those under way. Pure. Owner: the signalling thread.
//
// Dialling out costs money and is what thieves of telephone service look for, so nothing is dialled unless `dial-out` is on, and what is
// dialled is built anew from what was checked: a number without visual separators, or a user of one of the site's domains. Parameters,
// headers, passwords and ports of a given URI are refused, and a 3xx to a call of ours is a failure, never followed.
// A dial is one wish to have somebody in a conference; it may take several calls. Bounds: `dial-queue` and the caps of OutboundKeys.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "conf-bridge/outbound_keys.hpp"
#include "local/messages.hpp"
#include "media/room.hpp"
#include "sip/dialog.hpp"

namespace confab::bridge {

struct DialTarget {
    std::string uri;       // what is dialled
    std::string number;    // empty for a user
    bool is_allowed = true;  // false: a number that dial-prefixes does not allow; it may still be a conference
};
// The failure names the reason: dial-out-off, bad-target, other-domain, number-denied, number-not-allowed.
std::expected<DialTarget, local::Failure> dial_target(const OutboundKeys& keys, std::string_view text, bool may_be_conference = false);

inline constexpr std::size_t kLongestDialName = 128;

enum class DialState : std::uint8_t { queued, dialing, ringing, answered, connected, busy, no_answer, declined, failed };
std::string_view state_name(DialState state);
DialState outcome_of(int status);  // of a final response other than 2xx
constexpr bool may_repeat(DialState state) { return state == DialState::busy || state == DialState::no_answer; }

// Who hears by NOTIFY how a dial goes (RFC 3515 §2.4): a member in whose dialog the REFER came, or a dialog that the REFER itself made.
struct Referrer {
    media::LegId leg{};  // 0: `dialog`
    sip::Dialog dialog;
    std::string contact;
    std::uint32_t cseq = 0;  // of the REFER: the subscription's id
};

struct Dial {
    std::uint32_t id = 0;
    std::string conference, name;
    DialTarget target;
    std::string authoriser;       // as records and events show it
    std::string user;             // whose cap it counts for
    std::string referred_by;      // RFC 3892, passed on
    std::optional<Referrer> referrer;
    DialState state = DialState::queued;
    int code = 0;                 // of the last final response, 0 before one
    std::uint32_t attempt = 0;
    media::LegId leg{};           // of the call under way, 0 between calls
    base::WallTime since;
    bool is_checked = true;       // false while the directory is asked whether the number is a conference

    bool is_under_way() const { return leg.value != 0 && state != DialState::connected; }
};

class DialBook {
public:
    // Whether one more is within the bounds; the failure's code says which is reached.
    std::expected<void, local::Failure> room_for(const OutboundKeys& keys, std::string_view conference, std::string_view user,
                                                 base::WallTime now) const;
    Dial& add(Dial dial);
    Dial* find(std::uint32_t id);
    Dial* of_leg(media::LegId leg);
    void erase(std::uint32_t id) { dials_.erase(id); }
    // One call more of this user today; false where a day's cap is reached.
    bool count_call(const OutboundKeys& keys, std::string_view user, base::WallTime now);
    // The oldest that waits, while fewer than `dial-at-once` are under way.
    Dial* next(const OutboundKeys& keys);

    const std::map<std::uint32_t, Dial>& all() const { return dials_; }
    std::map<std::uint32_t, Dial>& all() { return dials_; }

private:
    bool within_day(const OutboundKeys& keys, std::string_view user, base::WallTime now) const;

    std::map<std::uint32_t, Dial> dials_;  // by id: the order of asking
    std::uint32_t last_ = 0;
    std::chrono::sys_days day_{};
    std::uint64_t calls_today_ = 0;
    std::map<std::string, std::uint64_t, std::less<>> calls_of_;  // today, by user; no more of them than calls
};

}  // namespace confab::bridge
