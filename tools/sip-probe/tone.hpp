// Tones: making one, and measuring how much of one is in a frame (Goertzel's algorithm). Pure; levels in dB below full scale (dBFS).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.hpp"

namespace confab::probe {

inline constexpr double kSilenceDb = -99.0;

class ToneMaker {
public:
    ToneMaker(double hertz, double level_db, std::uint32_t rate);
    void add_to(std::span<std::int16_t> out);  // goes on where the last frame ended; saturates

private:
    double step_, amplitude_;
    double phase_ = 0;
};

// Over all of the samples, wherever the tone's phase jumps in them.
double tone_level_db(std::span<const std::int16_t> samples, double hertz, std::uint32_t rate);

// `count` frequencies between 400 and 3,300 Hz, at random and apart enough to tell from one another and from each other's octaves; repeats when there are more legs than room.
std::vector<double> choose_tones(std::size_t count, base::Random& random);

}  // namespace confab::probe
