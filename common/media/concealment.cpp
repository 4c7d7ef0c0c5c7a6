#include "media/concealment.hpp"

#include <algorithm>
#include <cmath>

namespace confab::media {
namespace {

constexpr std::size_t kCoarse = 8000;  // lags are searched on this grid first

std::int16_t rounded(float sample) { return static_cast<std::int16_t>(std::lrintf(std::clamp(sample, -32768.0F, 32767.0F))); }
constexpr std::size_t in_ms(std::uint32_t rate, std::size_t milliseconds) { return rate * milliseconds / 1000; }

}  // namespace

// Voices have 66 to 400 Hz. A cycle of 2.5 ms would sound like a buzzer, so those above 200 Hz repeat two periods or more.
Concealment::Concealment(std::uint32_t rate)
    : shortest_(in_ms(rate, 5)),
      longest_(in_ms(rate, 15)),
      span_(in_ms(rate, 20)),
      join_(in_ms(rate, 5)),
      hold_(in_ms(rate, 20)),
      gone_(in_ms(rate, 100)),
      past_(longest_ + span_),
      cycle_(longest_) {}

void Concealment::hear(std::span<std::int16_t> sound) {
    if (missing_ > 0) {
        const std::size_t join = std::min(join_, sound.size());
        for (std::size_t i = 0; i < join; ++i) {
            const float weight = static_cast<float>(i + 1) / static_cast<float>(join + 1);
            sound[i] = rounded(weight * static_cast<float>(sound[i]) + (1 - weight) * next());
        }
        missing_ = 0;
    }
    remember(sound);
}

void Concealment::fill(std::span<std::int16_t> lost) {
    if (missing_ == 0) begin();
    for (auto& sample : lost) sample = rounded(next());
    remember(lost);
}

// Takes the last pitch period out of the past. Its end is blended into what came before its beginning, so that it repeats without a step.
void Concealment::begin() {
    period_ = pitch();
    at_ = 0;
    const auto* end = past_.data() + past_.size();
    for (std::size_t i = 0; i < period_; ++i) cycle_[i] = *(end - period_ + i);
    const std::size_t blend = period_ / 4;
    for (std::size_t i = 0; i < blend; ++i) {
        const float weight = static_cast<float>(i + 1) / static_cast<float>(blend + 1);
        float& sample = cycle_[period_ - blend + i];
        sample = (1 - weight) * sample + weight * static_cast<float>(*(end - period_ - blend + i));
    }
    step_ = static_cast<float>(end[-1]) - static_cast<float>(*(end - period_ - 1));
}

float Concealment::next() {
    if (missing_ >= gone_) return 0;
    float sample = cycle_[at_];
    at_ = at_ + 1 == period_ ? 0 : at_ + 1;
    if (missing_ < join_) sample += step_ * (1 - static_cast<float>(missing_ + 1) / static_cast<float>(join_));
    if (missing_ > hold_) sample *= static_cast<float>(gone_ - missing_) / static_cast<float>(gone_ - hold_);
    ++missing_;
    return sample;
}

std::size_t Concealment::pitch() const {
    const std::size_t step = std::max<std::size_t>(1, span_ * 50 / kCoarse);
    const std::size_t coarse = best_lag(shortest_, longest_, step);
    return step == 1 ? coarse : best_lag(std::max(shortest_, coarse - step), std::min(longest_, coarse + step), 1);
}

// The lag by which the end of the past resembles itself most. Every `step`th lag and sample is looked at.
std::size_t Concealment::best_lag(std::size_t from, std::size_t to, std::size_t step) const {
    const auto* recent = past_.data() + past_.size() - span_;
    const std::size_t stride = std::max<std::size_t>(1, span_ * 50 / kCoarse);
    std::size_t best = from;
    float best_likeness = -1;
    for (std::size_t lag = from; lag <= to; lag += step) {
        float product = 0, energy = 1;
        for (std::size_t i = 0; i < span_; i += stride) {
            const auto now = static_cast<float>(recent[i]), then = static_cast<float>(*(recent + i - lag));
            product += now * then;
            energy += then * then;
        }
        const float likeness = product <= 0 ? 0 : product * product / energy;
        if (likeness > best_likeness) {
            best_likeness = likeness;
            best = lag;
        }
    }
    return best;
}

void Concealment::remember(std::span<const std::int16_t> sound) {
    const std::size_t taken = std::min(sound.size(), past_.size());
    std::shift_left(past_.begin(), past_.end(), static_cast<std::ptrdiff_t>(taken));
    std::ranges::copy(sound.last(taken), past_.end() - static_cast<std::ptrdiff_t>(taken));
}

}  // namespace confab::media
