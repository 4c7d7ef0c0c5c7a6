// The timers of all transactions of one layer: one deadline for each (transaction, timer), in one wheel.
//
// Each transaction carries an `ArmedTimers`: no state of a machine runs more than two. They must be stopped before a transaction's slot is freed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "base/timer_wheel.hpp"
#include "sip/machine.hpp"
#include "sip/transactions.hpp"

namespace confab::sip {

// A transaction's slot in its table; the slot is its own until its timers are stopped.
struct TimerOwner {
    std::uint32_t index = 0;
    bool is_server = false;
};

// How long `timer` runs (RFC 3261 Table 4), nothing where it is not used. `previous` is the interval that just ended, zero at first; it
// matters for the retransmission timers A, E and G. `proceeding`: Timer E runs at T2 once a provisional has come (§17.1.2.2).
std::optional<base::milliseconds> timer_length(Timer timer, const Timers& timers, bool is_reliable, base::milliseconds previous, bool proceeding);

class TransactionTimers {
public:
    struct Due {
        TimerOwner owner;
        Timer timer{};
    };

private:
    using Wheel = base::TimerWheel<Due>;

public:
    class Armed {
        friend class TransactionTimers;
        struct One {
            Wheel::Handle handle = Wheel::kNoTimer;
            Timer timer{};
        };
        std::array<One, 2> at_;
    };

    void arm(Armed& armed, Timer timer, base::Instant at, TimerOwner owner);
    void stop(Armed& armed, Timer timer);
    void stop_all_but(Armed& armed, FlagSet<Timer> keep);

    std::optional<base::Instant> next() { return wheel_.next(); }
    // Takes the earliest timer that is due; it is no longer armed then. `find(owner)` answers the transaction's Armed.
    template <class Find>
    std::optional<Due> pop_due(base::Instant now, Find&& find) {
        const auto due = wheel_.pop_due(now);
        if (due) forget(find(due->owner), due->timer);
        return due;
    }

private:
    static void forget(Armed& armed, Timer timer);

    Wheel wheel_;
};
using ArmedTimers = TransactionTimers::Armed;

}  // namespace confab::sip
