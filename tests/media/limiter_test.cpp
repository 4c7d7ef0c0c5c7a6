#include "media/limiter.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>

#include "media/mixer.hpp"
#include "media/signals.hpp"

using namespace confab::media;
using namespace confab::media::test;

namespace {

using Sum = std::vector<std::int32_t>;

// A tick of a sine.
Sum tone(double amplitude, double hertz, std::uint32_t rate, std::size_t tick) {
    Sum sum(tick_samples(rate));
    for (std::size_t i = 0; i < sum.size(); ++i)
        sum[i] = static_cast<std::int32_t>(
            std::lround(amplitude * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(tick * sum.size() + i) / rate)));
    return sum;
}
Signal limited(Limiter& limiter, const Sum& sum) {
    Signal out(sum.size());
    limiter.apply(sum, out);
    return out;
}

}  // namespace

TEST_CASE("a sum that fits passes bit-exactly", "[limiter]") {
    Limiter limiter;
    for (std::size_t tick = 0; tick < 50; ++tick) {
        auto sum = tone(32767, 300 + 10.0 * static_cast<double>(tick), 8000, tick);
        sum[0] = -32768;
        sum[1] = 32767;
        const auto out = limited(limiter, sum);
        for (std::size_t i = 0; i < sum.size(); ++i) REQUIRE(out[i] == sum[i]);
    }
    CHECK(limiter.at_rest());
}

TEST_CASE("too loud a sum neither wraps nor distorts", "[limiter]") {
    for (const std::uint32_t rate : {8000u, 48000u}) {
        for (double amplitude : {33000.0, 45000.0, 98000.0, 4096.0 * 32767}) {
            for (double hertz : {100.0, 440.0, 1000.0, 3000.0}) {
                Limiter limiter;
                Signal heard;
                for (std::size_t tick = 0; tick < 60; ++tick) {
                    const auto sum = tone(amplitude, hertz, rate, tick);
                    const auto out = limited(limiter, sum);
                    for (std::size_t i = 0; i < out.size(); ++i)
                        if (std::abs(sum[i]) > amplitude / 30 && (out[i] < 0) != (sum[i] < 0)) FAIL("wrapped");
                    if (tick >= 10) heard.insert(heard.end(), out.begin(), out.end());
                }
                CAPTURE(rate, amplitude, hertz);
                CHECK(distortion(heard, {hertz}, rate) < 0.03);
                CHECK(amplitude_of(heard, hertz, rate) > 30000);  // it limits, it does not hush
            }
        }
    }
}

TEST_CASE("the gain has fallen before the peak comes, and comes back without a step", "[limiter]") {
    Limiter limiter;
    Sum loud(160, 10000), soft(160, 10000);
    std::fill(loud.begin() + 80, loud.end(), 98000);
    auto out = limited(limiter, loud);
    for (std::size_t i = 1; i < 160; ++i)
        if (i != 80) REQUIRE(std::abs(out[i] - out[i - 1]) < 3000);
    for (std::size_t i = 80; i < 160; ++i) REQUIRE(out[i] >= 32700);
    CHECK_FALSE(limiter.at_rest());
    int previous = 10000 * 32767 / 98000, ticks = 0;
    for (; !limiter.at_rest() && ticks < 200; ++ticks) {
        for (const auto sample : limited(limiter, soft)) {
            REQUIRE(sample >= previous - 1);
            REQUIRE(sample - previous < 20);
            previous = sample;
        }
    }
    CHECK(ticks > 20);
    CHECK(ticks < 80);
    CHECK(limited(limiter, soft)[0] == 10000);
}

TEST_CASE("a voice that is taken out of the sum is gone, at full scale too", "[limiter]") {
    Limiter limiter;
    for (std::size_t tick = 0; tick < 20; ++tick) {
        const auto own = tone(32767, 440, 16000, tick), other = tone(30000, 1000, 16000, tick);
        const Signal own_voice(own.begin(), own.end()), other_voice(other.begin(), other.end());
        Sum sum(own.size());
        add(sum, own_voice);
        add(sum, other_voice);
        subtract(sum, own_voice);
        REQUIRE(limited(limiter, sum) == other_voice);
    }
}

TEST_CASE("a gain that changes has a ramp", "[mixer]") {
    Sum sum(160, 10000);
    scale(sum, 0, 1, 40);
    for (std::size_t i = 0; i < 160; ++i) REQUIRE(sum[i] == Approx(i < 40 ? 250 * static_cast<double>(i) : 10000).margin(1));
    scale(sum, 1, 1, 40);
    CHECK(sum[100] == 10000);
    scale(sum, 0.5, 0.5, 0);
    CHECK(sum[100] == 5000);
}
