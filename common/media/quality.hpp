// How good a call is, estimated from what its packets went through: the E-model (ITU-T G.107) with the impairments of the codecs (G.113),
// as a mean opinion score, 1…4.5. Pure.
#pragma once

#include <optional>

#include "media/codec.hpp"

namespace confab::media {

struct PathQuality {
    std::optional<double> loss;  // 0…1 of the packets, late ones included; empty: nothing was measured
    double delay_ms = 0;         // from mouth to ear, as far as it is known
};

// Empty until something was measured. Scored on the scale of narrow-band calls for all codecs, so that legs can be compared.
std::optional<double> estimated_mos(CodecKind codec, const PathQuality& path);
double mos_of(double rating);  // of the E-model's R, 0…100

}  // namespace confab::media
