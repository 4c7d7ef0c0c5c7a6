// Brings talkers to one loudness, slowly and within bounds: a gain that follows the mean level of a leg's voiced frames. Pure.
#pragma once

namespace confab::media {

class GainControl {
public:
    static constexpr int kTarget = 1600;  // mean magnitude: about −24 dB of full scale

    // Once a tick: the frame's mean magnitude, and whether it was voice. Returns the gain to apply.
    float follow(int level, bool voice);

private:
    float average_ = 0, gain_ = 1;
    unsigned heard_ = 0;  // voiced frames, while they are few
};

}  // namespace confab::media
