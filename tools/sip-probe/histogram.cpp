#include "sip-probe/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace confab::probe {
namespace {

// Below kParts every nanosecond has a bucket; above, each power of two is cut into kParts pieces.
constexpr std::uint64_t kParts = 128;
constexpr unsigned kPartBits = 7, kMaxBits = 40;
constexpr std::uint64_t kLongest = (std::uint64_t{1} << kMaxBits) - 1;
constexpr std::size_t kBuckets = (kMaxBits - kPartBits + 1) * kParts;

unsigned shift_of(std::uint64_t value) { return value < kParts ? 0 : static_cast<unsigned>(std::bit_width(value)) - kPartBits - 1; }

std::size_t bucket_of(std::uint64_t value) {
    if (value < kParts) return value;
    const auto shift = shift_of(value);
    return (shift + 1) * kParts + (value >> shift) - kParts;
}

std::uint64_t upper_edge(std::size_t bucket) {
    if (bucket < kParts) return bucket;
    const auto shift = bucket / kParts - 1;
    return ((bucket % kParts + kParts + 1) << shift) - 1;
}

}  // namespace

Histogram::Histogram() : buckets_(kBuckets) {}

void Histogram::record(base::Duration latency) {
    const auto value = std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(latency.count(), 0)), kLongest);
    ++buckets_[bucket_of(value)];
    ++count_;
    max_ = std::max(max_, base::Duration(value));
}

base::Duration Histogram::percentile(double percent) const {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(static_cast<double>(count_) * percent / 100));
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
        seen += buckets_[bucket];
        if (seen > 0 && seen >= wanted) return std::min(base::Duration(upper_edge(bucket)), max_);
    }
    return max_;
}

}  // namespace confab::probe
