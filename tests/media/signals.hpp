// Signals for tests of sound, and what tells how well they came through.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace confab::media::test {

using Pcm = std::vector<std::int16_t>;

inline Pcm sine(double hertz, double amplitude, std::uint32_t rate, std::size_t samples) {
    Pcm out(samples);
    for (std::size_t i = 0; i < samples; ++i)
        out[i] = static_cast<std::int16_t>(std::lround(amplitude * std::sin(6.283185307179586 * hertz * static_cast<double>(i) / rate)));
    return out;
}

// Like a vowel: a pulse train at `pitch` through two resonances, rising and falling four times a second. A living voice also wobbles.
struct Mouth {
    double first = 700, second = 1200;  // Hz
    double wobble = 0;
};
inline Pcm vowel(double pitch, double peak, std::uint32_t rate, std::size_t samples, const Mouth& mouth = {}) {
    const double turn = 6.283185307179586 / rate;
    const double radius = std::exp(-240.0 / rate);
    const double first = 2 * radius * std::cos(mouth.first * turn), second = 2 * radius * std::cos(mouth.second * turn);
    double phase = 1, a1 = 0, a2 = 0, b1 = 0, b2 = 0, largest = 1e-9;
    std::vector<double> sound(samples);
    for (std::size_t i = 0; i < samples; ++i) {
        phase += pitch * (1 + mouth.wobble * std::sin(5.5 * turn * static_cast<double>(i))) / rate;
        const double pulse = phase >= 1 ? 1 : 0;
        if (phase >= 1) phase -= 1;
        const double a = pulse + first * a1 - radius * radius * a2;
        a2 = a1, a1 = a;
        const double b = a + second * b1 - radius * radius * b2;
        b2 = b1, b1 = b;
        sound[i] = b * (0.55 + 0.45 * std::sin(4 * turn * static_cast<double>(i)));
        largest = std::max(largest, std::abs(sound[i]));
    }
    Pcm out(samples);
    for (std::size_t i = 0; i < samples; ++i) out[i] = static_cast<std::int16_t>(std::lround(peak * sound[i] / largest));
    return out;
}

// White noise of `level` dB below full scale, always the same.
inline Pcm hiss(int level, std::size_t samples) {
    std::mt19937 engine{1};
    std::normal_distribution<double> sample(0, 32768 * std::pow(10, -level / 20.0));
    Pcm out(samples);
    for (auto& to : out) to = static_cast<std::int16_t>(std::clamp(std::lround(sample(engine)), -32768L, 32767L));
    return out;
}

inline double energy(std::span<const std::int16_t> sound) {
    double sum = 0;
    for (const auto sample : sound) sum += double{static_cast<double>(sample)} * sample;
    return sum;
}

// Signal to noise in dB of `heard` against `meant`, sample by sample.
inline double snr(std::span<const std::int16_t> meant, std::span<const std::int16_t> heard) {
    double noise = 1e-9;
    for (std::size_t i = 0; i < std::min(meant.size(), heard.size()); ++i) noise += std::pow(static_cast<double>(meant[i]) - heard[i], 2);
    return 10 * std::log10((energy(meant.first(std::min(meant.size(), heard.size()))) + 1e-9) / noise);
}

// The delay at which `heard` is most like `meant`, and the signal-to-noise ratio there.
struct Aligned {
    std::size_t delay = 0;
    double decibels = -100;
};
inline Aligned align(std::span<const std::int16_t> meant, std::span<const std::int16_t> heard, std::size_t longest) {
    Aligned best;
    for (std::size_t delay = 0; delay <= longest; ++delay) {
        const std::size_t length = std::min(meant.size(), heard.size() - delay);
        const double decibels = snr(meant.first(length), heard.subspan(delay, length));
        if (decibels > best.decibels) best = {delay, decibels};
    }
    return best;
}

// The largest change of the slope from one sample to the next: a click shows as a jump of it.
inline int sharpest(std::span<const std::int16_t> sound) {
    int largest = 0;
    for (std::size_t i = 2; i < sound.size(); ++i) largest = std::max(largest, std::abs(sound[i] - 2 * sound[i - 1] + sound[i - 2]));
    return largest;
}

// The part of `sound` that is a tone of `hertz`: amplitude (Goertzel).
inline double amplitude_at(double hertz, std::uint32_t rate, std::span<const std::int16_t> sound) {
    double real = 0, imaginary = 0;
    for (std::size_t i = 0; i < sound.size(); ++i) {
        const double angle = 6.283185307179586 * hertz * static_cast<double>(i) / rate;
        real += sound[i] * std::cos(angle);
        imaginary += sound[i] * std::sin(angle);
    }
    return 2 * std::hypot(real, imaginary) / static_cast<double>(std::max<std::size_t>(1, sound.size()));
}

}  // namespace confab::media::test
