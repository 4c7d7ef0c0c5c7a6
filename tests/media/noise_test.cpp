#include "media/noise.hpp"

#include <catch2/catch.hpp>

#include "media/signals.hpp"

using namespace confab::media;
using namespace confab::media::test;

TEST_CASE("comfort noise has the level that was told, at every rate", "[noise]") {
    for (const std::uint32_t rate : {8000U, 16000U, 48000U})
        for (const int level : {30, 45, 60, 75}) {
            CAPTURE(rate, level);
            ComfortNoise noise(1, rate);
            Pcm frame(rate / 50), all;
            for (int i = 0; i < 50; ++i) {
                noise.fill(frame, level);
                if (i > 0) all.insert(all.end(), frame.begin(), frame.end());
            }
            CHECK(std::abs(noise_level(all) - level) <= 1);
        }
}

TEST_CASE("comfort noise repeats with its seed and differs with another", "[noise]") {
    Pcm one(320), two(320), three(320);
    ComfortNoise(7, 16000).fill(one, 40);
    ComfortNoise(7, 16000).fill(two, 40);
    ComfortNoise(8, 16000).fill(three, 40);
    CHECK(one == two);
    CHECK(one != three);
    ComfortNoise(0, 16000).fill(three, 40);
    CHECK(energy(three) > 0);
}

TEST_CASE("comfort noise comes and goes without a step", "[noise]") {
    ComfortNoise noise(3, 8000);
    Pcm in(160), on(160), out(160), off(160);
    noise.fill(in, 30);
    noise.fill(on, 30);
    noise.fill(out, kQuietest);
    noise.fill(off, kQuietest);
    CHECK(energy(std::span(in).first(16)) < 0.05 * energy(std::span(on).first(16)));
    CHECK(energy(std::span(out).last(16)) < 0.05 * energy(std::span(on).last(16)));
    CHECK(energy(off) == 0);
}

TEST_CASE("the payload of comfort noise", "[noise]") {
    CHECK(parse_comfort_noise(std::vector<std::uint8_t>{60}) == 60);
    CHECK(parse_comfort_noise(std::vector<std::uint8_t>{40, 127, 130}) == 40);  // with a spectrum
    CHECK(parse_comfort_noise(std::vector<std::uint8_t>{0x80 | 40}) == 40);     // the reserved bit
    CHECK_FALSE(parse_comfort_noise({}));
    CHECK(comfort_noise_payload(60) == 60);
    CHECK(comfort_noise_payload(500) == 127);
    CHECK(comfort_noise_payload(-5) == 0);
}

TEST_CASE("levels are in dBov", "[noise]") {
    CHECK(noise_level(Pcm(160, 32767)) == 0);
    CHECK(noise_level(sine(500, 32767, 8000, 8000)) == 3);
    CHECK(noise_level(Pcm(160, 33)) == 60);
    CHECK(noise_level(Pcm(160)) == kQuietest);
    CHECK(noise_level({}) == kQuietest);
}
