#include "media/opus.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "base/random.hpp"
#include "media/signals.hpp"

using namespace confab::media;
using namespace confab::media::test;

namespace {

constexpr CodecFormat at_rate(std::uint32_t rate, std::uint16_t ptime = 20) {
    return {.kind = CodecKind::opus, .rate = rate, .ptime = ptime};
}

using Packets = std::vector<std::vector<std::uint8_t>>;

Packets encoded(const CodecFormat& format, const Signal& sound) {
    const auto encoder = make_encoder(format);
    Packets packets;
    std::vector<std::uint8_t> room(1500);
    for (std::size_t at = 0; at + format.samples() <= sound.size(); at += format.samples()) {
        const std::size_t size = encoder->encode(std::span(sound).subspan(at, format.samples()), room);
        packets.emplace_back(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size));
    }
    return packets;
}

Signal decoded(const CodecFormat& format, const Packets& packets) {
    const auto decoder = make_decoder(format);
    Signal heard(packets.size() * format.samples());
    for (std::size_t i = 0; i < packets.size(); ++i)
        REQUIRE(decoder->decode(packets[i], std::span(heard).subspan(i * format.samples(), format.samples())) == format.samples());
    return heard;
}

Signal noise(double deviation, std::size_t samples) {
    confab::base::Random random({7});
    Signal out(samples);
    for (auto& sample : out) {
        double sum = 0;
        for (int i = 0; i < 12; ++i) sum += static_cast<double>(random.below(65536)) / 65536;
        sample = static_cast<std::int16_t>(deviation * (sum - 6));
    }
    return out;
}

}  // namespace

TEST_CASE("Opus at every rate and packet length carries a voice", "[opus]") {
    for (const std::uint32_t rate : {8000U, 16000U, 24000U, 48000U})
        for (const std::uint16_t ptime : std::initializer_list<std::uint16_t>{10, 20, 40, 60}) {
            auto format = at_rate(rate, ptime);
            format.bitrate = 64000;
            CAPTURE(rate, ptime);
            const auto sound = vowel(rate, 0.6, 120, 12000);
            const auto packets = encoded(format, sound);
            for (const auto& packet : packets) REQUIRE(samples_in(format, packet) == format.samples());
            const auto heard = decoded(format, packets);
            const auto part = [rate](const Signal& of) { return std::span(of).subspan(rate / 5, rate / 5); };
            CHECK(likeness(part(sound), part(heard), rate / 100) > 12);
            CHECK(power_of(heard) == Approx(power_of(sound)).epsilon(0.3));
        }
}

TEST_CASE("Opus at 48 kHz keeps the full band", "[opus]") {
    auto format = at_rate(48000);
    const auto sound = noise(4000, 48000);
    const auto heard = decoded(format, encoded(format, sound));
    const auto from = std::span(heard).subspan(9600);
    double low = 0, high = 0;
    for (int i = 0; i < 40; ++i) {
        low += amplitude_of(from, 2000 + 25 * i, 48000);
        high += amplitude_of(from, 16000 + 25 * i, 48000);
    }
    CHECK(20 * std::log10(high / low) > -6);
}

TEST_CASE("a packet in stereo is mixed down", "[opus]") {
    auto packets = encoded(at_rate(48000), tones(48000, 1, {440}, 8000));
    packets[0][0] |= 4;  // what was coded as one channel decodes to noise as two, but decodes
    Signal out(960);
    CHECK(samples_in(at_rate(48000), packets[0]) == 960);
    CHECK(make_decoder(at_rate(48000))->decode(packets[0], out) == 960);
}

TEST_CASE("what Opus' voice flags say", "[opus]") {
    const auto format = at_rate(16000);
    // A second of silence, one of voice, one of silence.
    Signal sound(48000);
    std::ranges::copy(vowel(16000, 1, 120, 12000), sound.begin() + 16000);
    const auto packets = encoded(format, sound);
    std::size_t quiet_before = 0, heard = 0, quiet_after = 0;
    for (std::size_t i = 0; i < packets.size(); ++i) {
        const auto level = level_of(format, packets[i]);
        CHECK((!level || *level == 0));
        quiet_before += i < 50 && level == 0;
        heard += i >= 50 && i < 70 && !level;
        quiet_after += i >= 105 && level == 0;
    }
    CHECK(quiet_before == 50);
    CHECK(heard == 20);  // the vowel is softer later on
    CHECK(quiet_after == 45);
}

