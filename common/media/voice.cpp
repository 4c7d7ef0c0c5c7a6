#include "media/voice.hpp"

#include <algorithm>
#include <utility>

namespace confab::media {
namespace {

constexpr std::size_t kRampsPerTick = 4;  // a ramp is 5 ms

}  // namespace

void Voice::start(std::uint32_t rate, bool abrupt) {
    for (std::size_t k = 0; k < kRates.size(); ++k) tail_[k] = known_ >> k & 1 ? at(k).back() : std::int16_t{0};
    own_ = rate_index(rate);
    gain_ = abrupt ? 0 : 1;
    known_ = fresh_ = 0;
    limiter_ = {};
}

void Voice::put(std::span<const std::int16_t> samples, float gain, RateSet rates) {
    const std::size_t length = tick_samples(kRates[own_]);
    auto own = std::span(samples_[own_]).first(length);
    const bool as_is = gain == 1 && gain_ == 1 && limiter_.at_rest();
    plain_ = as_is && tail_ == decltype(tail_){};
    if (as_is) {
        std::ranges::copy(samples.first(length), own.begin());
    } else {
        Wide wide;
        std::ranges::copy(samples.first(length), wide.begin());
        const auto scaled = std::span(wide).first(length);
        scale(scaled, gain_, gain, length / kRampsPerTick);
        limiter_.apply(scaled, own);
        gain_ = gain;
    }
    convert(rates);
    for (std::size_t k = 0; k < kRates.size(); ++k) add_tail(k);
}

void Voice::convert(RateSet rates) {
    static constexpr Narrow kNothing{};
    const std::size_t length = tick_samples(kRates[own_]);
    for (std::size_t to = 0; to < kRates.size(); ++to) {
        if (to == own_ || !(rates >> to & 1)) continue;
        auto& resampler = resamplers_[own_][to];
        const auto out = std::span(samples_[to]).first(tick_samples(kRates[to]));
        if (!resampler)
            resampler = std::make_unique<Resampler>(kRates[own_], kRates[to]);
        else if (!(fresh_ >> to & 1))
            resampler->run(std::span(kNothing).first(length), out);  // what it heard before goes out
        resampler->run(std::span(samples_[own_]).first(length), out);
        fresh_ |= static_cast<RateSet>(1 << to);
    }
    known_ = static_cast<RateSet>(rates | 1 << own_);
}

void Voice::put_end(RateSet rates) {
    start(rate(), false);
    plain_ = false;
    for (std::size_t k = 0; k < kRates.size(); ++k) {
        if (k != own_ && !(rates >> k & 1)) continue;
        samples_[k].fill(0);
        add_tail(k);
    }
    tail_ = {};
}

void Voice::add_tail(std::size_t rate) {
    const int last = std::exchange(tail_[rate], std::int16_t{0});
    if (last == 0) return;
    const auto length = static_cast<int>(tick_samples(kRates[rate]) / kRampsPerTick);
    for (int i = 0; i < length; ++i) {
        auto& sample = samples_[rate][static_cast<std::size_t>(i)];
        sample = static_cast<std::int16_t>(std::clamp(sample + last * (length - 1 - i) / length, -32768, 32767));
    }
}

}  // namespace confab::media
