// Comfort noise: what listeners hear while nobody talks, so that a quiet conference does not sound like a dead line. Its level is in −dBov of
// the root mean square, as in RFC 3389 §3; 0 dBov is that of a square wave of full scale. Deterministic: every one makes the same noise.
#pragma once

#include <cstdint>
#include <span>

namespace confab::media {

class ComfortNoise {
public:
    static constexpr std::uint32_t kRate = 8000;

    explicit ComfortNoise(int level);
    void fill(std::span<std::int16_t> out);

private:
    float next();

    std::uint64_t state_ = 1;
    float scale_;  // to the level's amplitude
    float last_ = 0;
};

}  // namespace confab::media
