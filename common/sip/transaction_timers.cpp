#include "sip/transaction_timers.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace confab::sip {

std::optional<base::milliseconds> timer_length(Timer timer, const Timers& timers, bool is_reliable, base::milliseconds previous, bool proceeding) {
    const bool first = previous == base::milliseconds::zero();
    switch (timer) {
        case Timer::a:
            if (is_reliable) return std::nullopt;
            return first ? timers.t1 : 2 * previous;
        case Timer::e:
        case Timer::g:
            if (is_reliable) return std::nullopt;
            if (proceeding) return timers.t2;
            return first ? timers.t1 : std::min(2 * previous, timers.t2);
        case Timer::d: return is_reliable ? base::milliseconds::zero() : timers.d();
        case Timer::k:
        case Timer::i: return is_reliable ? base::milliseconds::zero() : timers.t4;
        case Timer::j: return is_reliable ? base::milliseconds::zero() : timers.b();
        case Timer::trying: return timers.trying;
        case Timer::b:
        case Timer::f:
        case Timer::h:
        case Timer::l:
        case Timer::m:
        case Timer::cancel: break;
    }
    return timers.b();
}

void TransactionTimers::arm(Armed& armed, Timer timer, base::Instant at, TimerOwner owner) {
    stop(armed, timer);
    for (auto& one : armed.at_) {
        if (one.handle != Wheel::kNoTimer) continue;
        one = {wheel_.set(at, {owner, timer}), timer};
        return;
    }
    CHECK(false, "a transaction runs three timers");
}

void TransactionTimers::stop(Armed& armed, Timer timer) {
    for (auto& one : armed.at_)
        if (one.handle != Wheel::kNoTimer && one.timer == timer) wheel_.cancel(std::exchange(one.handle, Wheel::kNoTimer));
}

void TransactionTimers::stop_all_but(Armed& armed, FlagSet<Timer> keep) {
    for (auto& one : armed.at_)
        if (one.handle != Wheel::kNoTimer && !keep.has(one.timer)) wheel_.cancel(std::exchange(one.handle, Wheel::kNoTimer));
}

void TransactionTimers::forget(Armed& armed, Timer timer) {
    for (auto& one : armed.at_)
        if (one.timer == timer) one.handle = Wheel::kNoTimer;
}

}  // namespace confab::sip
