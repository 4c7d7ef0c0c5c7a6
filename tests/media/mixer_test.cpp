#include "media/mixer.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>
#include <vector>

using namespace confab::media;

namespace {

constexpr double kPi = std::numbers::pi;

std::int32_t tone(double amplitude, double hertz, std::size_t n) {
    return static_cast<std::int32_t>(std::lround(amplitude * std::sin(2 * kPi * hertz * static_cast<double>(n) / 8000)));
}

// Power of one frequency in the samples, and all power.
struct Spectrum {
    double at, total;
};
Spectrum measure(const std::vector<double>& samples, double hertz) {
    double real = 0, imaginary = 0, total = 0;
    for (std::size_t n = 0; n < samples.size(); ++n) {
        const double angle = 2 * kPi * hertz * static_cast<double>(n) / 8000;
        real += samples[n] * std::cos(angle);
        imaginary += samples[n] * std::sin(angle);
        total += samples[n] * samples[n];
    }
    const auto count = static_cast<double>(samples.size());
    return {2 * (real * real + imaginary * imaginary) / (count * count), total / count};
}

}  // namespace

TEST_CASE("a sum that fits passes bit-exactly", "[mixer]") {
    Limiter limiter;
    Sum sum{};
    for (std::size_t frame = 0; frame < 50; ++frame) {
        for (std::size_t i = 0; i < kFrame; ++i) sum[i] = tone(32767, 300 + 10.0 * static_cast<double>(frame), i);
        sum[0] = -32768;
        sum[1] = 32767;
        Samples out;
        narrow(sum, nullptr, limiter, out);
        for (std::size_t i = 0; i < kFrame; ++i) REQUIRE(out[i] == sum[i]);
    }
    CHECK(limiter.at_rest());
}

TEST_CASE("too loud a sum neither wraps nor distorts", "[mixer]") {
    for (double amplitude : {33000.0, 45000.0, 98000.0, 4096.0 * 32767}) {
        for (double hertz : {200.0, 440.0, 1000.0, 3000.0}) {
            Limiter limiter;
            std::vector<double> heard;
            for (std::size_t frame = 0; frame < 100; ++frame) {
                Sum sum{};
                for (std::size_t i = 0; i < kFrame; ++i) sum[i] = tone(amplitude, hertz, frame * kFrame + i);
                Samples out;
                narrow(sum, nullptr, limiter, out);
                for (std::size_t i = 0; i < kFrame; ++i) {
                    if (std::abs(sum[i]) > 1000) REQUIRE((out[i] < 0) == (sum[i] < 0));
                    if (frame >= 50) heard.push_back(out[i]);
                }
            }
            const auto spectrum = measure(heard, hertz);
            CAPTURE(amplitude, hertz);
            CHECK(std::sqrt(std::max(0.0, spectrum.total - spectrum.at) / spectrum.at) < 0.03);
            CHECK(std::sqrt(2 * spectrum.at) > 30000);  // it limits, it does not hush
        }
    }
}

TEST_CASE("the gain falls within a frame and comes back without a step", "[mixer]") {
    Limiter limiter;
    Sum loud{}, soft{};
    loud.fill(98000);
    soft.fill(10000);
    Samples out;
    limiter.apply(loud, out);
    CHECK(out[kFrame - 1] >= 32700);
    CHECK_FALSE(limiter.at_rest());
    int previous = 10000 * 32767 / 98000;
    int frames = 0;
    while (!limiter.at_rest() && frames < 200) {
        limiter.apply(soft, out);
        for (const auto sample : out) {
            REQUIRE(sample >= previous - 1);
            REQUIRE(sample - previous < 20);
            previous = sample;
        }
        ++frames;
    }
    CHECK(frames > 20);
    CHECK(frames < 80);
    limiter.apply(soft, out);
    CHECK(out[0] == 10000);
}

TEST_CASE("nobody hears himself, not even at full scale", "[mixer]") {
    Limiter limiter;
    std::vector<double> heard;
    for (std::size_t frame = 0; frame < 100; ++frame) {
        Samples own{}, other{};
        for (std::size_t i = 0; i < kFrame; ++i) {
            own[i] = static_cast<std::int16_t>(tone(32767, 440, frame * kFrame + i));
            other[i] = static_cast<std::int16_t>(tone(30000, 1000, frame * kFrame + i));
        }
        Sum sum{};
        add(sum, own);
        add(sum, other);
        Samples out;
        narrow(sum, &own, limiter, out);
        REQUIRE(out == other);
        for (const auto sample : out) heard.push_back(sample);
    }
    CHECK(10 * std::log10(measure(heard, 440).at / measure(heard, 1000).at + 1e-30) < -60);
}
