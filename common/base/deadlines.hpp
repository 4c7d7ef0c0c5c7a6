// Timers as values: a set of (id, instant) pairs from which the earliest can be asked and taken.
// One deadline an id; setting it again moves it. A timer wheel with an index by id: constant cost, and nothing is allocated once it has grown.
// Pure: the owner tells the time. Id must be hashable, equality comparable and default constructible.
#pragma once

#include <optional>

#include "base/flat_map.hpp"
#include "base/timer_wheel.hpp"

namespace confab::base {

template <class Id>
class Deadlines {
public:
    void set(const Id& id, Instant at) {
        auto& timer = timers_[id];
        if (timer.handle != Wheel::kNoTimer) wheel_.cancel(timer.handle);
        timer.handle = wheel_.set(at, id);
    }

    void cancel(const Id& id) {
        const auto* timer = timers_.find(id);
        if (!timer) return;
        wheel_.cancel(timer->handle);
        timers_.erase(id);
    }

    bool contains(const Id& id) const { return timers_.contains(id); }
    std::size_t size() const { return timers_.size(); }

    // An instant that no deadline precedes (see TimerWheel::next).
    std::optional<Instant> next() { return wheel_.next(); }

    // Takes one id whose instant is not after `now`; call until it answers nothing. Equal instants leave in the order in which they were set.
    std::optional<Id> pop_due(Instant now) {
        auto id = wheel_.pop_due(now);
        if (id) timers_.erase(*id);
        return id;
    }

private:
    using Wheel = TimerWheel<Id>;
    struct Timer {
        typename Wheel::Handle handle = Wheel::kNoTimer;
    };

    Wheel wheel_;
    FlatMap<Id, Timer> timers_;
};

}  // namespace confab::base
