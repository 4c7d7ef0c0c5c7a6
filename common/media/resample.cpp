#include "media/resample.hpp"

#include <speex/speex_resampler.h>

#include <algorithm>
#include <string>

#include "base/check.hpp"

namespace confab::media {
namespace {

constexpr int kQuality = 4;  // of 10: flat to 0.92 of the band, 80 dB of attenuation beyond it

SpeexResamplerState* library(void* state) { return static_cast<SpeexResamplerState*>(state); }

}  // namespace

void Resampler::Ending::operator()(State* state) const { speex_resampler_destroy(library(state)); }

Resampler::Resampler(std::uint32_t from, std::uint32_t to) : from_(from), to_(to) {
    if (from == to) return;
    int error = 0;
    state_.reset(reinterpret_cast<State*>(speex_resampler_init(1, from, to, kQuality, &error)));
    CHECK(state_, "no resampler from " + std::to_string(from) + " to " + std::to_string(to) + ": " + speex_resampler_strerror(error));
}

void Resampler::run(std::span<const std::int16_t> in, std::span<std::int16_t> out) {
    CHECK(in.size() * to_ == out.size() * from_, "a frame that becomes one of another duration");
    if (!state_) {
        std::ranges::copy(in, out.begin());
        return;
    }
    auto read = static_cast<spx_uint32_t>(in.size()), written = static_cast<spx_uint32_t>(out.size());
    speex_resampler_process_int(library(state_.get()), 0, in.data(), &read, out.data(), &written);
    CHECK(read == in.size() && written == out.size(), "resampling stopped within a frame");
}

}  // namespace confab::media
