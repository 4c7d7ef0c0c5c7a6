// What any peer may send, and that codecs cost no memory while they run.
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "media/allocations.hpp"
#include "media/codec.hpp"
#include "media/resample.hpp"
#include "media/signals.hpp"
#include "media/tones.hpp"

using namespace confab::media;
using namespace confab::media::test;

namespace {

std::vector<CodecFormat> formats() {
    std::vector<CodecFormat> all{{.kind = CodecKind::pcmu}, {.kind = CodecKind::pcma}, {.kind = CodecKind::g722, .rate = 16000}};
    for (const std::uint32_t rate : {8000U, 16000U, 24000U, 48000U}) {
        all.push_back({.kind = CodecKind::l16, .rate = rate, .ptime = 10});
        all.push_back({.kind = CodecKind::opus, .rate = rate});
    }
    return all;
}

}  // namespace

TEST_CASE("a payload of any length and content is decoded or refused", "[codec]") {
    confab::base::Random random({3});
    Signal out(kMaxPacketSamples);
    for (const auto& format : formats()) {
        CAPTURE(encoding_name(format.kind), format.rate);
        const auto decoder = make_decoder(format);
        std::size_t refused = 0;
        for (std::size_t length = 0; length <= 1500; length += length < 300 ? 1 : 37) {
            std::vector<std::uint8_t> payload(length);
            random.fill(payload);
            const std::size_t told = samples_in(format, payload);
            const auto level = level_of(format, payload);
            REQUIRE((!level || (*level >= 0 && *level <= 32767)));
            const std::size_t given = decoder->decode(payload, out);
            REQUIRE((given == 0 || given == told));
            REQUIRE(decoder->decode(payload, std::span(out).first(std::min<std::size_t>(told, 1) * (told - 1))) == 0);
            decoder->recover(payload, std::span(out).first(format.samples()));
            decoder->conceal(std::span(out).first(length % 61 + 1));
            refused += given == 0;
        }
        CHECK(refused >= (format.kind == CodecKind::opus ? 20 : 1));
    }
}

TEST_CASE("codecs, resamplers and the ear for keys allocate nothing once they are made", "[codec]") {
    for (const auto& format : formats()) {
        CAPTURE(encoding_name(format.kind), format.rate);
        const auto sound = vowel(format.rate, 0.5, 120, 12000);
        const auto encoder = make_encoder(format), other = make_encoder(format);
        const auto decoder = make_decoder(format);
        Resampler down(format.rate, 8000), up(format.rate, 48000);
        DtmfDetector keys;
        const std::size_t frame = format.samples();
        Signal out(frame), low(std::size_t{8} * format.ptime), high(std::size_t{48} * format.ptime);
        std::vector<std::uint8_t> packet(1500);
        const auto before = allocations.load();
        for (std::size_t at = 0, i = 0; at + frame <= sound.size(); at += frame, ++i) {
            const Bytes payload = std::span(packet).first(encoder->encode(std::span(sound).subspan(at, frame), packet));
            if (i % 5 == 1) other->take_state(*encoder);
            (void)samples_in(format, payload);
            (void)level_of(format, payload);
            if (i % 7 == 3) {
                if (!decoder->recover(payload, out)) decoder->conceal(out);
            } else {
                decoder->decode(payload, out);
            }
            down.run(out, low);
            up.run(out, high);
            keys.hear(low);
            if (i % 9 == 4) keys.rest();
        }
        CHECK(before > 0);
        CHECK(allocations == before);
    }
}
