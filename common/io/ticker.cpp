#include "io/ticker.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.hpp"
#include "io/descriptor.hpp"
#include "io/error.hpp"

namespace confab::io {

namespace {

timespec to_timespec(base::Duration since_boot) {
    const auto whole = std::chrono::floor<base::seconds>(since_boot);
    return {static_cast<time_t>(whole.count()), static_cast<long>((since_boot - whole).count())};
}

}  // namespace

struct Ticker::Impl {
    using OnTick = std::function<void(base::Now, std::uint64_t)>;

    Impl(Loop& loop_used, base::Duration period, OnTick callback)
        : loop(loop_used),
          on_tick(std::make_shared<OnTick>(std::move(callback))),
          clock(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
        if (!clock) throw StartupError(kOsError, "timerfd: " + os_error_text(errno));
        const auto first = loop.now().steady.time_since_epoch() + period;
        const itimerspec beat{to_timespec(period), to_timespec(first)};
        CHECK(timerfd_settime(clock.get(), TFD_TIMER_ABSTIME, &beat, nullptr) == 0, os_error_text(errno));
        watch = std::make_unique<Watch>(loop, clock.get());
        watch->on_readable([this] { fired(); });
    }

    void fired() {
        std::uint64_t expirations = 0;
        if (::read(clock.get(), &expirations, sizeof expirations) != static_cast<ssize_t>(sizeof expirations) || expirations == 0) return;
        tick += expirations;
        missed += expirations - 1;
        const auto callback = on_tick;  // the Ticker may be destroyed in it
        (*callback)(loop.now(), tick - 1);
    }

    Loop& loop;
    std::shared_ptr<OnTick> on_tick;
    Descriptor clock;
    std::unique_ptr<Watch> watch;
    std::uint64_t tick = 0, missed = 0;
};

Ticker::Ticker(Loop& loop, base::Duration period, std::function<void(base::Now, std::uint64_t tick)> on_tick)
    : impl_(std::make_unique<Impl>(loop, period, std::move(on_tick))) {}
Ticker::~Ticker() = default;
std::uint64_t Ticker::missed() const { return impl_->missed; }

}  // namespace confab::io
