#include "media/playout.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "media/g711.hpp"

using namespace confab::media;

namespace {

const CodecFormat kMu{}, kA{.kind = CodecKind::pcma};
constexpr std::size_t kFrame = 160;

// A stream of codes without a short period, cut into packets of any size.
struct Stream {
    std::uint16_t sequence = 65530;
    std::uint32_t position = 0;

    static std::uint8_t code(std::uint32_t at) { return static_cast<std::uint8_t>((at + 1) * 2654435761u >> 13 ^ at * 40503u >> 7); }
    void send(Playout& playout, std::size_t size, std::uint64_t tick, bool lost = false) {
        std::vector<std::uint8_t> payload(size);
        for (auto& one : payload) one = code(position++);
        RtpPacket packet;
        packet.ssrc = 1;
        packet.sequence = sequence++;
        packet.timestamp = position - static_cast<std::uint32_t>(size);
        packet.payload = payload;
        if (!lost) playout.insert(packet, tick);
    }
};

}  // namespace

TEST_CASE("packets of any length come out whole and in order, a tick at a time", "[playout]") {
    for (std::size_t size : {33u, 80u, 160u, 200u, 240u, 320u, 480u}) {
        Playout playout(kMu);
        Stream stream;
        std::vector<std::uint8_t> heard;
        for (std::uint64_t tick = 0; tick < 1200; ++tick) {
            while (stream.position < (tick + 1) * kFrame) stream.send(playout, size, tick);
            playout.advance(tick);
            if (tick < 1000) continue;
            const auto code = playout.code();
            REQUIRE(code.size() == kFrame);
            heard.insert(heard.end(), code.begin(), code.end());
            if (tick % 50) continue;
            std::array<std::int16_t, kFrame> decoded;
            decode(G711::pcmu, code, decoded);
            CHECK(std::ranges::equal(playout.samples(), decoded));
        }
        // Once the buffer has found its depth, nothing is missing and nothing invented.
        std::uint32_t at = 900 * kFrame;
        const auto fits = [&](std::uint32_t from) {
            for (std::uint32_t i = 0; i < 32; ++i)
                if (heard[i] != Stream::code(from + i)) return false;
            return true;
        };
        while (at < 1001 * kFrame && !fits(at)) ++at;
        CAPTURE(size, at);
        REQUIRE(at < 1001 * kFrame);
        std::size_t wrong = 0;
        for (const auto one : heard) wrong += one != Stream::code(at++);
        CHECK(wrong == 0);
        CHECK(playout.jitter().lost() == 0);
        CHECK(stream.position - at <= 2 * 480);  // delay: two packets at most
    }
}

TEST_CASE("a lost packet is concealed, up to 60 ms, then silence", "[playout]") {
    for (const auto& format : {kMu, kA}) {
        const G711 law = format.kind == CodecKind::pcmu ? G711::pcmu : G711::pcma;
        Playout playout(format);
        CHECK_FALSE(playout.advance(0));
        CHECK(playout.level() == 0);
        CHECK(std::ranges::all_of(playout.samples(), [](int sample) { return sample == 0; }));

        std::array<std::int16_t, kFrame> loud;
        for (std::size_t i = 0; i < kFrame; ++i) loud[i] = static_cast<std::int16_t>(i / 20 % 2 ? 8000 : -8000);
        std::array<std::uint8_t, kFrame> codes;
        encode(law, loud, codes);
        RtpPacket packet;
        packet.payload = codes;
        playout.insert(packet, 1);
        CHECK(playout.advance(1));
        CHECK(std::ranges::equal(playout.code(), codes));
        for (std::uint64_t tick = 2; tick < 5; ++tick) {
            CHECK(playout.advance(tick));
            CHECK(playout.code().empty());
            CHECK(playout.level() > 1000);
            CHECK(*std::ranges::max_element(playout.samples()) > 2000);
        }
        for (std::uint64_t tick = 5; tick < 15; ++tick) {
            CHECK_FALSE(playout.advance(tick));
            CHECK(playout.level() == 0);
        }
        CHECK(std::ranges::all_of(playout.samples(), [](int sample) { return sample == 0; }));
    }
}

TEST_CASE("a packet without sound holds its place", "[playout]") {
    Playout playout(kA);
    Stream stream;
    for (std::uint64_t tick = 0; tick < 5; ++tick) {
        stream.send(playout, 160, tick);
        CHECK(playout.advance(tick));
    }
    for (std::uint64_t tick = 5; tick < 10; ++tick) {
        stream.send(playout, 0, tick);
        CHECK_FALSE(playout.advance(tick));
    }
    stream.send(playout, 160, 10);
    CHECK(playout.advance(10));
    CHECK(playout.jitter().lost() == 0);
}

TEST_CASE("another codec starts from silence", "[playout]") {
    Playout playout(kMu);
    Stream stream;
    stream.send(playout, 240, 0);
    playout.advance(0);
    playout.restart({.kind = CodecKind::l16, .rate = 16000, .ptime = 10});
    CHECK_FALSE(playout.advance(1));
    CHECK(playout.samples().size() == 320);
    CHECK(std::ranges::all_of(playout.samples(), [](int sample) { return sample == 0; }));
}

TEST_CASE("any packets at any time do no harm to any codec", "[playout]") {
    for (const auto& format : {kMu, CodecFormat{.kind = CodecKind::g722, .rate = 16000}, CodecFormat{.kind = CodecKind::opus, .rate = 48000},
                               CodecFormat{.kind = CodecKind::l16, .rate = 48000, .ptime = 10}})
        for (unsigned seed = 0; seed < 4; ++seed) {
            std::mt19937 random(seed);
            Playout playout(format);
            std::vector<std::uint8_t> payload(1500);
            for (std::uint64_t tick = 0; tick < 1500; ++tick) {
                const auto burst = random() % 40 == 0 ? random() % 80 : random() % 3;
                for (auto i = burst; i > 0; --i) {
                    for (int k = 0; k < 8; ++k) payload[random() % 40] = static_cast<std::uint8_t>(random());
                    RtpPacket packet;
                    packet.ssrc = random() % 100 == 0 ? 2 : 1;
                    packet.marker = random() % 8 == 0;
                    packet.sequence = static_cast<std::uint16_t>(random() % 30 == 0 ? random() : tick + random() % 8);
                    packet.timestamp = static_cast<std::uint32_t>(random() % 4 == 0 ? random() : tick * 160);
                    packet.payload = std::span(payload).first(random() % 3 == 0 ? random() % 1500 : 160);
                    playout.insert(packet, tick, static_cast<Micros>(random() % 60'000));
                }
                playout.advance(tick);
                const auto code = playout.code();
                if (format.kind == CodecKind::pcmu && !code.empty()) CHECK(code.size() == kFrame);
                if (random() % 3 == 0) CHECK(playout.samples().size() == format.rate / 50);
                if (random() % 3 == 0) CHECK(playout.level() >= 0);
                CHECK(playout.delay() <= 1'500'000);
            }
        }
}
