#include "media/noise.hpp"

#include <algorithm>
#include <cmath>

namespace confab::media {
namespace {

constexpr float kKeep = 0.308f;  // of the last sample: a corner at 1500 Hz, since rooms and lines hum more than they hiss
constexpr double kFull = 32768;

}  // namespace

// The sum of four uniform numbers of 16 bits has a variance of 2^32 / 3; a one-pole filter leaves (1 − keep) / (1 + keep) of it.
ComfortNoise::ComfortNoise(int level)
    : scale_(static_cast<float>(kFull * std::pow(10, -level / 20.0) * std::sqrt(3.0) / 65536) / std::sqrt((1 - kKeep) / (1 + kKeep))) {}

// SplitMix64: any state is a good one.
float ComfortNoise::next() {
    std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
    int sum = 0;
    for (int part = 0; part < 4; ++part) sum += static_cast<std::int16_t>(mixed >> 16 * part);
    last_ += (1 - kKeep) * (static_cast<float>(sum) - last_);
    return last_ * scale_;
}

void ComfortNoise::fill(std::span<std::int16_t> out) {
    for (auto& sample : out) sample = static_cast<std::int16_t>(std::lrintf(std::clamp(next(), -32768.0F, 32767.0F)));
}

}  // namespace confab::media
