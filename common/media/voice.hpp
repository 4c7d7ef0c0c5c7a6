// A sound in the mix, a talker's or an announcement's, at every rate that somebody hears: resampled once for all who hear it at that rate,
// so that what is added to a sum is exactly what is taken out of it. It begins and ends with a ramp. Allocates where a rate is first asked
// for. Owner: a room, which keeps voices and uses them again.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "media/limiter.hpp"
#include "media/mixer.hpp"
#include "media/resample.hpp"

namespace confab::media {

using RateSet = std::uint8_t;  // bit k: kRates[k]

class Voice {
public:
    // `abrupt`: the sound is under way, so that it needs a ramp. What the voice said before dies away under it.
    void start(std::uint32_t rate, bool abrupt);
    void forget() { known_ = 0; }  // what it said before
    // A tick's samples at the voice's own rate.
    void put(std::span<const std::int16_t> samples, float gain, RateSet rates);
    // The tick after the last one with sound: what was there dies away.
    void put_end(RateSet rates);

    std::span<const std::int16_t> at(std::size_t rate) const { return std::span(samples_[rate]).first(tick_samples(kRates[rate])); }
    bool is_plain() const { return plain_; }  // this tick's samples are as they were put
    std::uint32_t rate() const { return kRates[own_]; }

private:
    using Resamplers = std::array<std::unique_ptr<Resampler>, kRates.size()>;

    void convert(RateSet rates);
    void add_tail(std::size_t rate);

    std::size_t own_ = 0;
    float gain_ = 1;
    bool plain_ = true;
    RateSet known_ = 0;  // rates at which the last tick's samples are there
    RateSet fresh_ = 0;  // rates whose resampler has heard this sound only
    Limiter limiter_;
    std::array<std::int16_t, kRates.size()> tail_{};  // the last sample of what it said before
    std::array<Narrow, kRates.size()> samples_{};
    std::array<Resamplers, kRates.size()> resamplers_;  // [from][to]
};

}  // namespace confab::media
