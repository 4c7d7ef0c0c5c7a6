#include "media/codec.hpp"

#include <catch2/catch.hpp>

#include "media/concealment.hpp"
#include "media/signals.hpp"

using namespace confab::media;
using namespace confab::media::test;

namespace {

constexpr CodecFormat of(CodecKind kind, std::uint32_t rate, std::uint16_t ptime = 20) {
    return {.kind = kind, .rate = rate, .ptime = ptime};
}

const CodecFormat kWaveforms[] = {of(CodecKind::pcmu, 8000), of(CodecKind::pcma, 8000),     of(CodecKind::l16, 8000),
                                  of(CodecKind::l16, 16000), of(CodecKind::l16, 48000, 10), of(CodecKind::g722, 16000)};

// Every packet in turn through encoder and decoder; those that `lost` names are concealed.
template <class Lost>
Signal through(const CodecFormat& format, const Signal& sound, Lost lost) {
    const auto encoder = make_encoder(format);
    const auto decoder = make_decoder(format);
    const std::size_t frame = format.samples();
    Signal heard(sound.size() / frame * frame);
    std::vector<std::uint8_t> packet(4000);
    for (std::size_t at = 0; at + frame <= sound.size(); at += frame) {
        const std::size_t size = encoder->encode(std::span(sound).subspan(at, frame), packet);
        const auto out = std::span(heard).subspan(at, frame);
        if (lost(at / frame))
            decoder->conceal(out);
        else
            REQUIRE(decoder->decode(std::span(packet).first(size), out) == frame);
    }
    return heard;
}

}  // namespace

TEST_CASE("formats that there are", "[codec]") {
    CHECK(of(CodecKind::pcmu, 8000).is_possible());
    CHECK_FALSE(of(CodecKind::pcmu, 16000).is_possible());
    CHECK(of(CodecKind::l16, 48000, 10).is_possible());
    CHECK_FALSE(of(CodecKind::l16, 48000, 20).is_possible());
    CHECK(of(CodecKind::g722, 16000, 30).is_possible());
    CHECK_FALSE(of(CodecKind::g722, 8000).is_possible());
    CHECK(of(CodecKind::opus, 24000, 60).is_possible());
    CHECK_FALSE(of(CodecKind::opus, 12000).is_possible());
    CHECK_FALSE(of(CodecKind::opus, 48000, 30).is_possible());
    CHECK_FALSE(of(CodecKind::l16, 44100).is_possible());
    CHECK_FALSE(of(CodecKind::pcma, 8000, 25).is_possible());
    CHECK(of(CodecKind::l16, 16000).clock_rate() == 16000);
    CHECK(of(CodecKind::g722, 16000).clock_rate() == 8000);
    CHECK(of(CodecKind::opus, 16000).clock_rate() == 48000);
    CHECK(of(CodecKind::pcmu, 8000, 60).samples() == 480);
}

TEST_CASE("the packet length that is nearest to what is asked", "[codec]") {
    CHECK(of(CodecKind::pcmu, 8000).nearest_ptime(30) == 30);
    CHECK(of(CodecKind::pcmu, 8000).nearest_ptime(59) == 40);
    CHECK(of(CodecKind::pcmu, 8000).nearest_ptime(200) == 60);
    CHECK(of(CodecKind::pcmu, 8000).nearest_ptime(0) == 10);
    CHECK(of(CodecKind::opus, 48000).nearest_ptime(30) == 20);
    CHECK(of(CodecKind::l16, 48000).nearest_ptime(20) == 10);
    CHECK(of(CodecKind::l16, 16000).nearest_ptime(60) == 40);
}

TEST_CASE("codecs by encoding name and clock rate", "[codec]") {
    CHECK(codec_of("pcmu", 8000) == CodecKind::pcmu);
    CHECK(codec_of("PCMA", 8000) == CodecKind::pcma);
    CHECK_FALSE(codec_of("PCMA", 16000));
    CHECK(codec_of("l16", 16000) == CodecKind::l16);
    CHECK(codec_of("L16", 48000) == CodecKind::l16);
    CHECK_FALSE(codec_of("L16", 44100));
    CHECK_FALSE(codec_of("GSM", 8000));
    CHECK(codec_of("G722", 8000) == CodecKind::g722);
    CHECK_FALSE(codec_of("G722", 16000));
    CHECK(codec_of("OPUS", 48000) == CodecKind::opus);
    CHECK_FALSE(codec_of("opus", 16000));
    CHECK(encoding_name(CodecKind::opus) == "opus");
}

