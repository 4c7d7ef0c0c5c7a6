#include "media/voice_detector.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <numbers>
#include <random>
#include <vector>

#include "media/gain_control.hpp"

using namespace confab::media;

namespace {

using Source = std::function<double(double seconds)>;

// Ticks of 20 ms that are taken for voice, of those from `from` on.
struct Judged {
    int voice = 0, all = 0, first = -1;
    double share() const { return static_cast<double>(voice) / all; }
};
Judged judge(const Source& sound, std::uint32_t rate, int ticks, int from) {
    VoiceDetector detector;
    Judged judged;
    const std::size_t length = rate / 50;
    std::vector<std::int16_t> samples(length);
    for (int tick = 0; tick < ticks; ++tick) {
        int level = 0;
        for (std::size_t i = 0; i < length; ++i) {
            samples[i] = static_cast<std::int16_t>(sound(static_cast<double>(static_cast<std::size_t>(tick) * length + i) / rate));
            level += std::abs(samples[i]);
        }
        level /= static_cast<int>(length);
        auto verdict = detector.judge(level, 180);
        const bool voice =
            verdict == VoiceDetector::Verdict::voice || (verdict == VoiceDetector::Verdict::unclear && detector.has_pitch(samples, rate));
        if (tick < from) continue;
        ++judged.all;
        judged.voice += voice;
        if (voice && judged.first < 0) judged.first = tick;
    }
    return judged;
}

double sine(double hertz, double t) { return std::sin(2 * std::numbers::pi * hertz * t); }

}  // namespace

TEST_CASE("steady noise is not voice, of any colour and level", "[voice]") {
    for (double amplitude : {400.0, 2000.0, 9000.0})
        for (double colour : {0.0, 0.7, 0.9})
            for (const std::uint32_t rate : {8000u, 16000u, 48000u}) {
                std::mt19937 random(3);
                std::normal_distribution<double> normal;
                double state = 0;
                const auto noise = [&](double) {
                    state = colour * state + std::sqrt(1 - colour * colour) * normal(random);
                    return std::clamp(amplitude * state, -32000.0, 32000.0);
                };
                CAPTURE(amplitude, colour, rate);
                CHECK(judge(noise, rate, 300, 30).share() < 0.02);
            }
}

TEST_CASE("a steady tone and a held vowel are not taken for noise", "[voice]") {
    for (const std::uint32_t rate : {8000u, 16000u, 48000u}) {
        for (double hertz : {180.0, 440.0, 1000.0, 1693.0}) {
            CAPTURE(rate, hertz);
            CHECK(judge([&](double t) { return 4000 * sine(hertz, t); }, rate, 300, 30).share() > 0.97);
        }
        for (double pitch : {105.0, 220.0, 350.0}) {
            const auto vowel = [&](double t) {
                double sum = 0;
                for (int k = 1; k <= 12; ++k) sum += sine(pitch * k, t) / k;
                return 2000 * sum;
            };
            CAPTURE(rate, pitch);
            CHECK(judge(vowel, rate, 300, 30).share() > 0.97);
        }
    }
}

TEST_CASE("a voice over steady noise is heard with its first frame", "[voice]") {
    std::mt19937 random(3);
    std::normal_distribution<double> normal;
    const auto sound = [&](double t) {
        const double syllable = t > 4 ? std::max(0.0, sine(2, t)) : 0;  // two a second
        return 500 * normal(random) + 6000 * syllable * sine(200, t);
    };
    const auto judged = judge(sound, 8000, 400, 100);
    CHECK(judged.first >= 200);
    CHECK(judged.first <= 202);
    CHECK(judged.voice > 70);
}

TEST_CASE("talkers come to one loudness, within bounds, and slowly", "[gain]") {
    double least = 1e9, most = 0;
    for (int level : {500, 1000, 2000, 5000}) {
        GainControl control;
        float gain = 1;
        for (int tick = 0; tick < 1000; ++tick) {
            const float next = control.follow(level * (tick % 3 + 1) / 2, true);
            REQUIRE(std::abs(20 * std::log10(next / gain)) < 0.07);
            gain = next;
        }
        least = std::min(least, static_cast<double>(gain) * level);
        most = std::max(most, static_cast<double>(gain) * level);
        CHECK(control.follow(30000, false) == gain);  // only voice moves it
    }
    CHECK(20 * std::log10(most / least) <= 3);
    GainControl control;
    float gain = 1;
    for (int tick = 0; tick < 3000; ++tick) gain = control.follow(20, true);
    CHECK(gain > 3.5);
    CHECK(gain <= 4);
    GainControl fresh;
    CHECK(fresh.follow(20, true) == 1);
}
