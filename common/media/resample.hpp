// Sound from one rate to another, both of 8000, 16000, 24000 and 48000: whole frames of 10 to 60 ms, each giving a frame of the same length
// in time. The delay is 4 ms of the lower rate's filter at most (2 ms between 16000 and 48000). Nothing allocates after construction.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace confab::media {

class Resampler {
public:
    Resampler(std::uint32_t from, std::uint32_t to);

    // out.size() is in.size() · to / from. Equal rates copy.
    void run(std::span<const std::int16_t> in, std::span<std::int16_t> out);

private:
    struct State;
    struct Ending {
        void operator()(State* state) const;
    };
    const std::uint32_t from_, to_;
    std::unique_ptr<State, Ending> state_;  // null where the rates are equal
};

}  // namespace confab::media
