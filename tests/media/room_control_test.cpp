// What commands do to what is heard: gain, volume, deafness, sounds, announcements, taps; tones as digits; other codecs and packet lengths.
#include <catch2/catch.hpp>

#include "media/room_fixture.hpp"
#include "media/signals.hpp"
#include "media/tones.hpp"

using namespace confab::media;
using namespace confab::media::test;
using Kind = RoomEvent::Kind;

namespace {

Prompt sound(std::uint32_t rate, double seconds, double hertz, double amplitude = 6000) {
    return std::make_shared<Sound>(rate, tones(rate, seconds, {hertz}, amplitude));
}

}  // namespace

TEST_CASE("gain is how a leg is heard by all, volume how one hears", "[room]") {
    RoomFixture f;
    auto &talker = f.add(1), &one = f.add(2), &two = f.add(3);
    talker.hertz = 500, talker.amplitude = 4000;
    f.run(20);
    f.room.set_gain({1}, 6);
    f.run(20);
    CHECK(one.hears(500, 1600) == Approx(8000).epsilon(0.02));
    f.room.set_volume({2}, -12);
    f.run(40);
    CHECK(one.hears(500, 1600) == Approx(2000).epsilon(0.03));
    CHECK(two.hears(500, 1600) == Approx(8000).epsilon(0.02));
    f.room.set_gain({1}, 1000);  // bounded
    f.room.set_volume({2}, -1000);
    f.run(20);
    CHECK(two.hears(500, 1600) > 30000);
    CHECK(one.hears(500, 1600) == Approx(327).epsilon(0.3));
    f.room.set_gain({1}, 0);
    f.room.set_volume({2}, 0);
    f.run(60);
    CHECK(one.hears(500, 1600) == Approx(4000).epsilon(0.02));
}

TEST_CASE("automatic gain brings a soft and a loud talker together", "[room]") {
    RoomPolicy policy;
    policy.automatic_gain = true;
    RoomFixture f(policy);
    auto &soft = f.add(1), &loud = f.add(2), &listener = f.add(3);
    soft.hertz = 500, soft.amplitude = 1200;
    loud.hertz = 900, loud.amplitude = 7000;
    f.run(700);
    const double spread = 20 * std::log10(listener.hears(900) / listener.hears(500));
    CHECK(std::abs(spread) <= 3);
}

TEST_CASE("a deaf leg hears its prompts and nothing else, and is heard", "[room]") {
    RoomFixture f;
    auto &deaf = f.add(1), &other = f.add(2);
    deaf.hertz = 500, deaf.amplitude = 8000;
    other.hertz = 900, other.amplitude = 8000;
    f.run(10);
    f.room.set_deaf({1}, true);
    f.run(20);
    CHECK(all_silent(deaf));
    CHECK(other.hears(500, 1600) > 7000);
    f.room.play({1}, sound(8000, 0.5, 700));
    f.run(20);
    CHECK(deaf.hears(700, 1600) > 5500);
    CHECK(deaf.hears(900, 1600) < 60);
    f.room.set_deaf({1}, false);
    f.run(20);
    CHECK(deaf.hears(900, 1600) > 7000);
}

TEST_CASE("sounds of several rates play one after another, and end once", "[room]") {
    RoomFixture f;
    auto& one = f.add(1);
    f.room.play({1}, {sound(8000, 0.2, 500), sound(44100, 0.2, 500), sound(48000, 0.2, 700), nullptr, sound(16000, 0.2, 1100)});
    int ended = 0;
    for (const double hertz : {500, 700, 1100})
        for (int tick = 0; tick < 10; ++tick) {
            f.tick();
            ended += f.count(Kind::prompt_ended, 1);
            if (tick == 8) CHECK(one.hears(hertz, 800) > 5500);
        }
    CHECK(ended == 1);
    f.run(2);
    CHECK(all_silent(one));
}

TEST_CASE("an announcement is heard by all but the lobby, beside the talkers", "[room]") {
    RoomFixture f;
    auto &talker = f.add(1), &listener = f.add(2), &waiting = f.add(3);
    talker.hertz = 500, talker.amplitude = 4000;
    f.room.set_lobby({3}, true);
    f.run(30);
    f.room.play_all({sound(16000, 1, 900)});
    f.run(20);
    CHECK(talker.hears(900, 1600) > 5500);
    CHECK(listener.hears(900, 1600) > 5500);
    CHECK(listener.hears(500, 1600) > 3800);
    CHECK(all_silent(waiting));
    for (std::size_t i = 0; i < 3 * Room::kMaxAnnouncements; ++i) f.room.play_all({sound(8000, 5, 1300, 1000)});
    f.run(20);
    CHECK(listener.hears(1300, 1600) < 1100 * Room::kMaxAnnouncements);
    f.room.play_all({});
    f.run(20);
    CHECK(listener.hears(900, 1600) < 60);
    CHECK(listener.hears(1300, 1600) < 60);
    CHECK(listener.hears(500, 1600) > 3800);
}