TEST_CASE("a mix is coded as it sounds where bits are many and nothing else is asked, and is nearer to what it was", "[opus]") {
    Signal mix(96000);
    for (const double pitch : {110.0, 140.0, 205.0}) {
        const auto voice = vowel(48000, 2, pitch, 5000);
        for (std::size_t i = 0; i < mix.size(); ++i) mix[i] = static_cast<std::int16_t>(mix[i] + voice[i]);
    }
    const auto is_celt = [&](bool fec, bool dtx, std::uint32_t bitrate) {
        auto format = at_rate(48000);
        format.fec = fec, format.dtx = dtx, format.bitrate = bitrate;
        return (encoded(format, mix)[50][0] & 0x80) != 0;
    };
    CHECK(is_celt(false, false, 32000));
    CHECK_FALSE(is_celt(false, false, 31000));
    CHECK_FALSE(is_celt(true, false, 32000));
    CHECK_FALSE(is_celt(false, true, 32000));

    constexpr std::size_t kDelay = 312;  // of the encoder
    const auto snr = [&](bool fec) {
        auto format = at_rate(48000);
        format.fec = fec, format.bitrate = 32000;
        const auto heard = decoded(format, encoded(format, mix));
        double sound = 0, error = 0;
        for (std::size_t i = 9600; i + kDelay < heard.size(); ++i) {
            const double wanted = mix[i], off = heard[i + kDelay] - wanted;
            sound += wanted * wanted;
            error += off * off;
        }
        return 10 * std::log10(sound / error);
    };
    CAPTURE(snr(false), snr(true));
    CHECK(snr(false) > snr(true) + 3);
}

TEST_CASE("a silent CELT frame is known by its flag", "[opus]") {
    auto format = at_rate(48000);
    format.fec = false;
    format.bitrate = 128000;
    Signal sound(48000);
    std::ranges::copy(vowel(48000, 0.5, 120, 12000), sound.begin() + 24000);
    const auto packets = encoded(format, sound);
    for (std::size_t i = 0; i < packets.size(); ++i) {
        CAPTURE(i);
        REQUIRE((packets[i][0] & 0x80) != 0);
        if (i < 25) CHECK(level_of(format, packets[i]) == 0);
        if (i > 25) CHECK_FALSE(level_of(format, packets[i]));
    }
}

TEST_CASE("discontinuous transmission sends nothing in silence and wakes at once", "[opus]") {
    auto format = at_rate(16000);
    format.dtx = true;
    Signal sound(16000 * 5);
    std::ranges::copy(vowel(16000, 1, 120, 12000), sound.begin() + 16000 * 4);
    const auto packets = encoded(format, sound);
    std::size_t silent = 0;
    for (std::size_t i = 50; i < 200; ++i) silent += packets[i].empty();
    CHECK(silent > 130);
    for (std::size_t i = 200; i < 215; ++i) CHECK(packets[i].size() > 2);
    // A peer that sends the octet all the same sends silence of a known length.
    const std::vector<std::uint8_t> octet{packets[200][0]};
    Signal out(320);
    CHECK(samples_in(format, octet) == 320);
    CHECK(level_of(format, octet) == 0);
    CHECK(make_decoder(format)->decode(octet, out) == 320);
}

TEST_CASE("framing codes 0 to 3 are counted and judged", "[opus]") {
    const auto format = at_rate(16000);
    const std::uint8_t silk20 = 9 << 3;  // wideband, 20 ms
    const std::uint8_t voice = 0x80, none = 0x00;
    struct Row {
        std::vector<std::uint8_t> packet;
        std::size_t samples;
        bool voice;
    };
    const Row rows[] = {
        {{silk20, voice, 1}, 320, true},
        {{silk20, none, 1}, 320, false},
        {{silk20 | 1, none, 1, voice, 1}, 640, true},  // two of equal size
        {{silk20 | 1, none, 1, none, 1}, 640, false},
        {{silk20 | 1, none, 1, none}, 0, false},                       // which cannot be
        {{silk20 | 2, 2, none, 1, voice, 1, 1}, 640, true},            // two of any size
        {{silk20 | 2, 200, none, 1}, 0, false},                        // longer than the packet
        {{silk20 | 3, 3, none, 1, none, 1, voice, 1}, 960, true},      // three of equal size
        {{silk20 | 3, 0x80 | 2, 2, none, 1, none, 1, 1}, 640, false},  // two, each with its size
        {{silk20 | 3, 0x40 | 1, 2, none, 1, 0, 0}, 320, false},        // one and two octets of padding
        {{silk20 | 3, 0x40 | 1, 9, none, 1, 0, 0}, 0, false},          // more padding than packet
        {{silk20 | 3, 0}, 0, false},                                   // none
        {{silk20 | 3, 7, 1, 1, 1, 1, 1, 1, 1}, 0, false},              // 140 ms
        {{silk20 | 3}, 0, false},
        {{11 << 3, 0x40, 1}, 960, true},     // 60 ms: the second of three flags
        {{11 << 3, 0x10, 1}, 960, false},    // the flag behind them is another
        {{silk20 | 4, 0x20, 1}, 320, true},  // stereo: voice, repeats, voice
        {{silk20 | 4, 0x40, 1}, 320, false},
    };
    for (const auto& row : rows) {
        CAPTURE(int{row.packet[0]}, row.packet.size(), row.samples);
        CHECK(samples_in(format, row.packet) == row.samples);
        CHECK(level_of(format, row.packet).has_value() == !row.voice);
    }
}

