// Signals for tests of sound, and figures about what became of them. Amplitudes in steps of 16-bit samples, 0…32767.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <span>
#include <vector>

namespace confab::media::test {

using Signal = std::vector<std::int16_t>;

inline std::int16_t rounded(double sample) { return static_cast<std::int16_t>(std::lround(std::clamp(sample, -32768.0, 32767.0))); }
inline std::size_t count_of(std::uint32_t rate, double seconds) { return static_cast<std::size_t>(std::lround(rate * seconds)); }

// Sines of one amplitude each.
inline Signal tones(std::uint32_t rate, double seconds, std::initializer_list<double> hertz, double amplitude) {
    Signal out(count_of(rate, seconds));
    for (std::size_t n = 0; n < out.size(); ++n) {
        double sum = 0;
        for (const double at : hertz) sum += std::sin(2 * std::numbers::pi * at * static_cast<double>(n) / rate);
        out[n] = rounded(amplitude * sum);
    }
    return out;
}

// As even as speech can be: a gliding pitch with harmonics, syllables four a second, no pause longer than 100 ms.
inline Signal speech(std::uint32_t rate, double seconds, double pitch, double amplitude) {
    Signal out(count_of(rate, seconds));
    double phase = 0;
    for (std::size_t n = 0; n < out.size(); ++n) {
        const double t = static_cast<double>(n) / rate;
        phase += 2 * std::numbers::pi * pitch * (1 + 0.1 * std::sin(2 * std::numbers::pi * 0.7 * t)) / rate;
        double sum = 0;
        for (int k = 1; k <= 10 && k * pitch < 3300; ++k) sum += std::sin(k * phase) / k;
        out[n] = rounded(amplitude * 0.6 * sum * (0.55 - 0.45 * std::cos(2 * std::numbers::pi * 4 * t)));
    }
    return out;
}

// As a throat makes it: a pulse train at `pitch` through two resonances, rising and falling four times a second. A living voice also wobbles.
struct Mouth {
    double first = 700, second = 1200;  // Hz
    double wobble = 0;
};
inline Signal vowel(std::uint32_t rate, double seconds, double pitch, double peak, const Mouth& mouth = {}) {
    const double turn = 2 * std::numbers::pi / rate;
    const double radius = std::exp(-240.0 / rate);
    const double first = 2 * radius * std::cos(mouth.first * turn), second = 2 * radius * std::cos(mouth.second * turn);
    double phase = 1, a1 = 0, a2 = 0, b1 = 0, b2 = 0, largest = 1e-9;
    std::vector<double> sound(count_of(rate, seconds));
    for (std::size_t i = 0; i < sound.size(); ++i) {
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
    Signal out(sound.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = rounded(peak * sound[i] / largest);
    return out;
}

// White noise of `level` dB below full scale, always the same.
inline Signal hiss(int level, std::size_t samples) {
    std::mt19937 engine{1};
    std::normal_distribution<double> sample(0, 32768 * std::pow(10, -level / 20.0));
    Signal out(samples);
    for (auto& to : out) to = rounded(sample(engine));
    return out;
}

// Amplitude of one frequency, through a Hann window, so that others do not leak into it.
inline double amplitude_of(std::span<const std::int16_t> signal, double hertz, std::uint32_t rate) {
    double real = 0, imaginary = 0;
    const auto count = static_cast<double>(std::max<std::size_t>(1, signal.size()));
    for (std::size_t n = 0; n < signal.size(); ++n) {
        const double angle = 2 * std::numbers::pi * hertz * static_cast<double>(n) / rate;
        const double window = 1 - std::cos(2 * std::numbers::pi * (static_cast<double>(n) + 0.5) / count);
        real += window * signal[n] * std::cos(angle);
        imaginary += window * signal[n] * std::sin(angle);
    }
    return 2 * std::hypot(real, imaginary) / count;
}

inline double power_of(std::span<const std::int16_t> signal) {
    double sum = 0;
    for (const double sample : signal) sum += sample * sample;
    return sum / static_cast<double>(std::max<std::size_t>(1, signal.size()));
}

// What is not of these frequencies, as a part of the level.
inline double distortion(std::span<const std::int16_t> signal, std::initializer_list<double> hertz, std::uint32_t rate) {
    const double power = power_of(signal);
    double of_tones = 0;
    for (const double at : hertz) of_tones += std::pow(amplitude_of(signal, at, rate), 2) / 2;
    return std::sqrt(std::max(0.0, power - of_tones) / power);
}

// The delay of at most `longest` samples at which `heard` is most like `meant`, and its signal to noise in dB there. Reads the middle half of
// `heard`; `meant` is at least three quarters as long.
struct Aligned {
    std::size_t delay = 0;
    double decibels = -100;
};
inline Aligned align(std::span<const std::int16_t> meant, std::span<const std::int16_t> heard, std::size_t longest) {
    const std::size_t from = std::max(longest, heard.size() / 4), count = heard.size() / 2;
    const auto compare = [&](std::size_t delay, std::size_t step) {
        double signal = 1e-9, noise = 1e-9;
        for (std::size_t n = from; n < from + count; n += step) {
            const double x = meant[n - delay], y = heard[n];
            signal += x * x;
            noise += (y - x) * (y - x);
        }
        return 10 * std::log10(signal / noise);
    };
    Aligned best;
    for (std::size_t delay = 0; delay <= longest; ++delay)
        if (const double like = compare(delay, 1 + count / 1000); like > best.decibels) best = {delay, like};
    return {best.delay, compare(best.delay, 1)};
}
inline double likeness(std::span<const std::int16_t> meant, std::span<const std::int16_t> heard, std::size_t longest) {
    return align(meant, heard, longest).decibels;
}

// Between two samples that follow each other.
inline int largest_step(std::span<const std::int16_t> signal) {
    int largest = 0;
    for (std::size_t n = 1; n < signal.size(); ++n) largest = std::max(largest, std::abs(signal[n] - signal[n - 1]));
    return largest;
}

// The largest change of the slope from one sample to the next, where even a click that is smaller than the signal's own steps shows.
inline int sharpest(std::span<const std::int16_t> signal) {
    int largest = 0;
    for (std::size_t n = 2; n < signal.size(); ++n) largest = std::max(largest, std::abs(signal[n] - 2 * signal[n - 1] + signal[n - 2]));
    return largest;
}

// The longest stretch in ms, in steps of 2 ms, whose level is more than 20 dB below the whole's.
inline double longest_gap(std::span<const std::int16_t> signal, std::uint32_t rate) {
    const std::size_t step = rate / 500;
    const double floor = power_of(signal) / 100;
    double gap = 0, longest = 0;
    for (std::size_t n = 0; n + step <= signal.size(); n += step) {
        gap = power_of(signal.subspan(n, step)) < floor ? gap + 2 : 0;
        longest = std::max(longest, gap);
    }
    return longest;
}

// How far in dB the level of any 10 ms falls below the whole's.
inline double deepest_dip(std::span<const std::int16_t> signal, std::uint32_t rate) {
    const std::size_t length = rate / 100;
    double least = power_of(signal);
    for (std::size_t n = 0; n + length <= signal.size(); n += length / 2) least = std::min(least, power_of(signal.subspan(n, length)));
    return 10 * std::log10(power_of(signal) / std::max(least, 1e-9));
}

}  // namespace confab::media::test
