#include "media/mixer.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace confab::media {

void add(std::span<std::int32_t> sum, std::span<const std::int16_t> voice) {
    CHECK(voice.size() <= sum.size(), "a voice longer than the tick");
    for (std::size_t i = 0; i < voice.size(); ++i) sum[i] += voice[i];
}

void subtract(std::span<std::int32_t> sum, std::span<const std::int16_t> voice) {
    CHECK(voice.size() <= sum.size(), "a voice longer than the tick");
    for (std::size_t i = 0; i < voice.size(); ++i) sum[i] -= voice[i];
}

void scale(std::span<std::int32_t> samples, float from, float to, std::size_t ramp) {
    ramp = from == to ? 0 : std::min(ramp, samples.size());
    const float step = ramp == 0 ? 0 : (to - from) / static_cast<float>(ramp);
    for (std::size_t i = 0; i < ramp; ++i)
        samples[i] = static_cast<std::int32_t>(static_cast<float>(samples[i]) * (from + step * static_cast<float>(i)));
    if (to == 1) return;
    for (std::size_t i = ramp; i < samples.size(); ++i) samples[i] = static_cast<std::int32_t>(static_cast<float>(samples[i]) * to);
}

}  // namespace confab::media
