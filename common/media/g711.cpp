#include "media/g711.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/check.hpp"
#include "base/text.hpp"

namespace confab::media {
namespace {

using DecodeTable = std::array<std::int16_t, 256>;

constexpr std::int16_t decode_ulaw(std::uint8_t code) {
    const int inverted = ~code & 0xff;
    const int magnitude = ((((inverted & 0x0f) << 3) + 0x84) << ((inverted >> 4) & 7)) - 0x84;
    return static_cast<std::int16_t>(inverted & 0x80 ? -magnitude : magnitude);
}

constexpr std::int16_t decode_alaw(std::uint8_t code) {
    const int toggled = code ^ 0x55;
    const int segment = (toggled >> 4) & 7;
    const int mantissa = ((toggled & 0x0f) << 4) + 8;
    const int magnitude = segment == 0 ? mantissa : (mantissa + 0x100) << (segment - 1);
    return static_cast<std::int16_t>(toggled & 0x80 ? magnitude : -magnitude);
}

constexpr DecodeTable decode_table(std::int16_t (*decode_one)(std::uint8_t)) {
    DecodeTable table{};
    for (int code = 0; code < 256; ++code) table[static_cast<std::size_t>(code)] = decode_one(static_cast<std::uint8_t>(code));
    return table;
}

constexpr std::array<DecodeTable, 2> kDecode = {decode_table(decode_ulaw), decode_table(decode_alaw)};

constexpr std::array<std::uint16_t, 256> magnitudes(const DecodeTable& samples) {
    std::array<std::uint16_t, 256> table{};
    for (std::size_t code = 0; code < 256; ++code)
        table[code] = static_cast<std::uint16_t>(samples[code] < 0 ? -samples[code] : samples[code]);
    return table;
}
constexpr std::array<std::array<std::uint16_t, 256>, 2> kMagnitude = {magnitudes(kDecode[0]), magnitudes(kDecode[1])};

// The laws' decision values are multiples of 4 (µ) and 16 (A), so the low bits of a sample never matter.
constexpr int kIndexShift[2] = {2, 3};
constexpr std::size_t kEncodeSize[2] = {65536 >> 2, 65536 >> 3};

// The code whose value is nearest to each index, found by one walk along the sorted values. Positive zero is preferred.
std::vector<std::uint8_t> encode_table(G711 law) {
    const auto which = static_cast<std::size_t>(law);
    struct Point {
        int value;
        std::uint8_t code;
    };
    std::vector<Point> points;
    for (int code = 255; code >= 0; --code)
        points.push_back({kDecode[which][static_cast<std::size_t>(code)], static_cast<std::uint8_t>(code)});
    std::ranges::stable_sort(points, {}, &Point::value);
    points.erase(std::unique(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.value == b.value; }),
                 points.end());

    std::vector<std::uint8_t> table(kEncodeSize[which]);
    auto nearest = points.begin();
    for (std::size_t i = 0; i < table.size(); ++i) {
        const int twice_middle = 2 * ((static_cast<int>(i) << kIndexShift[which]) - 32768) + (1 << kIndexShift[which]) - 1;
        const auto distance = [twice_middle](const Point& point) { return std::abs(2 * point.value - twice_middle); };
        while (nearest + 1 != points.end() && distance(nearest[1]) < distance(*nearest)) ++nearest;
        table[i] = nearest->code;
    }
    return table;
}

const std::array<std::vector<std::uint8_t>, 2> kEncode = {encode_table(G711::pcmu), encode_table(G711::pcma)};

}  // namespace

std::string_view g711_name(G711 law) { return law == G711::pcmu ? "PCMU" : "PCMA"; }

void decode(G711 law, std::span<const std::uint8_t> in, std::span<std::int16_t> out) {
    CHECK(out.size() >= in.size(), "decoding into too little room");
    const DecodeTable& table = kDecode[static_cast<std::size_t>(law)];
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = table[in[i]];
}

void encode(G711 law, std::span<const std::int16_t> in, std::span<std::uint8_t> out) {
    CHECK(out.size() >= in.size(), "encoding into too little room");
    const std::uint8_t* table = kEncode[static_cast<std::size_t>(law)].data();
    const int shift = kIndexShift[static_cast<std::size_t>(law)];
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = table[(in[i] + 32768) >> shift];
}

std::uint8_t silence(G711 law) { return law == G711::pcmu ? 0xff : 0xd5; }

// Every packet of every leg comes through here. Most are silence, one code over and over; for the others four sums side by side take a third of the time of one.
int level(G711 law, std::span<const std::uint8_t> in) {
    if (in.empty()) return 0;
    const auto& table = kMagnitude[static_cast<std::size_t>(law)];
    if (std::memcmp(in.data(), in.data() + 1, in.size() - 1) == 0) return table[in.front()];
    unsigned one = 0, two = 0, three = 0, four = 0;
    std::size_t i = 0;
    for (; i + 4 <= in.size(); i += 4) {
        one += table[in[i]];
        two += table[in[i + 1]];
        three += table[in[i + 2]];
        four += table[in[i + 3]];
    }
    for (; i < in.size(); ++i) one += table[in[i]];
    return static_cast<int>((one + two + three + four) / in.size());
}

}  // namespace confab::media
