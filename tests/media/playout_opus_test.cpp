// Whose silence is believed: Opus' flags tell of voice, not of sound.
#include <catch2/catch.hpp>

#include "media/noise.hpp"
#include "media/playout.hpp"
#include "media/signals.hpp"

using namespace confab::media;
using namespace confab::media::test;

namespace {

constexpr CodecFormat kFormat{.kind = CodecKind::opus, .rate = 16000};

// Levels that a leg tells, tick by tick, of `sound`.
std::vector<int> levels(const Pcm& sound) {
    const auto encoder = make_encoder(kFormat);
    Playout playout(kFormat);
    std::vector<int> out;
    std::vector<std::uint8_t> payload(1500);
    const std::size_t frame = kFormat.samples();
    for (std::uint16_t tick = 0; (tick + 1U) * frame <= sound.size(); ++tick) {
        RtpPacket packet;
        packet.ssrc = 1;
        packet.sequence = tick;
        packet.timestamp = tick * 960U;
        packet.payload = std::span(payload).first(encoder->encode(std::span(sound).subspan(tick * frame, frame), payload));
        playout.insert(packet, tick);
        playout.advance(tick);
        out.push_back(playout.level());
    }
    return out;
}

}  // namespace

TEST_CASE("a steady tone over Opus is sound for as long as it lasts", "[playout][opus]") {
    const auto told = levels(sine(440, 3000, 16000, 16000 * 10));
    std::size_t sounding = 0;
    for (std::size_t tick = 10; tick < told.size(); ++tick) sounding += told[tick] > 1000;
    CHECK(sounding == told.size() - 10);
}

TEST_CASE("silence over Opus is believed after one look, and looked at again after seconds", "[playout][opus]") {
    // A word, then ten seconds of a quiet room.
    Pcm room(16000 * 10);
    ComfortNoise(1, 16000).fill(room, 65);
    auto sound = vowel(120, 12000, 16000, 16000);
    sound.insert(sound.end(), room.begin(), room.end());
    const auto told = levels(sound);
    std::size_t looked = 0;
    for (std::size_t tick = 60; tick < told.size(); ++tick) {
        CHECK(told[tick] < 90);
        looked += told[tick] > 0;
    }
    CHECK(looked >= 1);
    CHECK(looked <= 15);
}
