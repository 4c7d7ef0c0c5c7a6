#include "media/tones.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "media/codec.hpp"
#include "media/signals.hpp"

using namespace confab::media;
using namespace confab::media::test;

namespace {

constexpr std::string_view kKeys = "1234567890*#ABCD";

std::string digits_in(const Signal& sound) {
    DtmfDetector detector;
    std::string digits;
    for (std::size_t at = 0; at + 160 <= sound.size(); at += 160)
        if (const auto digit = detector.hear(std::span(sound).subspan(at, 160))) digits += *digit;
    return digits;
}

Signal pressed(std::string_view keys, unsigned on, unsigned off, double level = -10) {
    std::vector<Tone> tones;
    for (const char key : keys) {
        tones.push_back(dtmf_tone(key, on, level));
        tones.push_back({.milliseconds = off});
    }
    return make_tones(tones, 8000);
}

void add_to(Signal& sound, const Signal& other) {
    for (std::size_t i = 0; i < sound.size(); ++i)
        sound[i] = static_cast<std::int16_t>(std::clamp(sound[i] + other[i % other.size()], -32768, 32767));
}

}  // namespace

TEST_CASE("every key is heard once, short or long, loud or soft", "[tones]") {
    for (const unsigned on : {50U, 100U, 1000U})
        for (const double level : {-6.0, -15.0, -28.0}) {
            CAPTURE(on, level);
            CHECK(digits_in(pressed(kKeys, on, 60, level)) == kKeys);
        }
    CHECK(digits_in(pressed("1155511", 60, 60)) == "1155511");
}

TEST_CASE("keys are heard through codecs, noise and a lost packet", "[tones]") {
    auto noisy = pressed(kKeys, 80, 80);
    add_to(noisy, hiss(40, 8000));
    CHECK(digits_in(noisy) == kKeys);

    const CodecFormat format{.kind = CodecKind::pcma};
    const auto encoder = make_encoder(format);
    const auto decoder = make_decoder(format);
    auto sound = pressed(kKeys, 100, 100);
    std::vector<std::uint8_t> packet(160);
    for (std::size_t at = 0; at + 160 <= sound.size(); at += 160) {
        const auto frame = std::span(sound).subspan(at, 160);
        encoder->encode(frame, packet);
        if (at / 160 % 7 == 6)
            decoder->conceal(frame);
        else
            decoder->decode(packet, frame);
    }
    CHECK(digits_in(sound) == kKeys);
}

TEST_CASE("silence that is not decoded ends a key", "[tones]") {
    DtmfDetector detector;
    const auto key = pressed("5", 100, 0);
    std::string digits;
    for (int press = 0; press < 3; ++press) {
        for (std::size_t at = 0; at + 160 <= key.size(); at += 160)
            if (const auto digit = detector.hear(std::span(key).subspan(at, 160))) digits += *digit;
        for (int tick = 0; tick < 5; ++tick) detector.rest();
    }
    CHECK(digits == "555");
}

TEST_CASE("voices, music and call progress are no keys", "[tones]") {
    // An "ah" of 700 and 1200 Hz would be a row and a column by itself; these are ee, eh, er, oh and oo.
    const std::pair<double, double> mouths[] = {{300, 2300}, {550, 1800}, {500, 1500}, {570, 840}, {320, 870}};
    for (const auto& [first, second] : mouths)
        for (double pitch = 85; pitch < 320; pitch *= 1.07) {
            CAPTURE(first, second, pitch);
            CHECK(digits_in(vowel(8000, 5, pitch, 20000, {first, second, 0.04})).empty());
        }
    // Two singers, a dial tone, a ringing tone, and one of DTMF's tones alone.
    auto duet = vowel(8000, 5, 175, 12000);
    add_to(duet, vowel(8000, 5, 262, 12000));
    CHECK(digits_in(duet).empty());
    const Tone tones[] = {{.hertz = 350, .second_hertz = 440, .milliseconds = 2000},
                          {.hertz = 440, .second_hertz = 480, .milliseconds = 2000},
                          {.hertz = 425, .milliseconds = 2000},
                          {.hertz = 697, .milliseconds = 2000},
                          {.hertz = 1336, .milliseconds = 2000},
                          {.hertz = 697, .second_hertz = 770, .milliseconds = 2000}};
    CHECK(digits_in(make_tones(tones, 8000)).empty());
    CHECK(digits_in(hiss(20, 80000)).empty());
    CHECK(digits_in(pressed("123", 20, 60)).empty());  // too short to be meant
}
