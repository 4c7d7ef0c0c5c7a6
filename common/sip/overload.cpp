#include "sip/overload.hpp"

#include <algorithm>

namespace confab::sip {
namespace {

constexpr std::uint32_t kAll = 1000;
constexpr std::uint32_t kStepUp = 100, kStepDown = 50;  // each interval: up fast, down slowly
constexpr int kSevere = 4;
constexpr int kFewBatches = 5;

void raise(std::uint32_t& share) { share = std::min(kAll, share + kStepUp); }
void lower(std::uint32_t& share, std::uint64_t steps) {
    share -= static_cast<std::uint32_t>(std::min<std::uint64_t>(share, steps * kStepDown));
}

}  // namespace

bool Overload::Valve::refuses() {
    owed += share;
    if (owed < kAll) return false;
    owed -= kAll;
    return true;
}

void Overload::batch_begin(base::Instant now, base::Duration queue_delay) {
    if (limits_.delay.count() == 0) {
        fresh_ = ongoing_ = {};
        return;
    }
    if (now >= interval_end_) {
        if (batches_ > 0) adjust(lowest_);
        // Intervals in which nothing was measured had no queue.
        const auto idle = static_cast<std::uint64_t>((now - interval_end_) / limits_.interval) + (batches_ == 0 ? 1 : 0);
        lower(ongoing_.share, idle);
        lower(fresh_.share, idle);
        batches_ = 0;
        interval_end_ = now + limits_.interval;
    }
    if (queue_delay.count() == 0) return;
    lowest_ = batches_++ == 0 ? queue_delay : std::min(lowest_, queue_delay);
}

void Overload::adjust(base::Duration lowest) {
    if (lowest > limits_.delay && batches_ < kFewBatches) return;
    if (lowest > kSevere * limits_.delay && fresh_.share == kAll) return raise(ongoing_.share);
    if (lowest > limits_.delay) return raise(fresh_.share);
    if (2 * lowest >= limits_.delay) return;
    if (ongoing_.share > 0) return lower(ongoing_.share, 1);
    lower(fresh_.share, 1);
}

bool Overload::admits(Work work) {
    if (work == Work::emergency || fresh_.share == 0) return true;
    return !(work == Work::fresh ? fresh_ : ongoing_).refuses();
}

}  // namespace confab::sip
