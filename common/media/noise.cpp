#include "media/noise.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace confab::media {
namespace {

constexpr double kCorner = 1500;  // Hz: rooms and lines hum more than they hiss
constexpr double kFull = 32768;

}  // namespace

// The sum of four uniform numbers of 16 bits has a variance of 2^32 / 3; a one-pole filter leaves (1 − keep) / (1 + keep) of it.
ComfortNoise::ComfortNoise(std::uint64_t seed, std::uint32_t rate)
    : state_(seed),
      keep_(static_cast<float>(std::exp(-2 * std::numbers::pi * kCorner / rate))),
      scale_(static_cast<float>(std::numbers::sqrt3 / 65536) / std::sqrt((1 - keep_) / (1 + keep_))) {}

// SplitMix64: any seed is a good one.
float ComfortNoise::next() {
    std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
    int sum = 0;
    for (int part = 0; part < 4; ++part) sum += static_cast<std::int16_t>(mixed >> 16 * part);
    last_ += (1 - keep_) * (static_cast<float>(sum) - last_);
    return last_ * scale_;
}

void ComfortNoise::fill(std::span<std::int16_t> out, int level) {
    const float wanted = level >= kQuietest ? 0 : static_cast<float>(kFull * std::pow(10, -std::max(0, level) / 20.0));
    const float step = (wanted - gain_) / static_cast<float>(std::max<std::size_t>(1, out.size()));
    for (auto& sample : out) {
        gain_ += step;
        sample = static_cast<std::int16_t>(std::lrintf(std::clamp(next() * gain_, -32768.0F, 32767.0F)));
    }
    gain_ = wanted;
}

int noise_level(std::span<const std::int16_t> sound) {
    double sum = 0;
    for (const auto sample : sound) sum += static_cast<double>(sample) * sample;
    if (sum == 0) return kQuietest;
    const double decibels = 10 * std::log10(sum / static_cast<double>(sound.size()) / (kFull * kFull));
    return std::clamp(static_cast<int>(std::lround(-decibels)), 0, kQuietest);
}

std::optional<int> parse_comfort_noise(Bytes payload) {
    if (payload.empty()) return std::nullopt;
    return payload[0] & 0x7f;
}

std::uint8_t comfort_noise_payload(int level) { return static_cast<std::uint8_t>(std::clamp(level, 0, kQuietest)); }

}  // namespace confab::media
