// Mixing arithmetic on one tick's samples at any of the rates: one wide sum, each talker's own voice taken out before anything is narrowed
// (by a Limiter, once per output). Pure; 20 ms a tick.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace confab::media {

inline constexpr std::array<std::uint32_t, 4> kRates = {8000, 16000, 24000, 48000};
inline constexpr std::size_t kMaxTick = 960;  // samples of a tick at the highest rate
inline constexpr std::size_t kFrame = 160;    // and at the lowest
constexpr std::size_t tick_samples(std::uint32_t rate) { return rate / 50; }
constexpr std::size_t rate_index(std::uint32_t rate) { return rate <= 8000 ? 0 : rate <= 16000 ? 1 : rate <= 24000 ? 2 : 3; }

using Samples = std::array<std::int16_t, kFrame>;
using Wide = std::array<std::int32_t, kMaxTick>;
using Narrow = std::array<std::int16_t, kMaxTick>;

void add(std::span<std::int32_t> sum, std::span<const std::int16_t> voice);
void subtract(std::span<std::int32_t> sum, std::span<const std::int16_t> voice);

// Multiplies by a gain that goes from one value to another within the first `ramp` samples.
void scale(std::span<std::int32_t> samples, float from, float to, std::size_t ramp);

}  // namespace confab::media
