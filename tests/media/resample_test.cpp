#include "media/resample.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "media/signals.hpp"

using namespace confab::media;
using namespace confab::media::test;

namespace {

constexpr std::uint32_t kRates[] = {8000, 16000, 24000, 48000};

Signal resampled(std::uint32_t from, std::uint32_t to, const Signal& sound, std::size_t milliseconds) {
    Resampler resampler(from, to);
    const std::size_t in = from * milliseconds / 1000, out = to * milliseconds / 1000;
    Signal heard(sound.size() / in * out);
    for (std::size_t at = 0, to_at = 0; at + in <= sound.size(); at += in, to_at += out)
        resampler.run(std::span(sound).subspan(at, in), std::span(heard).subspan(to_at, out));
    return heard;
}

}  // namespace

TEST_CASE("a tone keeps its pitch and level between any two rates, with a short delay", "[resample]") {
    for (const auto from : kRates)
        for (const auto to : kRates)
            for (const std::size_t milliseconds : {std::size_t{10}, std::size_t{20}, std::size_t{60}}) {
                CAPTURE(from, to, milliseconds);
                const auto heard = resampled(from, to, tones(from, 0.3, {1000}, 10000), milliseconds);
                const auto meant = tones(to, 0.001, {1000}, 10000);  // one period: the delay is known but for whole ones
                const auto late = std::span(heard).subspan(to / 10, to / 10);
                CHECK(amplitude_of(late, 1000, to) == Approx(10000).epsilon(0.01));
                // What is left beside the tone, wherever it lies.
                CHECK(distortion(late, {1000}, to) < std::pow(10, -50 / 20.0));
                if (from == to) CHECK(std::equal(meant.begin(), meant.end(), heard.begin()));
            }
}

TEST_CASE("the delay is at most 4 ms", "[resample]") {
    for (const auto from : kRates)
        for (const auto to : kRates) {
            CAPTURE(from, to);
            Signal click(from / 10);
            click[from / 50] = 20000;
            const auto heard = resampled(from, to, click, 20);
            const auto loudest = static_cast<std::size_t>(std::ranges::max_element(heard) - heard.begin());
            CHECK(loudest >= to / 50);
            CHECK(loudest - to / 50 <= to / 250);
        }
}

TEST_CASE("what the lower rate cannot carry does not come back as something else", "[resample]") {
    for (const auto from : {16000U, 24000U, 48000U}) {
        CAPTURE(from);
        const auto heard = resampled(from, 8000, tones(from, 0.5, {5500}, 10000), 20);
        CHECK(power_of(std::span(heard).subspan(800)) < 1e-6 * 10000 * 10000 / 2);
        const auto up = resampled(8000, from, tones(8000, 0.5, {3000}, 10000), 20);
        CHECK(amplitude_of(std::span(up).subspan(from / 10), 5000, from) < 10);
        CHECK(amplitude_of(std::span(up).subspan(from / 10, from / 10), 3000, from) == Approx(10000).epsilon(0.02));
    }
}

TEST_CASE("nothing clicks at the seams of frames and nothing wraps at full scale", "[resample]") {
    const auto by_tens = resampled(8000, 48000, vowel(8000, 1.2, 120, 32000), 10);
    const auto by_sixties = resampled(8000, 48000, vowel(8000, 1.2, 120, 32000), 60);
    CHECK(by_tens == by_sixties);
    Signal square(8000);
    for (std::size_t i = 0; i < square.size(); ++i) square[i] = i / 40 % 2 ? std::int16_t{-32768} : std::int16_t{32767};
    const auto loud = resampled(8000, 16000, square, 20);
    for (std::size_t i = 1; i < loud.size(); ++i) REQUIRE(std::abs(loud[i] - loud[i - 1]) < 50000);
}
