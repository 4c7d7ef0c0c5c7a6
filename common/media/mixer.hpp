// Mixing arithmetic: one wide sum, each talker's own voice taken out before anything is narrowed, one limit per output.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace confab::media {

inline constexpr std::size_t kFrame = 160;  // samples: 20 ms at 8 kHz
using Samples = std::array<std::int16_t, kFrame>;
using Sum = std::array<std::int32_t, kFrame>;

void add(Sum& sum, const Samples& voice);
// out = limit(sum − own); `own` may be null.
void narrow(const Sum& sum, const Samples* own, class Limiter& limiter, Samples& out);

// Keeps peaks under full scale without wrap and without audible steps: a gain that falls within the frame and recovers slowly. A sum that
// fits passes bit-exactly.
class Limiter {
public:
    void apply(std::span<const std::int32_t, kFrame> in, Samples& out);
    bool at_rest() const { return gain_ == kUnity; }  // what fits now passes bit-exactly

private:
    static constexpr std::int32_t kUnity = 1 << 15;  // Q15
    std::int32_t gain_ = kUnity;
};

}  // namespace confab::media
