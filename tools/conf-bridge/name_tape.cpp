#include "conf-bridge/name_tape.hpp"

#include <algorithm>
#include <utility>

#include "media/mixer.hpp"

namespace confab::bridge {

NameTape::NameTape(std::uint32_t rate, base::milliseconds longest)
    : rate_(rate), longest_(static_cast<std::size_t>(longest.count()) * media::kRates[0] / 1000), down_(rate, media::kRates[0]) {
    sound_.samples.reserve(longest_);
}

// Silence counts once more is said.
bool NameTape::push(std::uint32_t rate, std::span<const std::int16_t> samples) {
    if (rate != rate_) return false;
    media::Samples low;
    down_.run(samples, low);
    auto& kept = sound_.samples;
    if (std::ranges::none_of(low, [](std::int16_t sample) { return sample != 0; })) {
        if (!kept.empty()) silence_ += low.size();
        return true;
    }
    kept.resize(std::min(longest_, kept.size() + std::exchange(silence_, 0)));
    const auto taken = std::min(low.size(), longest_ - kept.size());
    kept.insert(kept.end(), low.begin(), low.begin() + static_cast<std::ptrdiff_t>(taken));
    return taken == low.size();
}

}  // namespace confab::bridge
