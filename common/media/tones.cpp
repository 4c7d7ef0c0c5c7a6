#include "media/tones.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string_view>

#include <spandsp.h>
// The library redefines these in C++.
#undef lrint
#undef lrintf

#include "base/check.hpp"

namespace confab::media {
namespace {

constexpr unsigned kFadeMs = 5;
constexpr std::array<std::int16_t, 320> kSilence{};  // longer than two of the detector's blocks: what ends a digit

std::size_t samples_of(unsigned milliseconds, std::uint32_t rate) { return std::size_t{rate} * milliseconds / 1000; }

}  // namespace

struct DtmfDetector::State {
    struct Freeing {
        void operator()(dtmf_rx_state_t* state) const { dtmf_rx_free(state); }
    };
    std::unique_ptr<dtmf_rx_state_t, Freeing> library{dtmf_rx_init(nullptr, nullptr, nullptr)};
};

DtmfDetector::DtmfDetector() : state_(std::make_unique<State>()) { CHECK(state_->library, "spandsp has no DTMF detector"); }
DtmfDetector::~DtmfDetector() = default;
DtmfDetector::DtmfDetector(DtmfDetector&&) noexcept = default;
DtmfDetector& DtmfDetector::operator=(DtmfDetector&&) noexcept = default;

std::optional<char> DtmfDetector::hear(std::span<const std::int16_t> sound) {
    dtmf_rx(state_->library.get(), sound.data(), static_cast<int>(sound.size()));
    std::array<char, 2> digits;  // the library ends them with a zero
    if (dtmf_rx_get(state_->library.get(), digits.data(), 1) == 0) return std::nullopt;
    return digits[0];
}

void DtmfDetector::rest() { dtmf_rx(state_->library.get(), kSilence.data(), static_cast<int>(kSilence.size())); }

std::vector<std::int16_t> make_tones(std::span<const Tone> tones, std::uint32_t rate) {
    std::vector<std::int16_t> out;
    for (const auto& tone : tones) {
        const std::size_t length = samples_of(tone.milliseconds, rate), fade = samples_of(kFadeMs, rate);
        const double amplitude = 32768 * std::numbers::sqrt2 * std::pow(10, tone.level / 20);
        const double turn = 2 * std::numbers::pi / rate;
        for (std::size_t i = 0; i < length; ++i) {
            const auto at = static_cast<double>(i);
            const auto edge = static_cast<double>(std::min({i, length - 1 - i, fade})) / static_cast<double>(fade);
            const double first = tone.hertz > 0 ? std::sin(turn * tone.hertz * at) : 0;
            const double second = tone.second_hertz > 0 ? std::sin(turn * tone.second_hertz * at) : 0;
            const double sample = amplitude * (first + second) * (0.5 - 0.5 * std::cos(std::numbers::pi * edge));
            out.push_back(static_cast<std::int16_t>(std::lround(std::clamp(sample, -32768.0, 32767.0))));
        }
    }
    return out;
}

Tone dtmf_tone(char digit, unsigned milliseconds, double level) {
    static constexpr std::string_view kKeys = "123A456B789C*0#D";
    static constexpr std::array<double, 4> kRows = {697, 770, 852, 941}, kColumns = {1209, 1336, 1477, 1633};
    const auto key = kKeys.find(digit);
    if (key == std::string_view::npos) return {.milliseconds = milliseconds};
    return {.hertz = kRows[key / 4], .second_hertz = kColumns[key % 4], .milliseconds = milliseconds, .level = level};
}

}  // namespace confab::media