TEST_CASE("a lost packet comes back from the one behind it", "[opus]") {
    const auto format = at_rate(16000);
    const auto sound = vowel(16000, 2, 120, 12000);
    const auto packets = encoded(format, sound);
    const auto whole = decoded(format, packets);
    double recovered = 0, concealed = 0, lost = 0;
    std::size_t found = 0, tried = 0;
    for (std::size_t i = 7; i + 1 < packets.size(); i += 7) {
        const auto with = make_decoder(format), without = make_decoder(format);
        Signal a(320), b(320);
        for (std::size_t k = 0; k < i; ++k) {
            with->decode(packets[k], a);
            without->decode(packets[k], b);
        }
        ++tried;
        if (!with->recover(packets[i + 1], a)) continue;
        ++found;
        without->conceal(b);
        const auto meant = std::span(whole).subspan(i * 320, 320);
        lost += power_of(meant) * 320;
        for (std::size_t k = 0; k < 320; ++k) {
            recovered += std::pow(meant[k] - a[k], 2);
            concealed += std::pow(meant[k] - b[k], 2);
        }
    }
    CHECK(found * 3 > tried);
    CHECK(10 * std::log10(lost / recovered) > 6);
    CHECK(recovered < concealed);

    // None where the encoder put none.
    auto without = format;
    without.fec = false;
    Signal out(320);
    for (const auto& packet : encoded(without, sound)) CHECK_FALSE(make_decoder(format)->recover(packet, out));
    CHECK_FALSE(make_decoder(format)->recover({}, out));
}

TEST_CASE("a decoder at another rate than the encoder's", "[opus]") {
    const auto packets = encoded(at_rate(48000), tones(48000, 1, {440}, 8000));
    Signal out(160);
    const auto decoder = make_decoder(at_rate(8000));
    for (const auto& packet : packets) REQUIRE(decoder->decode(packet, out) == 160);
    CHECK(amplitude_of(out, 440, 8000) == Approx(8000).epsilon(0.15));
}

TEST_CASE("Opus conceals a loss of any length without a gap or a click", "[opus]") {
    const auto format = at_rate(48000);
    const auto sound = vowel(48000, 1, 120, 12000);
    const auto packets = encoded(format, sound);
    const auto whole = decoded(format, packets);
    const auto decoder = make_decoder(format);
    Signal heard;
    for (std::size_t i = 0; i < packets.size(); ++i) {
        Signal out(960);
        if (i % 10 == 9) {
            decoder->conceal(std::span(out).first(901));
            decoder->conceal(std::span(out).subspan(901));
            CHECK(power_of(out) > 0.04 * power_of(std::span(whole).subspan(i * 960, 960)));
        } else {
            REQUIRE(decoder->decode(packets[i], out) == 960);
        }
        heard.insert(heard.end(), out.begin(), out.end());
    }
    CHECK(sharpest(heard) < 2 * sharpest(whole));
    Signal nothing(480, 5);
    make_decoder(format)->conceal(nothing);
    CHECK(power_of(nothing) == 0);
}

TEST_CASE("Opus refuses what is malformed or does not fit, and decodes on", "[opus]") {
    const auto format = at_rate(48000);
    const auto packets = encoded(format, tones(48000, 0.2, {440}, 8000));
    const auto decoder = make_decoder(format);
    const auto fresh = make_decoder(format);
    Signal out(960), same(960);
    for (const auto& packet : packets) {
        CHECK(decoder->decode({}, out) == 0);
        CHECK(decoder->decode(std::vector<std::uint8_t>{0x03}, out) == 0);
        CHECK(decoder->decode(packet, std::span(out).first(959)) == 0);
        CHECK(decoder->decode(std::vector<std::uint8_t>(1501), out) == 0);
        REQUIRE(decoder->decode(packet, out) == 960);
        REQUIRE(fresh->decode(packet, same) == 960);
        CHECK(out == same);
    }
}
