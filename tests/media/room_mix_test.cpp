// Who hears whom, and how well.
#include <catch2/catch.hpp>
#include <random>

#include "media/room_fixture.hpp"

using namespace confab::media;
using namespace confab::media::test;
using Kind = RoomEvent::Kind;

TEST_CASE("one talker of the listeners' law passes bit for bit, and hears silence", "[room]") {
    for (auto law : {G711::pcmu, G711::pcma}) {
        RoomFixture f;
        auto &talker = f.add(1, law), &listener = f.add(2, law), &other = f.add(3, law);
        f.turn();
        std::mt19937 random(1);
        for (int i = 0; i < 40; ++i) {
            std::vector<std::uint8_t> codes(kFrame);
            // Soft now and then, or it would be taken for noise.
            for (auto& code : codes) code = static_cast<std::uint8_t>(random() | (i % 5 == 4 ? 0x70 : 0));
            f.send(talker, codes);
            f.turn();
            REQUIRE(listener.codes == codes);
            REQUIRE(other.codes == codes);
            REQUIRE(all_silent(talker));
        }
    }
}

TEST_CASE("the onset is heard with its first frame, and the tail through the hangover", "[room]") {
    RoomPolicy policy;
    policy.talk_hangover = 5;
    RoomFixture f(policy);
    auto &talker = f.add(1), &listener = f.add(2);
    const std::vector<std::int16_t> soft(kFrame, 100), loud(kFrame, 500);
    for (int i = 0; i < 10; ++i) {
        f.send(talker, coded(G711::pcmu, soft));
        f.turn();
        REQUIRE(all_silent(listener));
    }
    f.send(talker, coded(G711::pcmu, loud));
    f.turn();
    CHECK(listener.codes == coded(G711::pcmu, loud));
    CHECK(f.count(Kind::talking, 1) == 1);
    for (int i = 0; i < 4; ++i) {
        f.send(talker, coded(G711::pcmu, soft));
        f.turn();
        CHECK(listener.codes == coded(G711::pcmu, soft));
        CHECK(f.events.empty());
    }
    f.send(talker, coded(G711::pcmu, soft));
    f.turn();
    CHECK(f.count(Kind::silent, 1) == 1);
    CHECK(listener.heard.back() == 0);  // within 5 ms
    f.turn();
    CHECK(all_silent(listener));
}

TEST_CASE("the two laws understand each other", "[room]") {
    RoomFixture f;
    auto &mu = f.add(1, G711::pcmu), &a = f.add(2, G711::pcma), &listener_mu = f.add(3, G711::pcmu), &listener_a = f.add(4, G711::pcma);
    mu.hertz = 500, mu.amplitude = 8000;
    a.hertz = 1100, a.amplitude = 8000;
    f.run(60);
    CHECK(mu.hears(1100) == Approx(8000).epsilon(0.02));
    CHECK(a.hears(500) == Approx(8000).epsilon(0.02));
    for (const Peer* listener : {&listener_mu, &listener_a}) {
        CHECK(listener->hears(500) == Approx(8000).epsilon(0.02));
        CHECK(listener->hears(1100) == Approx(8000).epsilon(0.02));
    }
}

TEST_CASE("three talkers at any level: each hears the others and not himself", "[room]") {
    for (double amplitude : {1000.0, 10000.0, 32000.0}) {
        RoomFixture f;
        const double tones[] = {503.7, 907.3, 1693.1};  // no common period: the codec's noise is spread, not on these lines
        for (std::uint32_t i = 0; i < 3; ++i) {
            auto& peer = f.add(i, i == 1 ? G711::pcma : G711::pcmu);
            peer.hertz = tones[i];
            peer.amplitude = amplitude;
        }
        auto& listener = f.add(9);
        f.run(150);
        CAPTURE(amplitude);
        for (std::uint32_t i = 0; i < 3; ++i)
            for (std::uint32_t k = 0; k < 3; ++k) {
                const double level_heard = f.peers[i].hears(tones[k], 20000);
                CAPTURE(i, k, level_heard);
                if (i == k)
                    CHECK(20 * std::log10(level_heard / amplitude + 1e-9) < -60);
                else
                    CHECK(level_heard > amplitude * 0.4);
            }
        for (const double tone : tones) CHECK(listener.hears(tone) > amplitude * 0.3);
    }
}

TEST_CASE("the mix is the ideal mix-minus, as well as G.711 can say it", "[room]") {
    RoomFixture f;
    auto &one = f.add(1), &two = f.add(2), &three = f.add(3), &listener = f.add(4);
    one.hertz = 500, one.amplitude = 6000;
    two.hertz = 900, two.amplitude = 6000;
    three.hertz = 1700, three.amplitude = 6000;
    f.run(50);
    double signal = 0, noise = 0;
    const auto voice = [](const Peer& peer, std::size_t n) {
        return peer.amplitude * std::sin(2 * std::numbers::pi * peer.hertz * static_cast<double>(n) / 8000);
    };
    for (std::size_t n = 2 * kFrame; n < one.heard.size(); ++n) {
        const double ideal = voice(two, n) + voice(three, n);
        signal += ideal * ideal;
        noise += std::pow(one.heard[n] - ideal, 2);
    }
    // Two encodings lie between: the talkers' and ours.
    CHECK(10 * std::log10(signal / noise) > 33);
    CHECK(listener.hears(500) == Approx(6000).epsilon(0.02));
}

