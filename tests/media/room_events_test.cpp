// Packets' headers, digits, prompts, talking and media events, bounds.
#include <catch2/catch.hpp>
#include <string>

#include "media/room_fixture.hpp"

using namespace confab::media;
using namespace confab::media::test;
using Kind = RoomEvent::Kind;

namespace {

std::vector<std::uint8_t> loud() { return coded(G711::pcmu, std::vector<std::int16_t>(kFrame, 5000)); }

}  // namespace

TEST_CASE("fifty packets a second, silence included; the clock runs on while nothing is sent", "[room]") {
    RoomFixture f;
    auto& peer = f.add(1);
    f.run(10);
    LegFormat held = peer.format;
    held.held = true;
    f.format(peer, held);
    f.run(5);
    CHECK(peer.packets.size() == 10);
    held.held = false;
    f.format(peer, held);
    f.run(10);
    REQUIRE(peer.packets.size() == 20);
    for (std::size_t i = 0; i < 20; ++i) {
        CAPTURE(i);
        CHECK(peer.packets[i].sequence == static_cast<std::uint16_t>(65530 + i));
        CHECK(peer.packets[i].timestamp == 4000000000u + 160 * (i + (i < 10 ? 0 : 5)));
        CHECK(peer.packets[i].marker == (i == 0 || i == 10));
        CHECK(peer.packets[i].ssrc == 1001);
        CHECK(peer.packets[i].payload_type == 0);
    }
    CHECK(all_silent(peer));
    CHECK(f.room.report({1}).sent == 20);
}

TEST_CASE("digits come out once, in the lobby too, and stay out of the mix", "[room]") {
    for (bool lobby : {false, true}) {
        RoomFixture f;
        LegFormat format;
        format.telephone_event = 101;
        auto &caller = f.add(1, G711::pcmu, format), &listener = f.add(2);
        f.room.set_lobby({1}, lobby);
        std::string digits;
        const auto turn = [&] {
            f.turn();
            for (const auto& event : f.events)
                if (event.kind == Kind::digit) digits += event.digit;
        };
        for (int i = 0; i < 5; ++i) {
            f.send(caller, loud());
            turn();
        }
        CHECK(all_silent(listener) == lobby);
        for (char key : std::string("42#")) {
            DigitSender sender;
            sender.start(key, 100);
            while (sender.active()) {
                auto frame = sender.next();
                auto packet = caller.packet(std::vector<std::uint8_t>(frame.payload, frame.payload + 4), 101, frame.marker);
                caller.timestamp -= 4;  // the sound beside it moves the clock
                const std::uint32_t stamp = caller.timestamp - frame.timestamp_offset;
                for (int k = 0; k < 4; ++k) packet[static_cast<std::size_t>(4 + k)] = static_cast<std::uint8_t>(stamp >> (24 - 8 * k));
                f.room.receive({1}, packet);
                f.send(caller, loud());  // the tone beside it, as some phones send
                turn();
                CHECK(listener.heard.back() == 0);  // what was said before has died away within 5 ms
                CHECK((frame.marker || all_silent(listener)));
            }
        }
        CHECK(digits == "42#");
        for (int i = 0; i < 20; ++i) {
            f.send(caller, loud());
            turn();
        }
        CHECK(all_silent(listener) == lobby);
        CHECK(f.room.report({1}).lost == 0);
        CHECK(digits == "42#");
    }
}

TEST_CASE("what the peer sends counts by our numbers and by its own", "[room]") {
    struct Row {
        const char* what;
        int type, offered_type, event, offered_event;
        int sent, key;  // payload types
        bool heard, keyed;
    };
    const Row rows[] = {
        {"the peer's", 115, 99, 100, 101, 115, 100, true, true},
        {"ours", 115, 99, 100, 101, 99, 101, true, true},
        {"neither", 115, 99, 100, 101, 116, 102, false, false},
        {"ours, which are the peer's for the other", 101, 99, 99, 101, 99, 101, true, true},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        RoomFixture f;
        auto &caller = f.add(1), &listener = f.add(2);
        LegFormat format = caller.format;
        format.payload_type = static_cast<std::uint8_t>(row.type);
        format.offered_type = row.offered_type;
        format.telephone_event = row.event;
        format.offered_event = row.offered_event;
        f.format(caller, format);
        for (int i = 0; i < 5; ++i) {
            f.send(caller, loud(), row.sent);
            f.turn();
        }
        CHECK(all_silent(listener) != row.heard);
        CHECK(caller.packets.back().payload_type == row.type);
        f.send(caller, {5, 0x80, 0, 160}, row.key);
        f.turn();
        CHECK(f.count(Kind::digit, 1) == row.keyed);
    }
}

