// Narrows a wide sum without wrap, clipping or audible steps. It looks ahead within the tick: the gain has fallen before the loud
// millisecond comes, over 5 ms, and recovers slowly (13 dB a second), so that no wave is bent. A sum that fits passes bit-exactly.
// A value: copying it copies where its gain stands.
#pragma once

#include <cstdint>
#include <span>

namespace confab::media {

class Limiter {
public:
    // 20 ms of samples at any rate; as many out as in.
    void apply(std::span<const std::int32_t> in, std::span<std::int16_t> out);
    bool at_rest() const { return gain_ == 1; }  // what fits now passes bit-exactly

private:
    float gain_ = 1;
};

}  // namespace confab::media