TEST_CASE("the loudest are in the mix, and stay until another is clearly louder", "[room]") {
    RoomPolicy policy;
    policy.loudest = 2;
    RoomFixture f(policy);
    auto& listener = f.add(0);
    const double tones[] = {0, 500, 900, 1700};
    for (std::uint32_t i = 1; i <= 3; ++i) {
        auto& peer = f.add(i);
        peer.hertz = tones[i];
        peer.amplitude = i == 3 ? 2000 : 8000;
    }
    f.run(50);
    CHECK(listener.hears(500) > 7000);
    CHECK(listener.hears(900) > 7000);
    CHECK(listener.hears(1700) < 100);
    CHECK(f.room.report({3}).talking);
    // A little louder is not enough…
    f.peers[3].amplitude = 12000;
    f.run(50);
    CHECK(listener.hears(1700) < 100);
    // …clearly louder is.
    f.peers[3].amplitude = 24000;
    f.run(50);
    CHECK(listener.hears(1700) > 20000);
    CHECK(listener.hears(500) + listener.hears(900) == Approx(8000).epsilon(0.1));
    // Who is not in the mix hears all who are.
    const std::uint32_t outside = listener.hears(500) > 4000 ? 2 : 1;
    CHECK(f.peers[outside].hears(1700) > 20000);
    CHECK(f.peers[outside].hears(tones[outside]) < 100);
}

TEST_CASE("muted, in the lobby, held and receive-only legs: the matrix is exact from the next frame", "[room]") {
    struct Row {
        const char* what;
        bool muted, lobby, held, sends, receives;
        bool hears, is_heard, gets_packets;
    };
    const Row rows[] = {
        {"plain", false, false, false, true, true, true, true, true},
        {"muted", true, false, false, true, true, true, false, true},
        {"lobby", false, true, false, true, true, false, false, true},
        {"held", false, false, true, true, true, false, false, false},
        {"we do not send", false, false, false, false, true, false, true, false},
        {"we do not receive", false, false, false, true, false, true, false, true},
        {"inactive", false, false, false, false, false, false, false, false},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        RoomFixture f;
        auto &one = f.add(1), &two = f.add(2);
        one.hertz = 500, one.amplitude = 8000;
        two.hertz = 900, two.amplitude = 8000;
        f.run(30);
        CHECK(two.hears(500, 160) > 7000);
        LegFormat format = one.format;
        format.held = row.held;
        format.sends = row.sends;
        format.receives = row.receives;
        f.format(one, format);
        f.room.set_muted({1}, row.muted);
        f.room.set_lobby({1}, row.lobby);
        f.tick();
        CHECK(f.count(Kind::silent, 1) == (row.is_heard ? 0 : 1));
        CHECK(one.codes.empty() == !row.gets_packets);
        CHECK((two.hears(500, 160) > 7000) == row.is_heard);
        if (row.gets_packets) CHECK((one.hears(900, 160) > 7000) == row.hears);
        f.run(30);
        CHECK(f.room.report({1}).talking == row.is_heard);
        // And back.
        format = one.format;
        format.held = false;
        format.sends = format.receives = true;
        f.format(one, format);
        f.room.set_muted({1}, false);
        f.room.set_lobby({1}, false);
        f.run(2);
        CHECK(two.hears(500, 160) > 7000);
        CHECK(one.hears(900, 160) > 7000);
    }
}

TEST_CASE("packets of 10, 30 and 40 ms are heard whole", "[room]") {
    for (std::size_t size : {80u, 240u, 320u}) {
        RoomFixture f;
        auto &talker = f.add(1), &listener = f.add(2);
        talker.hertz = 700, talker.amplitude = 8000;
        for (std::uint32_t tick = 1; tick <= 200; ++tick) {
            while (talker.position < tick * kFrame) f.send(talker, talker.tone(size));
            f.turn();
        }
        CAPTURE(size);
        CHECK(listener.hears(700) == Approx(8000).epsilon(0.02));
        CHECK(listener.codes.size() == kFrame);
        CHECK(f.room.report({1}).lost == 0);
    }
}

TEST_CASE("a run that is repeated repeats bit for bit", "[room]") {
    const auto play = [] {
        RoomFixture f;
        std::mt19937 random(99);
        for (std::uint32_t i = 0; i < 8; ++i) {
            auto& peer = f.add(i, i % 2 ? G711::pcma : G711::pcmu);
            peer.hertz = 300 + 100 * i;
        }
        std::vector<std::uint8_t> all;
        for (int tick = 0; tick < 300; ++tick) {
            for (auto& [id, peer] : f.peers) {
                if (random() % 50 == 0) peer.amplitude = static_cast<double>(random() % 32000);
                if (random() % 20 == 0) f.room.set_muted({id}, random() % 2 == 0);
            }
            f.tick();
            for (const auto& packet : f.out.packets) {
                all.insert(all.end(), packet.header.begin(), packet.header.end());
                all.insert(all.end(), packet.payload.begin(), packet.payload.end());
            }
        }
        return all;
    };
    CHECK(play() == play());
}