TEST_CASE("a peer that may send either law of G.711 is heard in both", "[room]") {
    for (const auto& [own, other] : {std::pair{G711::pcmu, G711::pcma}, std::pair{G711::pcma, G711::pcmu}}) {
        RoomFixture f;
        auto &caller = f.add(1, own), &listener = f.add(2, own);
        const auto say = [&] {
            Signal tone(kFrame);
            for (auto& one : tone) one = static_cast<std::int16_t>(std::lround(8000 * std::sin(2 * std::numbers::pi * 500 * caller.position++ / 8000)));
            f.send(caller, coded(other, tone), static_payload_type(other));
            f.turn();
        };
        for (int i = 0; i < 20; ++i) say();
        CHECK(all_silent(listener));
        LegFormat format = caller.format;
        format.other_law = static_payload_type(other);
        f.format(caller, format);
        for (int i = 0; i < 50; ++i) say();
        CHECK(listener.hears(500) == Approx(8000).epsilon(0.02));
        f.send(caller, std::vector<std::uint8_t>(2000, 0x80), static_payload_type(other));
        f.turn();
        CHECK(f.room.report({1}).received == 71);
    }
}

TEST_CASE("a leg that goes to another room takes its stream along, and a key that is still down is told once", "[room]") {
    Room lobby{RoomPolicy{}}, room{RoomPolicy{}};
    LegFormat format;
    format.telephone_event = 101;
    REQUIRE(lobby.add({1}, format, {77, 500, 9000}));
    DigitSender sender;
    sender.start('#', 100);
    RoomOutput out;
    std::string digits;
    Room* place = &lobby;
    for (std::uint16_t sequence = 0; sender.active(); ++sequence) {
        const auto frame = sender.next();
        std::vector<std::uint8_t> packet(kRtpHeader);
        write_rtp_header(std::span(packet).first<kRtpHeader>(), frame.marker, 101, sequence, 4000, 5);
        packet.insert(packet.end(), frame.payload, frame.payload + DigitSender::kPayload);
        place->receive({1}, packet);
        place->tick(out);
        for (const auto& event : out.events)
            if (event.kind == Kind::digit) digits += event.digit;
        out.clear();
        if (sequence != 2) continue;
        const auto stream = lobby.remove({1});
        REQUIRE(stream);
        CHECK(stream->ssrc == 77);
        CHECK(stream->sequence == 503);
        CHECK(stream->timestamp == 9000 + 3 * 160);
        REQUIRE(room.add({1}, format, *stream));
        place = &room;
    }
    CHECK(digits == "#");
    CHECK_FALSE(lobby.remove({1}));
}

TEST_CASE("a flood of digits is bounded", "[room]") {
    RoomFixture f;
    LegFormat format;
    format.telephone_event = 101;
    auto& caller = f.add(1, G711::pcmu, format);
    for (int i = 0; i < 1000; ++i) f.send(caller, {5, 0x8a, 0, 160}, 101);
    f.turn();
    CHECK(f.count(Kind::digit, 1) == 4);
    CHECK(f.out.dropped_digits == 996);
    f.turn();
    CHECK(f.out.dropped_digits == 0);
}

TEST_CASE("talking and silent alternate, once each; a muted leg does neither", "[room]") {
    RoomPolicy policy;
    policy.talk_hangover = 3;
    RoomFixture f(policy);
    auto& talker = f.add(1);
    f.add(2);
    talker.hertz = 500;
    std::string told;
    const auto run = [&](double amplitude, int ticks) {
        talker.amplitude = amplitude;
        for (int i = 0; i < ticks; ++i) {
            f.tick();
            told += std::string(static_cast<std::size_t>(f.count(Kind::talking, 1)), 'T') +
                    std::string(static_cast<std::size_t>(f.count(Kind::silent, 1)), 's');
        }
    };
    run(5000, 10);
    CHECK(told == "T");
    CHECK(f.room.report({1}).talking);
    CHECK(f.room.report({1}).level > 2000);
    run(1, 2);
    run(5000, 10);
    CHECK(told == "T");  // a breath is not silence
    run(1, 10);
    CHECK(told == "Ts");
    f.room.set_muted({1}, true);
    run(5000, 10);
    CHECK(told == "Ts");
    f.room.set_muted({1}, false);
    run(5000, 1);
    CHECK(told == "TsT");
    f.room.set_muted({1}, true);
    run(5000, 1);
    CHECK(told == "TsTs");
    f.room.set_muted({1}, false);
    run(5000, 5);
    CHECK(told == "TsTsT");
    f.room.remove({1});
    run(5000, 20);
    CHECK(told == "TsTsT");
}

TEST_CASE("media that starts, stops and starts again is told once each time", "[room]") {
    RoomPolicy policy;
    policy.media_timeout = 10;
    RoomFixture f(policy);
    auto &peer = f.add(1), &never = f.add(2);
    f.room.receive({1}, std::vector<std::uint8_t>{1, 2, 3});
    f.room.receive({1}, std::vector<std::uint8_t>(40, 0x00));
    f.turn();
    CHECK(f.events.empty());
    for (int round = 0; round < 3; ++round) {
        f.send(peer, loud());
        f.turn();
        CHECK(f.count(Kind::media_started, 1) == 1);
        f.send(peer, loud());
        f.turn();
        CHECK(f.count(Kind::media_started, 1) == 0);
        int stopped = 0, at = 0;
        for (int i = 1; i <= 40; ++i) {
            f.turn();
            stopped += f.count(Kind::media_stopped, 1);
            if (stopped && !at) at = i;
        }
        CHECK(stopped == 1);
        CHECK(at == 10);
    }
    (void)never;
}

