// What a leg and the focus keep for calls and referrals of their own. Values. Owner: the signalling thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "conf-bridge/dialling.hpp"
#include "conf-bridge/referral.hpp"
#include "conf-bridge/ticket.hpp"
#include "sip/transactions.hpp"

namespace confab::bridge {

// Where a conference lives that is not here.
struct Home {
    std::string uri, bridge, conference;
    Ticket::Seat seat = Ticket::Seat::none;  // what the caller has shown to be entitled to
};

struct Outgoing {
    // A leg that we called.
    std::uint32_t dial = 0;  // 0: it called us
    sip::ClientId client{};
    DialState outcome = DialState::failed;  // and its code: what the call came to, once it is over
    int code = 0;
    bool confirming = false;  // it is asked to press 1
    std::string authoriser;   // who had it called, for its record

    // A leg that we send elsewhere, or that came from elsewhere.
    std::optional<Referral> referral;
    std::optional<Home> home;  // answered only to be referred there
    std::uint8_t hops = 0;     // moves that brought it here, as its ticket says
    bool settled = false;      // its ticket names no bridge: it stays where it was sent
    bool asked_to_move = false;

    // Messages to the room in the ten seconds since `relay_since`.
    std::uint32_t relayed = 0;
    base::Instant relay_since{};
};

struct Outbound {
    DialBook book;
    std::optional<TicketSeal> seal;
    TicketWindow window;
    base::WallTime started;  // whose tickets nobody remembers, if they are older
};

}  // namespace confab::bridge
