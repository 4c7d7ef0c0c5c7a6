#include "media/limiter.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>

#include "base/check.hpp"

namespace confab::media {
namespace {

constexpr std::int32_t kFull = 32767;
constexpr std::size_t kBlocks = 20;  // of 1 ms
constexpr float kFall = 0.2f;        // of full gain, a block
constexpr float kRise = 1.0015f;     // times, a block: 13 dB a second

std::int16_t clamped(std::int32_t sample) { return static_cast<std::int16_t>(std::clamp(sample, -kFull - 1, kFull)); }

std::int32_t peak_of(std::span<const std::int32_t> in) {
    std::int32_t low = 0, high = 0;
    for (const auto sample : in) {
        low = std::min(low, sample);
        high = std::max(high, sample);
    }
    return std::max(high, low < -kFull ? -(low + 1) : -low);
}

}  // namespace

void Limiter::apply(std::span<const std::int32_t> in, std::span<std::int16_t> out) {
    CHECK(in.size() == out.size() && in.size() % kBlocks == 0, "a limiter takes whole ticks");
    if (gain_ == 1 && peak_of(in) <= kFull) {
        for (std::size_t i = 0; i < in.size(); ++i) out[i] = static_cast<std::int16_t>(in[i]);
        return;
    }
    const std::size_t length = in.size() / kBlocks;
    // The gain at the borders of the blocks: no more than either neighbour bears.
    std::array<float, kBlocks + 1> gain;
    gain.fill(1);
    for (std::size_t b = 0; b < kBlocks; ++b) {
        const auto peak = peak_of(in.subspan(b * length, length));
        const float borne = peak <= kFull ? 1 : static_cast<float>(kFull - 1) / static_cast<float>(peak);
        if (b > 0) gain[b] = std::min(gain[b], borne);
        gain[b + 1] = borne;
    }
    for (std::size_t b = kBlocks; b-- > 1;) gain[b] = std::min(gain[b], gain[b + 1] + kFall);
    gain[0] = gain_;
    for (std::size_t b = 0; b < kBlocks; ++b) {
        gain[b + 1] = std::min(gain[b + 1], gain[b] * kRise);
        const float step = (gain[b + 1] - gain[b]) / static_cast<float>(length);
        for (std::size_t i = 0; i < length; ++i) {
            const float sample = static_cast<float>(in[b * length + i]) * (gain[b] + step * static_cast<float>(i));
            out[b * length + i] = clamped(static_cast<std::int32_t>(sample));
        }
    }
    gain_ = gain[kBlocks];
}

}  // namespace confab::media