TEST_CASE("a leg that never sends is told too; who is held or promised nothing is not", "[room]") {
    RoomPolicy policy;
    policy.media_timeout = 10;
    RoomFixture f(policy);
    f.add(1);
    LegFormat held, deaf;
    held.held = true;
    deaf.receives = false;
    f.add(2, G711::pcmu, held);
    f.add(3, G711::pcmu, deaf);
    int stopped[4] = {};
    for (int i = 0; i < 50; ++i) {
        f.turn();
        for (std::uint32_t leg = 1; leg <= 3; ++leg) stopped[leg] += f.count(Kind::media_stopped, leg);
    }
    CHECK(stopped[1] == 1);
    CHECK(stopped[2] == 0);
    CHECK(stopped[3] == 0);
    f.room.set_format({2}, LegFormat{});
    for (int i = 0; i < 50; ++i) {
        f.turn();
        stopped[2] += f.count(Kind::media_stopped, 2);
    }
    CHECK(stopped[2] == 1);
}

TEST_CASE("a leg that sends RTCP alone is there", "[room]") {
    RoomPolicy policy;
    policy.media_timeout = 10;
    RoomFixture f(policy);
    f.add(1);
    int stopped = 0;
    for (int i = 0; i < 50; ++i) {
        if (i % 8 == 0) f.room.keep({1});
        f.turn();
        stopped += f.count(Kind::media_stopped, 1);
    }
    CHECK(stopped == 0);
}

TEST_CASE("a prompt plays to its leg alone and says when it ends", "[room]") {
    RoomFixture f;
    auto &one = f.add(1), &two = f.add(2), &talker = f.add(3);
    talker.hertz = 900, talker.amplitude = 8000;
    f.run(5);
    auto samples = std::make_shared<Sound>(8000, std::vector<std::int16_t>(kFrame * 3 + 40, 4000));
    for (bool lobby : {false, true}) {
        f.room.set_lobby({1}, lobby);
        f.room.play({1}, samples);
        for (int i = 0; i < 4; ++i) {
            f.tick();
            CHECK(f.count(Kind::prompt_ended, 1) == (i == 3 ? 1 : 0));
            const auto expected = coded(G711::pcmu, {4000, 0});
            CHECK(one.codes.front() == expected[0]);
            CHECK(one.codes.back() == expected[i == 3 ? 1 : 0]);
            CHECK(two.hears(900, 160) > 7000);
        }
        f.tick();
        CHECK(all_silent(one) == lobby);
    }
    f.room.play({1}, samples);
    f.tick();
    f.room.play({1}, nullptr);
    f.tick();
    CHECK(one.heard.back() == 0);
    f.tick();
    CHECK(all_silent(one));
    CHECK(f.count(Kind::prompt_ended, 1) == 0);
    f.room.play({1}, std::make_shared<Sound>());
    f.tick();
    CHECK(f.count(Kind::prompt_ended, 1) == 1);
}

TEST_CASE("commands for legs that are gone do nothing; ids and seats are bounded", "[room]") {
    Room room{RoomPolicy{}};
    RoomOutput out;
    room.remove({7});
    room.set_format({7}, {});
    room.set_muted({7}, true);
    room.set_lobby({7}, true);
    room.play({7}, nullptr);
    room.receive({7}, loud());
    CHECK(room.report({7}).received == 0);
    CHECK(room.empty());
    room.tick(out);
    CHECK(out.packets.empty());
    for (std::uint32_t i = 0; i < Room::kMaxLegs; ++i) REQUIRE(room.add({i}, {}, {i, 0, 0}));
    CHECK_FALSE(room.add({5}, {}, {5, 0, 0}));
    CHECK_FALSE(room.add({5000}, {}, {5, 0, 0}));
    CHECK(room.size() == Room::kMaxLegs);
    room.remove({5});
    CHECK(room.add({5000}, {}, {5, 0, 0}));
    room.tick(out);
    CHECK(out.packets.size() == Room::kMaxLegs);
}

TEST_CASE("the last tick's payload outlives a departure", "[room]") {
    RoomFixture f;
    auto& talker = f.add(1);
    f.add(2);
    for (int i = 0; i < 2; ++i) {
        f.send(talker, loud());
        f.turn();
    }
    f.room.remove({1});
    for (const auto& packet : f.out.packets)
        if (packet.leg == LegId{2}) CHECK(std::ranges::equal(packet.payload, loud()));
}

TEST_CASE("another codec in mid-call", "[room]") {
    RoomFixture f;
    auto &talker = f.add(1), &listener = f.add(2);
    talker.hertz = 500, talker.amplitude = 8000;
    f.run(20);
    LegFormat changed = talker.format;
    changed.codec.kind = CodecKind::pcma;
    changed.payload_type = 8;
    f.format(talker, changed);
    f.run(50);
    CHECK(listener.hears(500) == Approx(8000).epsilon(0.02));
    CHECK(talker.packets.back().payload_type == 8);
}
