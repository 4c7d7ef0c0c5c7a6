// Comfort noise: what is heard while nobody talks, and what peers send to say that they do not.
#include "media/noise.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "media/allocations.hpp"
#include "media/room_fixture.hpp"

using namespace confab::media;
using namespace confab::media::test;
using Kind = RoomEvent::Kind;

namespace {

constexpr int kLevel = 60;  // −dBov
constexpr std::uint8_t kComfortNoiseType = 13;

RoomPolicy noisy() {
    RoomPolicy policy;
    policy.comfort_noise = kLevel;
    policy.talk_hangover = 5;
    return policy;
}

double dbov(std::span<const std::int16_t> sound) { return 10 * std::log10(power_of(sound) / (32768.0 * 32768.0) + 1e-12); }

std::span<const std::int16_t> last(const Peer& peer, std::size_t ticks) { return std::span(peer.heard).last(ticks * kFrame); }

// Code bytes of no sound in particular; soft now and then, or they would be taken for noise.
std::vector<std::uint8_t> odd_codes(std::uint32_t frame) {
    std::vector<std::uint8_t> codes(kFrame);
    std::uint32_t random = frame;
    for (auto& code : codes) code = static_cast<std::uint8_t>((random = random * 1664525 + 1013904223) >> 24 | (frame % 5 == 4 ? 0x70 : 0));
    return codes;
}

}  // namespace

TEST_CASE("noise has the level that it was asked for, and is the same every time", "[noise]") {
    for (const int level : {40, 60, 75}) {
        ComfortNoise one(level), other(level);
        Signal first(80'000), second(80'000);
        one.fill(first);
        other.fill(second);
        CHECK(first == second);
        CHECK(dbov(first) == Approx(-level).margin(0.5));
    }
}

TEST_CASE("while nobody talks all hear noise; without the policy, silence", "[noise]") {
    RoomFixture noise(noisy()), plain;
    for (auto* f : {&noise, &plain}) {
        auto &mu = f->add(1), &a = f->add(2, G711::pcma), &deaf = f->add(3), &waiting = f->add(4);
        f->room.set_deaf({3}, true);
        f->room.set_lobby({4}, true);
        f->run(50);
        CHECK(all_silent(deaf));
        CHECK(all_silent(waiting));
        if (f == &plain) {
            CHECK(all_silent(mu));
            continue;
        }
        CHECK(dbov(last(mu, 40)) == Approx(-kLevel).margin(1));
        CHECK(dbov(last(a, 40)) == Approx(-kLevel).margin(1));
        CHECK(largest_step(mu.heard) < 250);  // its beginning too
    }
}

TEST_CASE("noise makes way for a talker, whose code bytes then pass untouched", "[noise]") {
    RoomFixture f(noisy());
    auto &talker = f.add(1), &listener = f.add(2), &other = f.add(3);
    f.run(20);
    for (std::uint32_t i = 0; i < 30; ++i) {
        const auto codes = odd_codes(i);
        f.send(talker, codes);
        f.turn();
        if (i == 0) {
            // The noise dies away in the first 5 ms; behind that it is the talker alone.
            std::array<std::int16_t, kFrame> said{};
            decode(G711::pcmu, codes, said);
            CHECK(std::ranges::equal(std::span(said).subspan(40), last(listener, 1).subspan(40)));
            CHECK_FALSE(std::ranges::equal(std::span(said).first(40), last(listener, 1).first(40)));
            continue;
        }
        REQUIRE(listener.codes == codes);
        REQUIRE(other.codes == codes);
        REQUIRE(all_silent(talker));
    }
    CHECK(f.room.report({1}).talking);
    f.run(20);
    CHECK_FALSE(f.room.report({1}).talking);
    CHECK(dbov(last(listener, 10)) == Approx(-kLevel).margin(1.5));
    CHECK(dbov(last(talker, 10)) == Approx(-kLevel).margin(1.5));
}

TEST_CASE("noise begins and ends without a click", "[noise]") {
    RoomFixture f(noisy());
    auto &talker = f.add(1), &listener = f.add(2);
    talker.hertz = 200;
    for (int spell = 0; spell < 5; ++spell) {
        talker.amplitude = 0;
        f.run(30);
        talker.amplitude = 1000;
        f.run(30);
    }
    // A sine of 200 Hz moves by 157 a sample at most, the noise by 160; a cut of either would show.
    CHECK(largest_step(last(listener, 290)) < 400);
}

