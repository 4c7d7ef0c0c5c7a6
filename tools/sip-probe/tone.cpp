#include "sip-probe/tone.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace confab::probe {
namespace {

constexpr double kFullScale = 32768.0;
// Where a lost or a late packet makes the tone jump, its halves would cancel in one long window; powers of short ones add up. As long as tells the grid's neighbours apart.
constexpr std::uint32_t kWindowMs = 80;
// A grid on which no frequency is a small multiple of another: µ-law's harmonics of one tone must not look like another's.
constexpr double kGrid[] = {437, 523, 607, 691, 787, 877, 971, 1063, 1151, 1249, 1361, 1453, 1549, 1657, 1759, 1867, 1979, 2087, 2203, 2311, 2423, 2539, 2657, 2777};

double to_db(double ratio) { return ratio <= 1e-5 ? kSilenceDb : 20.0 * std::log10(ratio); }

// The square of the tone's amplitude.
double tone_power(std::span<const std::int16_t> samples, double hertz, std::uint32_t rate) {
    const double coefficient = 2 * std::cos(2 * std::numbers::pi * hertz / rate);
    const double n = static_cast<double>(samples.size());
    double s1 = 0, s2 = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        // Hann window: a neighbour's tone must not leak into this one's measure.
        const double window = 1 - std::cos(2 * std::numbers::pi * static_cast<double>(i) / n);
        const double s0 = samples[i] * window + coefficient * s1 - s2;
        s2 = s1;
        s1 = s0;
    }
    return std::max(0.0, s1 * s1 + s2 * s2 - coefficient * s1 * s2) * 4 / (n * n);
}

}  // namespace

ToneMaker::ToneMaker(double hertz, double level, std::uint32_t rate)
    : step_(2 * std::numbers::pi * hertz / rate), amplitude_(kFullScale * std::pow(10.0, level / 20.0) * std::numbers::sqrt2) {}

void ToneMaker::add_to(std::span<std::int16_t> out) {
    for (auto& sample : out) {
        const double value = sample + amplitude_ * std::sin(phase_);
        sample = static_cast<std::int16_t>(std::clamp(std::lround(value), -32768L, 32767L));
        phase_ += step_;
        if (phase_ > 2 * std::numbers::pi) phase_ -= 2 * std::numbers::pi;
    }
}

double tone_level_db(std::span<const std::int16_t> samples, double hertz, std::uint32_t rate) {
    if (samples.empty()) return kSilenceDb;
    const std::size_t length = std::min<std::size_t>(samples.size(), rate * kWindowMs / 1000);
    double sum = 0;
    unsigned windows = 0;
    for (std::size_t at = 0; at + length <= samples.size(); at += std::max<std::size_t>(1, length / 2), ++windows) sum += tone_power(samples.subspan(at, length), hertz, rate);
    return to_db(std::sqrt(sum / windows) / kFullScale / std::numbers::sqrt2);
}

std::vector<double> choose_tones(std::size_t count, base::Random& random) {
    std::vector<double> grid(std::begin(kGrid), std::end(kGrid));
    for (std::size_t i = grid.size(); i > 1; --i) std::swap(grid[i - 1], grid[random.below(i)]);
    std::vector<double> tones;
    for (std::size_t i = 0; i < count; ++i) tones.push_back(grid[i % grid.size()]);
    return tones;
}

}  // namespace confab::probe
