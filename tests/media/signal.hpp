// Signals for measuring sound: what goes in, and figures about what comes out.
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

// Sines of one amplitude each.
inline Signal tones(std::uint32_t rate, double seconds, std::initializer_list<double> hertz, double amplitude) {
    Signal out(static_cast<std::size_t>(rate * seconds));
    for (std::size_t n = 0; n < out.size(); ++n) {
        double sum = 0;
        for (const double at : hertz) sum += std::sin(2 * std::numbers::pi * at * static_cast<double>(n) / rate);
        out[n] = rounded(amplitude * sum);
    }
    return out;
}

// Like speech: a gliding pitch with formants' slope, syllables four a second, no pause longer than 100 ms.
inline Signal speech(std::uint32_t rate, double seconds, double pitch, double amplitude) {
    Signal out(static_cast<std::size_t>(rate * seconds));
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

// Amplitude of one frequency, through a Hann window.
inline double amplitude_of(std::span<const std::int16_t> signal, double hertz, std::uint32_t rate) {
    double real = 0, imaginary = 0;
    const auto count = static_cast<double>(signal.size());
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

// Signal to noise in dB of what was heard against what should be, at a gain within 1 dB of unity and a delay of at most `reach` samples, both
// as they fit best. Reads the middle of `heard`.
inline double likeness(std::span<const std::int16_t> ideal, std::span<const std::int16_t> heard, std::size_t reach) {
    const std::size_t from = std::max(reach, heard.size() / 4), count = heard.size() / 2;
    const auto compare = [&](std::size_t delay, std::size_t step) {
        double cross = 0, self = 0, power = 0;
        for (std::size_t n = from; n < from + count; n += step) {
            const double x = ideal[n - delay], y = heard[n];
            cross += x * y;
            self += x * x;
            power += y * y;
        }
        if (self == 0 || cross <= 0 || std::abs(20 * std::log10(cross / self)) > 1) return -100.0;
        const double signal = cross * cross / self;
        return 10 * std::log10(signal / std::max(power - signal, 1e-9));
    };
    std::size_t best = 0;
    double likest = -200;
    for (std::size_t delay = 0; delay <= reach; ++delay)
        if (const double like = compare(delay, 1 + count / 1000); like > likest) likest = like, best = delay;
    return compare(best, 1);
}

// Between two samples that follow each other.
inline double largest_step(std::span<const std::int16_t> signal) {
    int largest = 0;
    for (std::size_t n = 1; n < signal.size(); ++n) largest = std::max(largest, std::abs(signal[n] - signal[n - 1]));
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

}  // namespace confab::media::test
