#include "media/mixer.hpp"

#include <algorithm>
#include <cstdlib>

namespace confab::media {
namespace {

constexpr std::int32_t kFull = 32767;
constexpr std::int32_t kRecovery = 1 << 9;  // a 64th a frame: back from silence in 1.3 s
constexpr std::size_t kAttack = 16;         // 2 ms: the shortest fall, so that a loud onset does not click

std::int32_t scaled(std::int32_t sample, std::int32_t gain) { return static_cast<std::int32_t>(std::int64_t{sample} * gain >> 15); }
std::int16_t clamped(std::int32_t sample) { return static_cast<std::int16_t>(std::clamp(sample, -kFull - 1, kFull)); }

}  // namespace

void add(Sum& sum, const Samples& voice) {
    for (std::size_t i = 0; i < kFrame; ++i) sum[i] += voice[i];
}

void narrow(const Sum& sum, const Samples* own, Limiter& limiter, Samples& out) {
    if (!own) return limiter.apply(sum, out);
    Sum others;
    for (std::size_t i = 0; i < kFrame; ++i) others[i] = sum[i] - (*own)[i];
    limiter.apply(others, out);
}

void Limiter::apply(std::span<const std::int32_t, kFrame> in, Samples& out) {
    std::int32_t peak = 0;
    std::size_t first_over = kFrame;  // where the present gain would no longer do
    for (std::size_t i = 0; i < kFrame; ++i) {
        const std::int32_t magnitude = std::abs(in[i]);
        peak = std::max(peak, magnitude);
        if (first_over == kFrame && scaled(magnitude, gain_) > kFull) first_over = i;
    }
    const std::int32_t fitting = peak <= kFull + 1 ? kUnity : static_cast<std::int32_t>((std::int64_t{kFull} << 15) / peak);
    if (gain_ == kUnity && fitting == kUnity) {
        for (std::size_t i = 0; i < kFrame; ++i) out[i] = clamped(in[i]);
        return;
    }
    // Falling, the gain arrives before the first sample that needs it; rising, it takes the frame.
    const std::int32_t goal = std::min({fitting, gain_ + kRecovery, kUnity});
    const std::size_t ramp = goal < gain_ ? std::clamp(first_over, kAttack, kFrame) : kFrame;
    for (std::size_t i = 0; i < kFrame; ++i) {
        const auto step = static_cast<std::int32_t>(std::min(i + 1, ramp));
        const std::int32_t gain = gain_ + (goal - gain_) * step / static_cast<std::int32_t>(ramp);
        out[i] = clamped(scaled(in[i], gain));
    }
    gain_ = goal;
}

}  // namespace confab::media
