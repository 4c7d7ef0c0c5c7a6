// What came of a load: counts of everything from the first operation on, latencies and rate of the window after the warm-up. Pure.
#pragma once

#include <map>
#include <string>

#include "local/value.hpp"
#include "sip-probe/histogram.hpp"

namespace confab::probe {

struct LoadTally {
    std::uint64_t sent = 0;      // operations begun
    std::uint64_t answered = 0;  // ended as they should
    std::map<std::string, std::uint64_t> failures;  // by status or by word: timeout, closed, not-sent
    std::map<int, std::uint64_t> answers;           // of a flood, which expects nothing
    std::uint64_t retransmitted = 0;                // requests sent again
    std::uint64_t repeated = 0;                     // answers that came again
    std::uint64_t stray = 0;                        // messages that belong to nothing
    std::uint64_t closed = 0;                       // connections that ended before we did

    Histogram latency;            // from the intended start to the final answer; of a call, to the 200
    std::uint64_t completed = 0;  // within the window
    double seconds = 0;           // the window's length
    Histogram resumed;            // from a connection's return to the final answer of what was open on it

    // Of the callee's side.
    std::uint64_t invited = 0, acknowledged = 0, ended = 0;

    std::uint64_t failed() const;
    std::uint64_t timed_out() const;
    std::uint64_t refused_credentials() const;  // 401, 403, 407
};

local::Value to_value(const LoadTally& tally, std::string_view operation);
// Lines for people.
std::string to_text(const LoadTally& tally, std::string_view operation);

}  // namespace confab::probe
