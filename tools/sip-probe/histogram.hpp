// Latencies in buckets of less than 1 % width, from nanoseconds to a quarter of an hour: counts any number of them in fixed memory (the idea of HdrHistogram).
// Pure. Owner: anyone.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.hpp"

namespace confab::probe {

class Histogram {
public:
    Histogram();

    void record(base::Duration latency);  // a negative one counts as zero, one beyond the range as the longest
    std::uint64_t count() const { return count_; }
    // The latency that `percent` of all stay at or below: the upper edge of its bucket, never more than `max`. Zero when there is none.
    base::Duration percentile(double percent) const;
    base::Duration max() const { return max_; }

private:
    std::vector<std::uint64_t> buckets_;
    std::uint64_t count_ = 0;
    base::Duration max_{};
};

}  // namespace confab::probe
