// Tickets: a seat that goes with a caller from one bridge to another in a URI parameter, so that nobody keys a passcode twice. Pure.
//
// A ticket says which conference, under which dialled number, in which role, for which caller, at which bridge, after how many moves and until
// when, with an id of its own, all sealed by HMAC-SHA-256 under a secret that the bridges share. It replaces the prompt, never the
// authentication: the caller that a trusted peer asserts must be the one that it names. It holds no passcode and no PIN.
// It is good for at most a minute (`kLongestLife`) and once: `TicketWindow` remembers the ids until they expire. A window lives as long as
// its bridge runs, so a ticket that was made before the bridge's start, by the clock of who made it, is not taken: it may have been before.
// Text: base64url without padding, at most kLongestTicket characters. Owner: the signalling thread.
#pragma once

#include <cstdint>
#include <expected>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/hash.hpp"
#include "base/time.hpp"

namespace confab::bridge {

struct Ticket {
    enum class Seat : std::uint8_t { none, participant, host, claimed_host };  // none: only counts the moves

    Seat seat = Seat::none;
    std::uint8_t hops = 0;
    base::WallTime expires;  // whole seconds
    std::uint64_t id = 0;
    std::string number, conference;  // as dialled, and what the first bridge found behind it
    std::string caller;
    std::string bridge;  // where it is good; empty: at any that has the secret
    base::WallTime made;  // whole milliseconds
    bool operator==(const Ticket&) const = default;
};

enum class TicketFault : std::uint8_t { unreadable, forged, expired, older, other_caller, other_number, other_bridge, used };
std::string_view fault_text(TicketFault fault);

inline constexpr base::seconds kLongestLife{60};
inline constexpr base::seconds kClockSkew{2};  // between the bridges' clocks
inline constexpr std::size_t kLongestTicket = 1024;

class TicketSeal {
public:
    // One secret a line: the first seals, all are accepted, so that a secret can be replaced without losing a caller.
    explicit TicketSeal(std::string_view secrets);

    std::string write(const Ticket& ticket) const;  // empty where a text is longer than 255 octets
    std::expected<Ticket, TicketFault> read(std::string_view text) const;

private:
    struct Key {
        std::string id;
        base::HmacSha256 seal;
    };
    std::vector<Key> keys_;
};

// What the bearer must match.
struct Bearer {
    std::string_view number, caller, bridge;
};
// `started`: when the bridge did that is shown the ticket.
std::expected<void, TicketFault> verify(const Ticket& ticket, base::WallTime now, base::WallTime started, const Bearer& bearer);

class TicketWindow {
public:
    explicit TicketWindow(std::size_t limit = 10'000) : limit_(limit) {}
    // False where the id was taken before, or where too many are remembered to be sure.
    bool take(base::WallTime now, const Ticket& ticket);
    std::size_t size() const { return taken_.size(); }

private:
    std::size_t limit_;
    std::set<std::pair<base::WallTime, std::uint64_t>> by_expiry_;
    std::unordered_set<std::uint64_t> taken_;
};

}  // namespace confab::bridge