TEST_CASE("taps give the mix and each tapped leg's own voice", "[room]") {
    RoomFixture f;
    auto &one = f.add(1), &two = f.add(2);
    one.hertz = 500, one.amplitude = 4000;
    two.hertz = 900, two.amplitude = 4000;
    f.room.set_mix_tap(true, 48000);
    f.room.set_leg_tap({2}, true);
    f.room.play_all({sound(8000, 9, 1300, 3000)});
    Signal mix, voice;
    for (int tick = 0; tick < 40; ++tick) {
        f.tick();
        REQUIRE(f.out.taps.size() == 2);
        CHECK_FALSE(f.out.taps[0].leg);
        CHECK(f.out.taps[0].rate == 48000);
        CHECK(f.out.taps[1].leg == LegId{2});
        mix.insert(mix.end(), f.out.taps[0].samples.begin(), f.out.taps[0].samples.end());
        voice.insert(voice.end(), f.out.taps[1].samples.begin(), f.out.taps[1].samples.end());
    }
    CHECK(mix.size() == 40 * 960);
    CHECK(voice.size() == 40 * 160);
    const auto middle = std::span(mix).last(20 * 960), own = std::span(voice).last(20 * 160);
    CHECK(amplitude_of(middle, 500, 48000) == Approx(4000).epsilon(0.03));
    CHECK(amplitude_of(middle, 900, 48000) == Approx(4000).epsilon(0.03));
    CHECK(amplitude_of(middle, 1300, 48000) == Approx(3000).epsilon(0.03));
    CHECK(amplitude_of(own, 900, 8000) == Approx(4000).epsilon(0.03));
    CHECK(amplitude_of(own, 500, 8000) < 60);
    f.room.set_muted({2}, true);
    f.run(2);
    CHECK(power_of(f.out.taps[1].samples) == 0);
    f.room.remove({2});
    f.room.set_mix_tap(false);
    f.tick();
    CHECK(f.out.taps.empty());
}

TEST_CASE("tones are digits for a leg without telephone events, in the lobby too, and only for it", "[room]") {
    for (const int telephone_event : {-1, 101})
        for (const bool lobby : {false, true}) {
            RoomFixture f;
            LegFormat format;
            format.telephone_event = telephone_event;
            auto& caller = f.add(1, G711::pcmu, format);
            f.add(2);
            f.room.set_lobby({1}, lobby);
            std::string digits;
            for (const char key : std::string("17#")) {
                const Tone tone[] = {dtmf_tone(key, 100), {0, 0, 100}};
                const auto pcm = make_tones(tone, 8000);
                for (std::size_t at = 0; at + kFrame <= pcm.size(); at += kFrame) {
                    f.send(caller, coded(G711::pcmu, Signal(pcm.begin() + static_cast<std::ptrdiff_t>(at), pcm.begin() + static_cast<std::ptrdiff_t>(at + kFrame))));
                    f.turn();
                    for (const auto& event : f.events)
                        if (event.kind == Kind::digit) digits += event.digit;
                }
            }
            CAPTURE(telephone_event, lobby);
            CHECK(digits == (telephone_event < 0 ? "17#" : ""));
        }
}

