// Stands in for lost sound of a waveform codec (the technique of ITU-T G.711 Appendix I): the last pitch period is repeated, joined without
// a step to what was heard, and fades away; true sound is joined to it in turn. Adds no delay. Nothing allocates after construction.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace confab::media {

class Concealment {
public:
    explicit Concealment(std::uint32_t rate);

    // True sound, in order. Its first 5 ms change where it follows a loss, nothing else does.
    void hear(std::span<std::int16_t> sound);
    void fill(std::span<std::int16_t> lost);

private:
    void begin();
    std::size_t pitch() const;
    std::size_t best_lag(std::size_t from, std::size_t to, std::size_t step) const;
    float next();
    void remember(std::span<const std::int16_t> sound);

    const std::size_t shortest_, longest_, span_;  // samples: pitch periods, and how much of the past they are judged by
    const std::size_t join_;                       // in which true sound takes over
    const std::size_t hold_, gone_;                // after which the stand-in begins to fade, and has faded
    std::vector<std::int16_t> past_;
    std::vector<float> cycle_;  // one pitch period in its first `period_` places
    std::size_t period_ = 0, at_ = 0;
    std::size_t missing_ = 0;  // samples stood in for since the last true one
    float step_ = 0;           // between what was heard last and the cycle, to be worn off
};

}  // namespace confab::media
