#include "media/gain_control.hpp"

#include <algorithm>

namespace confab::media {
namespace {

constexpr unsigned kEnough = 25;     // voiced frames before anything is done, and the quickest average
constexpr float kSlow = 1.0f / 150;  // 3 s of voice
constexpr float kLeast = 0.25f, kMost = 4;  // 12 dB either way
constexpr float kStep = 1.007f;             // 0.06 dB a tick, 3 dB a second
constexpr float kNear = 1.12f;              // 1 dB is left alone

}  // namespace

float GainControl::follow(int level, bool voice) {
    if (!voice) return gain_;
    heard_ = std::min(heard_ + 1, 1000u);
    average_ += (static_cast<float>(level) - average_) * std::max(1.0f / static_cast<float>(heard_), kSlow);
    if (heard_ < kEnough) return gain_;
    const float wanted = std::clamp(static_cast<float>(kTarget) / std::max(average_, 1.0f), kLeast, kMost);
    if (wanted > gain_ * kNear) gain_ = std::min(gain_ * kStep, kMost);
    if (wanted < gain_ / kNear) gain_ = std::max(gain_ / kStep, kLeast);
    return gain_;
}

}  // namespace confab::media