TEST_CASE("packets are as long as each leg's format says, on its own clock", "[room]") {
    struct Row {
        CodecKind kind;
        std::uint32_t rate;
        std::uint16_t ptime;
        std::uint32_t step;
    };
    const Row rows[] = {{CodecKind::pcmu, 8000, 10, 80},  {CodecKind::pcma, 8000, 30, 240},  {CodecKind::pcmu, 8000, 60, 480},
                        {CodecKind::g722, 16000, 20, 160}, {CodecKind::opus, 48000, 20, 960}, {CodecKind::opus, 16000, 60, 2880},
                        {CodecKind::l16, 48000, 10, 480},  {CodecKind::l16, 16000, 40, 640}};
    Room room{RoomPolicy{}};
    RoomOutput out;
    room.tick(out);  // a length that does not divide the time that has passed
    for (std::uint32_t i = 0; i < std::size(rows); ++i) {
        LegFormat format;
        format.codec.kind = rows[i].kind;
        format.codec.rate = rows[i].rate;
        format.codec.ptime = rows[i].ptime;
        REQUIRE(room.add({i}, format, {i, 0, 1000}));
    }
    std::vector<std::vector<RtpPacket>> got(std::size(rows));
    std::vector<std::vector<std::size_t>> sizes(std::size(rows));
    for (int tick = 0; tick < 60; ++tick) {
        room.tick(out);
        for (const auto& packet : out.packets) {
            got[packet.leg.value].push_back(*RtpPacket::parse(packet.header));
            sizes[packet.leg.value].push_back(packet.payload.size());
        }
    }
    for (std::size_t i = 0; i < std::size(rows); ++i) {
        CAPTURE(i, rows[i].ptime);
        CHECK(std::abs(static_cast<int>(got[i].size()) - 1200 / rows[i].ptime) <= 1);
        for (std::size_t n = 0; n < got[i].size(); ++n) {
            REQUIRE(got[i][n].sequence == n);
            REQUIRE(got[i][n].timestamp == 1000 + rows[i].step * n);
            REQUIRE(got[i][n].marker == (n == 0));
        }
        if (rows[i].kind == CodecKind::pcmu) CHECK(sizes[i].back() == rows[i].step);
        if (rows[i].kind == CodecKind::l16) CHECK(sizes[i].back() == 2 * rows[i].step);
    }
    LegFormat impossible;
    impossible.codec.rate = 11025;
    CHECK_FALSE(room.add({99}, impossible, {}));
}

TEST_CASE("a codec that changes under way, amid a prompt and in the mix", "[room]") {
    RoomFixture f;
    auto &talker = f.add(1), &listener = f.add(2);
    talker.hertz = 500, talker.amplitude = 8000;
    f.run(20);
    f.room.play({2}, sound(8000, 5, 700));
    f.run(5);
    LegFormat wide = listener.format;
    wide.codec = {.kind = CodecKind::l16, .rate = 16000, .ptime = 10};
    f.room.set_format({2}, wide);
    f.room.tick(f.out);
    for (const auto& packet : f.out.packets)
        if (packet.leg == LegId{2}) CHECK(packet.payload.size() == 320);
    CHECK(f.out.packets.size() == 3);
    LegFormat back = talker.format;
    f.room.set_format({2}, back);
    f.run(10);
    CHECK(listener.hears(700, 800) > 5500);
    f.room.play({2}, nullptr);
    f.run(30);
    CHECK(listener.hears(500, 1600) > 7500);
}

TEST_CASE("a sender's word that there is silence is believed where only decoding could tell", "[room]") {
    struct Row {
        CodecKind kind;
        int extension;  // agreed
        std::uint8_t level;
        bool talks;
    };
    const Row rows[] = {{CodecKind::g722, 3, 127, false}, {CodecKind::g722, 3, 60, false}, {CodecKind::g722, 3, 59, true},
                        {CodecKind::g722, 4, 127, true},  {CodecKind::g722, -1, 127, true}, {CodecKind::pcmu, 3, 127, true}};
    for (const auto& row : rows) {
        CAPTURE(row.kind, row.extension, row.level);
        LegFormat format;
        format.codec.kind = row.kind;
        format.codec.rate = row.kind == CodecKind::g722 ? 16'000 : 8'000;
        format.level_extension = row.extension;
        const auto encoder = make_encoder(format.codec);
        Room room{RoomPolicy{}};
        RoomOutput out;
        REQUIRE(room.add({1}, format, {1, 0, 0}));
        bool talked = false;
        for (std::uint16_t number = 0; number < 25; ++number) {
            Signal tone(format.codec.samples());
            for (std::size_t i = 0; i < tone.size(); ++i)
                tone[i] = static_cast<std::int16_t>(8000 * std::sin(0.3 * static_cast<double>(number * tone.size() + i)));
            std::vector<std::uint8_t> packet(kRtpHeader + 8 + 1500);
            write_rtp_header(std::span(packet).first<kRtpHeader>(), false, 0, number, number * 160u, 9);
            packet[0] |= 0x10;
            std::ranges::copy(std::to_array<std::uint8_t>({0xbe, 0xde, 0, 1, 0x30, row.level, 0, 0}), packet.begin() + kRtpHeader);
            packet.resize(kRtpHeader + 8 + encoder->encode(tone, std::span(packet).subspan(kRtpHeader + 8)));
            room.receive({1}, packet);
            room.tick(out);
            for (const auto& event : out.events) talked |= event.kind == RoomEvent::Kind::talking;
        }
        CHECK(talked == row.talks);
    }
}
