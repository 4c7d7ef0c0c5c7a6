#include "media/g711.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <vector>

using namespace confab::media;

namespace {

std::int16_t decoded(G711 law, std::uint8_t code) {
    std::int16_t out = 0;
    decode(law, std::span(&code, 1), std::span(&out, 1));
    return out;
}
std::uint8_t encoded(G711 law, int sample) {
    const auto in = static_cast<std::int16_t>(sample);
    std::uint8_t out = 0;
    encode(law, std::span(&in, 1), std::span(&out, 1));
    return out;
}

}  // namespace

TEST_CASE("known values of both laws", "[g711]") {
    struct Row {
        G711 law;
        std::uint8_t code;
        int value;
    };
    // ITU-T G.711 tables 1 and 2, scaled to 16 bits.
    const Row rows[] = {
        {G711::pcmu, 0xff, 0},     {G711::pcmu, 0x7f, 0},      {G711::pcmu, 0xfe, 8},     {G711::pcmu, 0x7e, -8},
        {G711::pcmu, 0x80, 32124}, {G711::pcmu, 0x00, -32124}, {G711::pcmu, 0x8f, 16764}, {G711::pcmu, 0xef, 132},
        {G711::pcmu, 0xf0, 120},   {G711::pcma, 0xd5, 8},      {G711::pcma, 0x55, -8},    {G711::pcma, 0xd4, 24},
        {G711::pcma, 0xaa, 32256}, {G711::pcma, 0x2a, -32256},
    };
    for (const auto& row : rows) {
        CAPTURE(g711_name(row.law), int{row.code});
        CHECK(decoded(row.law, row.code) == row.value);
    }
}

TEST_CASE("decoding and encoding again gives the same code, negative zero apart", "[g711]") {
    for (auto law : {G711::pcmu, G711::pcma})
        for (int code = 0; code < 256; ++code) {
            const int expected = law == G711::pcmu && code == 0x7f ? 0xff : code;
            CAPTURE(g711_name(law), code);
            CHECK(encoded(law, decoded(law, static_cast<std::uint8_t>(code))) == expected);
        }
}

TEST_CASE("every sample gets the nearest code, but for the bits that the laws ignore", "[g711]") {
    for (auto law : {G711::pcmu, G711::pcma}) {
        const int slack = law == G711::pcmu ? 4 : 8;
        for (int sample = -32768; sample <= 32767; sample += 7) {
            int best = 100000;
            for (int code = 0; code < 256; ++code) best = std::min(best, std::abs(decoded(law, static_cast<std::uint8_t>(code)) - sample));
            const int got = std::abs(decoded(law, encoded(law, sample)) - sample);
            if (got > best + slack) FAIL(g711_name(law) << " " << sample << ": " << got << " from the sample, " << best << " possible");
        }
    }
    SUCCEED();
}

TEST_CASE("a sine survives at the signal-to-noise ratio of G.711", "[g711]") {
    std::vector<std::int16_t> tone(8000);
    for (std::size_t i = 0; i < tone.size(); ++i)
        tone[i] = static_cast<std::int16_t>(std::lround(10000 * std::sin(0.789 * static_cast<double>(i))));
    for (auto law : {G711::pcmu, G711::pcma}) {
        std::vector<std::uint8_t> codes(tone.size());
        std::vector<std::int16_t> back(tone.size());
        encode(law, tone, codes);
        decode(law, codes, back);
        double signal = 0, noise = 0;
        for (std::size_t i = 0; i < tone.size(); ++i) {
            signal += std::pow(tone[i], 2);
            noise += std::pow(tone[i] - back[i], 2);
        }
        CAPTURE(g711_name(law));
        CHECK(10 * std::log10(signal / noise) > 36);
    }
}

TEST_CASE("the level of code bytes is the mean magnitude of their samples", "[g711]") {
    for (auto law : {G711::pcmu, G711::pcma}) {
        const std::array<std::uint8_t, 160> quiet = [law] {
            std::array<std::uint8_t, 160> codes;
            codes.fill(silence(law));
            return codes;
        }();
        CHECK(level(law, quiet) <= 8);
        std::array<std::uint8_t, 4> codes{encoded(law, 1000), encoded(law, -1000), encoded(law, 3000), encoded(law, -3000)};
        CHECK(level(law, codes) == Approx(2000).epsilon(0.03));
        for (int code = 0; code < 256; ++code) {  // one code alone, and the same beside its mirror image
            const std::vector<std::uint8_t> alone(160, static_cast<std::uint8_t>(code));
            auto mirrored = alone;
            mirrored.back() ^= 0x80;
            CHECK(level(law, alone) == level(law, mirrored));
        }
        CHECK(level(law, {}) == 0);
    }
}

TEST_CASE("laws by name", "[g711]") {
    CHECK(static_payload_type(G711::pcmu) == 0);
    CHECK(static_payload_type(G711::pcma) == 8);
}