TEST_CASE("waveform codecs carry sound at their own signal-to-noise ratio", "[codec]") {
    for (const auto& format : kWaveforms) {
        CAPTURE(encoding_name(format.kind), format.rate);
        const auto sound = vowel(format.rate, 1, 120, 12000);
        const auto heard = through(format, sound, [](std::size_t) { return false; });
        const auto aligned = align(sound, heard, 40);
        CHECK(aligned.decibels > (format.kind == CodecKind::l16 ? 90 : format.kind == CodecKind::g722 ? 28 : 33));
        CHECK(aligned.delay == (format.kind == CodecKind::g722 ? 22 : 0));
    }
}

TEST_CASE("the level in a payload is that of its samples", "[codec]") {
    for (const auto& format : kWaveforms) {
        CAPTURE(encoding_name(format.kind), format.rate);
        const auto tone = tones(format.rate, 0.001 * format.ptime, {400}, 10000);
        std::vector<std::uint8_t> packet(4000);
        const Bytes payload = std::span(packet).first(make_encoder(format)->encode(tone, packet));
        CHECK(samples_in(format, payload) == format.samples());
        CHECK(samples_in(format, {}) == 0);
        if (format.kind == CodecKind::g722) continue;
        CHECK(level_of(format, payload).value() == Approx(6366).epsilon(0.02));
        CHECK(level_of(format, {}) == 0);
    }
    CHECK(samples_in(of(CodecKind::l16, 8000), std::vector<std::uint8_t>(3)) == 0);
}

TEST_CASE("plain silence is known from G.722's codes, and soft sound is not taken for it", "[codec]") {
    const auto silent_packets = [](std::uint16_t ptime, const Signal& sound) {
        const auto format = of(CodecKind::g722, 16000, ptime);
        const auto encoder = make_encoder(format);
        std::vector<std::uint8_t> packet(1000);
        std::size_t silent = 0;
        for (std::size_t at = 0; at + format.samples() <= sound.size(); at += format.samples()) {
            const Bytes payload = std::span(packet).first(encoder->encode(std::span(sound).subspan(at, format.samples()), packet));
            const auto level = level_of(format, payload);
            CHECK((!level || *level == 0));
            silent += level.has_value();
        }
        return silent;
    };
    const Signal nothing(16000);
    CHECK(silent_packets(10, nothing) == 100);
    CHECK(silent_packets(20, nothing) == 50);
    CHECK(silent_packets(60, nothing) == 16);
    for (const int level : {60, 45, 30}) CHECK(silent_packets(20, hiss(level, 16000)) == 0);
    for (const double hertz : {60.0, 440.0, 3000.0, 6500.0})
        for (const double amplitude : {5.0, 300.0, 20000.0}) CHECK(silent_packets(20, tones(16000, 1, {hertz}, amplitude)) == 0);
    CHECK(silent_packets(10, vowel(16000, 1, 120, 12000)) == 0);
    // After a word, two packets at most until silence is silence again.
    auto word = vowel(16000, 1, 120, 20000);
    word.resize(32000);
    CHECK(silent_packets(20, word) >= 48);
}

TEST_CASE("what does not fit is refused and changes nothing", "[codec]") {
    Signal out(160);
    for (const auto& format : kWaveforms) {
        const auto decoder = make_decoder(format);
        CHECK(decoder->decode({}, out) == 0);
        CHECK(decoder->decode(std::vector<std::uint8_t>(1501), out) == 0);
        CHECK_FALSE(decoder->recover(std::vector<std::uint8_t>(100), out));
    }
    CHECK(make_decoder(of(CodecKind::l16, 8000))->decode(std::vector<std::uint8_t>(3), out) == 0);
}