// A talker of G.722 or Opus is passed on too, though these codecs have a memory and noise is not silence to them.
TEST_CASE("noise keeps no codec from passing a talker on", "[noise]") {
    for (const auto kind : {CodecKind::g722, CodecKind::opus}) {
        Room room(noisy());
        RoomOutput out;
        LegFormat format;
        format.codec.kind = kind;
        format.codec.rate = kind == CodecKind::opus ? 48'000 : 16'000;
        format.payload_type = 96;
        for (std::uint32_t id = 1; id <= 2; ++id) REQUIRE(room.add({id}, format, {id, 0, 0}));
        for (int i = 0; i < 20; ++i) room.tick(out);
        const auto encoder = make_encoder(format.codec);
        std::vector<std::int16_t> sound(format.codec.samples());
        std::vector<std::uint8_t> packet(1500 + kRtpHeader);
        std::size_t at = 0;
        int passed = 0;
        for (std::uint16_t i = 0; i < 20; ++i) {
            for (auto& sample : sound) {
                const double t = static_cast<double>(at++) / format.codec.rate;
                sample = static_cast<std::int16_t>(std::lround(6000 * std::sin(2 * std::numbers::pi * 400 * t) * (1 + std::sin(20 * t))));
            }
            const auto size = encoder->encode(sound, std::span(packet).subspan(kRtpHeader));
            write_rtp_header(std::span(packet).first<kRtpHeader>(), i == 0, 96, i, static_cast<std::uint32_t>(i * 20 * format.codec.clock_rate() / 1000), 9);
            room.receive({1}, std::span(packet).first(kRtpHeader + size));
            room.tick(out);
            const auto to_listener = std::ranges::find(out.packets, LegId{2}, &RoomOutput::Packet::leg);
            REQUIRE(to_listener != out.packets.end());
            if (std::ranges::equal(to_listener->payload, std::span(packet).subspan(kRtpHeader, size))) ++passed;
        }
        CAPTURE(encoding_name(kind));
        CHECK(passed >= 18);
    }
}

TEST_CASE("noise costs one encode for each audience, and allocates nothing", "[noise]") {
    RoomFixture f(noisy());
    for (std::uint32_t id = 1; id <= 20; ++id) f.add(id, id % 2 ? G711::pcmu : G711::pcma);
    for (int i = 0; i < 50; ++i) f.room.tick(f.out);
    const auto before = allocations.load();
    for (int i = 0; i < 50; ++i) f.room.tick(f.out);
    CHECK(allocations == before);
    std::map<const std::uint8_t*, int> payloads;
    for (const auto& packet : f.out.packets) ++payloads[packet.payload.data()];
    CHECK(f.out.packets.size() == 20);
    CHECK(payloads.size() == 2);
}

TEST_CASE("comfort noise of a peer (RFC 3389) is silence, not loss", "[noise]") {
    RoomFixture f;
    auto &talker = f.add(1), &listener = f.add(2);
    talker.hertz = 500;
    for (int spell = 0; spell < 5; ++spell) {
        talker.amplitude = 6000;
        f.run(30);
        // One packet that tells how loud the silence is, another amid it with a spectrum, an empty one, and nothing else for 400 ms.
        talker.amplitude = 0;
        for (int tick = 0; tick < 20; ++tick) {
            if (tick == 0) f.room.receive({1}, talker.packet({70}, kComfortNoiseType));
            if (tick == 10) f.room.receive({1}, talker.packet({70, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, kComfortNoiseType));
            if (tick == 12) f.room.receive({1}, talker.packet({}, kComfortNoiseType));
            f.turn();
            CHECK(f.count(Kind::digit, 1) == 0);
            if (tick > 8) CHECK(all_silent(listener));
        }
        talker.timestamp = static_cast<std::uint32_t>((spell + 1) * 50 * kFrame);  // the clock runs on
    }
    talker.amplitude = 6000;
    f.run(30);
    const auto report = f.room.report({1});
    CHECK(report.received == 6 * 30 + 5 * 3);
    CHECK(report.lost == 0);
    CHECK(report.late == 0);
    CHECK(listener.hears(500) == Approx(6000).epsilon(0.02));
    CHECK(report.delay_ms < 25);
}
