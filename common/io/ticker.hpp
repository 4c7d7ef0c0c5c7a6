// An absolute 20 ms beat (timerfd) on a loop: the media clock. A missed tick is counted and skipped, never made up in a burst.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "io/loop.hpp"

namespace confab::io {

class Ticker {
public:
    Ticker(Loop& loop, base::Duration period, std::function<void(base::Now, std::uint64_t tick)> on_tick);
    ~Ticker();
    std::uint64_t missed() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace confab::io
