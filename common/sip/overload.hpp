// Overload control from measured queue delay: how much of the work that arrives is refused with 503, so that what is admitted is answered
// in time. Pure; one thread owns it.
//
// The owner tells how long the first datagram of each batch had waited in the kernel, and 0 for streams, where nobody can tell. When even the shortest wait of an interval is above
// `delay`, a larger share of fresh work is refused (requests outside a dialog that renew nothing); only when all of that is refused and
// the wait is still above four times `delay`, ongoing work is refused too (refreshes, requests in a dialog). The shares shrink again when
// the shortest wait is below half of `delay`: between the two they stay (hysteresis). An interval with few batches raises nothing: who has
// little to do and was kept from it by others is not overloaded. Emergency calls, BYE, CANCEL and ACK are never refused.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace confab::sip {

class Overload {
public:
    struct Limits {
        base::milliseconds delay{0};  // 0: nothing is refused
        base::milliseconds interval{100};
    };
    enum class Work : std::uint8_t { fresh, ongoing, emergency };

    void set_limits(const Limits& limits) { limits_ = limits; }
    void batch_begin(base::Instant now, base::Duration queue_delay);
    // Asked once for each request; the refused ones are spread evenly over those that ask.
    bool admits(Work work);

    // Thousandths of work refused now.
    std::uint32_t refused_fresh() const { return fresh_.share; }
    std::uint32_t refused_ongoing() const { return ongoing_.share; }

private:
    struct Valve {
        std::uint32_t share = 0;  // thousandths refused
        std::uint32_t owed = 0;
        bool refuses();
    };
    void adjust(base::Duration lowest);

    Limits limits_;
    Valve fresh_, ongoing_;
    base::Instant interval_end_{};
    base::Duration lowest_{};
    int batches_ = 0;  // of this interval
};

}  // namespace confab::sip
