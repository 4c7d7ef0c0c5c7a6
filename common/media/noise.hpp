// Comfort noise (RFC 3389): what is heard while a sender says nothing, and the payload (PT 13) that tells how loud it is. Levels are −dBov,
// 0…127, of the root mean square; 0 dBov is that of a square wave of full scale. Deterministic: the same seed makes the same noise.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "media/rtp.hpp"

namespace confab::media {

inline constexpr std::uint8_t kComfortNoisePayloadType = 13;
inline constexpr int kQuietest = 127;

class ComfortNoise {
public:
    ComfortNoise(std::uint64_t seed, std::uint32_t rate);

    // The level moves to `level` within the frame, from silence in the first one, so that nothing clicks. kQuietest is silence.
    void fill(std::span<std::int16_t> out, int level);

private:
    float next();

    std::uint64_t state_;
    const float keep_;   // of the last sample: softens what would be white
    const float scale_;  // to a root mean square of 1
    float last_ = 0, gain_ = 0;
};

int noise_level(std::span<const std::int16_t> sound);  // −dBov of what is heard

// The spectrum that may follow the level is not used (RFC 3389 §3 allows that). Empty: malformed.
std::optional<int> parse_comfort_noise(Bytes payload);
std::uint8_t comfort_noise_payload(int level);  // the payload is this one octet

}  // namespace confab::media