TEST_CASE("a lost packet of a voice or tone leaves no gap and no click", "[codec][concealment]") {
    for (const auto& format : kWaveforms) {
        for (const bool voice : {true, false}) {
            CAPTURE(encoding_name(format.kind), format.rate, voice);
            const std::size_t frame = format.samples();
            const auto sound = voice ? vowel(format.rate, 2, 110, 12000) : tones(format.rate, 2, {440}, 8000);
            const auto lossless = through(format, sound, [](std::size_t) { return false; });
            const auto heard = through(format, sound, [](std::size_t packet) { return packet % 10 == 9; });
            for (std::size_t at = 9 * frame; at + frame <= heard.size(); at += 10 * frame) {
                const double kept = power_of(std::span(heard).subspan(at, frame)) / (power_of(std::span(lossless).subspan(at, frame)) + 0.01);
                CAPTURE(at, kept);
                CHECK(kept > 0.3);
                CHECK(kept < 3);
            }
            CHECK(sharpest(heard) <= 1.5 * sharpest(lossless));
            CHECK(likeness(lossless, heard, 0) > 10);
        }
    }
}

TEST_CASE("a long loss fades away and sound comes back softly", "[codec][concealment]") {
    const std::uint32_t rate = 8000;
    Concealment concealment(rate);
    auto before = tones(rate, 0.5, {300}, 10000);
    concealment.hear(before);
    Signal lost(1600);
    for (std::size_t at = 0; at < lost.size(); at += 80) concealment.fill(std::span(lost).subspan(at, 80));
    CHECK(power_of(std::span(lost).first(160)) > 0.9 * power_of(std::span(before).first(160)));
    CHECK(power_of(std::span(lost).subspan(640, 160)) < 0.05 * power_of(std::span(before).first(160)));
    CHECK(power_of(std::span(lost).subspan(800)) == 0);
    Signal after(160, 10000);
    concealment.hear(after);
    CHECK(after[0] < 500);
    CHECK(after[39] > 9000);
    CHECK(after[40] == 10000);
    Signal more(160, 10000);
    concealment.hear(more);
    CHECK(more == Signal(160, 10000));
}

TEST_CASE("concealment before any sound is silence", "[codec][concealment]") {
    Signal out(480, 77);
    make_decoder(of(CodecKind::pcmu, 8000))->conceal(out);
    CHECK(power_of(out) == 0);
}

TEST_CASE("an encoder that takes another's state goes on as that one would", "[codec]") {
    std::vector<CodecFormat> formats(std::begin(kWaveforms), std::end(kWaveforms));
    for (const std::uint32_t rate : {8000U, 16000U, 24000U, 48000U})
        for (const std::uint32_t bitrate : {0U, 16000U, 96000U})
            formats.push_back({.kind = CodecKind::opus,
                               .rate = rate,
                               .ptime = rate == 24000U ? std::uint16_t{40} : std::uint16_t{20},
                               .bitrate = bitrate,
                               .fec = bitrate == 0,
                               .dtx = bitrate == 16000});
    for (const auto& format : formats) {
        CAPTURE(encoding_name(format.kind), format.rate, format.bitrate);
        const auto sound = vowel(format.rate, 1, 150, 12000);
        const auto other = tones(format.rate, 1, {300}, 9000);
        const auto shared = make_encoder(format), own = make_encoder(format);
        std::vector<std::uint8_t> one(2000), two(2000);
        const std::size_t frame = format.samples();
        const std::size_t half = sound.size() / frame / 2 * frame;
        std::size_t packets = 0, same = 0;
        for (std::size_t at = 0; at + frame <= sound.size(); at += frame) {
            if (at == half) own->take_state(*shared);
            const bool taken = at >= half;
            const std::size_t first = shared->encode(std::span(sound).subspan(at, frame), one);
            const std::size_t second = own->encode(std::span(taken ? sound : other).subspan(at, frame), two);
            if (!taken) continue;
            ++packets;
            same += first == second && std::equal(one.begin(), one.begin() + static_cast<std::ptrdiff_t>(first), two.begin());
        }
        CHECK(packets >= 12);
        CHECK(same == packets);
    }
}
