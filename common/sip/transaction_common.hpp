// What the client and the server transactions of one layer share: the lengths of timers, the wheel they run in, what they keep to send
// again, keys and random text.
#pragma once

#include <string>

#include "base/block_pool.hpp"
#include "base/random.hpp"
#include "sip/transaction_key.hpp"
#include "sip/transaction_timers.hpp"

namespace confab::sip {

struct TransactionCommon {
    TransactionCommon(const Timers& lengths_, const base::Seed& seed) : lengths(lengths_), random(seed), keys({random.next(), random.next()}) {}

    // Arms `timer` for the transaction that owns `armed`; `interval` keeps the length of its retransmission timer. True when the length is
    // zero: the timer is due now and the caller feeds it to the machine.
    bool arm(base::Now now, Timer timer, TimerOwner owner, ArmedTimers& armed, base::milliseconds& interval, bool is_reliable, bool proceeding) {
        const auto length = timer_length(timer, lengths, is_reliable, interval, proceeding);
        if (!length) return false;
        if (*length == base::milliseconds::zero()) return true;
        if (timer == Timer::a || timer == Timer::e || timer == Timer::g) interval = *length;
        timers.arm(armed, timer, now.steady + *length, owner);
        return false;
    }

    Timers lengths;
    TransactionTimers timers;
    base::BlockPool texts;
    std::string scratch;
    base::Random random;
    KeyMaker keys;
};

}  // namespace confab::sip
