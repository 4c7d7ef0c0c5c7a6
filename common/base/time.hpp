// Time as an argument.
//
// Only common/io reads a clock; everything else is told the time as a `Now`. `steady` never jumps and drives timers;
// `wall` is civil time and is used only where a value outlives the run (bindings on disk, nonces shared by sites).
// Tests own both.
#pragma once

#include <chrono>

namespace confab::base {

using Instant = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
using Duration = std::chrono::nanoseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Now {
    Instant steady;
    WallTime wall;
};

}  // namespace confab::base
