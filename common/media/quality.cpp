#include "media/quality.hpp"

#include <algorithm>

namespace confab::media {
namespace {

constexpr double kBest = 93.2;  // R of G.107's default values, without delay, codec and loss

struct Impairment {
    double codec;       // Ie
    double robustness;  // Bpl
};

// G.113 table I.3 for G.711 with concealment. It has no rows for the others on this scale: linear is taken as G.711; Opus, whose error
// correction and concealment are at least as good, too; G.722, whose prediction suffers longer from a loss, as weaker.
Impairment impairment_of(CodecKind codec) { return {0, codec == CodecKind::g722 ? 16.6 : 25.1}; }

// G.107's impairment by delay in its usual short form (Cole and Rosenbluth): mild until 177 ms, then steep.
double impairment_by(double delay_ms) { return 0.024 * delay_ms + (delay_ms > 177.3 ? 0.11 * (delay_ms - 177.3) : 0); }

}  // namespace

double mos_of(double rating) {
    if (rating <= 0) return 1;
    if (rating >= 100) return 4.5;
    return std::max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6);
}

std::optional<double> estimated_mos(CodecKind codec, const PathQuality& path) {
    if (!path.loss) return std::nullopt;
    const auto [own, robustness] = impairment_of(codec);
    const double percent = 100 * std::clamp(*path.loss, 0.0, 1.0);
    const double effective = own + (95 - own) * percent / (percent + robustness);
    return mos_of(kBest - impairment_by(path.delay_ms) - effective);
}

}  // namespace confab::media
