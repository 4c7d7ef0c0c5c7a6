#include "media/playout.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

using namespace confab::media;

namespace {

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
        packet.payload = payload;
        if (!lost) playout.insert(packet, tick);
    }
};

}  // namespace

TEST_CASE("packets of any length come out whole and in order, a tick at a time", "[playout]") {
    for (std::size_t size : {33u, 80u, 160u, 200u, 240u, 320u}) {
        Playout playout(G711::pcmu);
        Stream stream;
        std::vector<std::uint8_t> heard;
        for (std::uint64_t tick = 0; tick < 400; ++tick) {
            while (stream.position < (tick + 1) * kFrame) stream.send(playout, size, tick);
            playout.advance(tick);
            heard.insert(heard.end(), playout.frame().begin(), playout.frame().end());
        }
        std::size_t wrong = 0;
        // Once the buffer has found its depth, nothing is missing and nothing invented.
        const auto start = heard.begin() + 100 * kFrame;
        std::uint32_t at = 0;
        const auto fits = [&](std::uint32_t from) {
            for (std::uint32_t i = 0; i < 32; ++i)
                if (start[i] != Stream::code(from + i)) return false;
            return true;
        };
        while (at < 101 * kFrame && !fits(at)) ++at;
        CAPTURE(size, at);
        REQUIRE(at < 101 * kFrame);
        for (auto it = start; it != heard.end(); ++it) wrong += *it != Stream::code(at++);
        CHECK(wrong == 0);
        CHECK(playout.jitter().lost() == 0);
        CHECK(stream.position - at <= 2 * 320);  // delay: two packets at most
    }
}

TEST_CASE("a lost packet is concealed ever more quietly, then silence", "[playout]") {
    for (auto law : {G711::pcmu, G711::pcma}) {
        Playout playout(law);
        CHECK_FALSE(playout.advance(0));
        CHECK(level(law, playout.frame()) <= 8);

        std::array<std::int16_t, kFrame> loud;
        for (std::size_t i = 0; i < kFrame; ++i) loud[i] = static_cast<std::int16_t>(i / 20 % 2 ? 8000 : -8000);
        std::array<std::uint8_t, kFrame> codes;
        encode(law, loud, codes);
        RtpPacket packet;
        packet.payload = codes;
        playout.insert(packet, 1);
        CHECK(playout.advance(1));
        CHECK(std::ranges::equal(playout.frame(), codes));
        for (int expected : {6000, 4000, 2000}) {
            CHECK(playout.advance(2));
            CHECK(level(law, playout.frame()) == Approx(expected).epsilon(0.05));
        }
        for (int i = 0; i < 10; ++i) {
            CHECK_FALSE(playout.advance(5));
            CHECK(level(law, playout.frame()) <= 8);
        }
    }
}

TEST_CASE("a packet without sound holds its place", "[playout]") {
    Playout playout(G711::pcma);
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

TEST_CASE("another law starts from silence", "[playout]") {
    Playout playout(G711::pcmu);
    Stream stream;
    stream.send(playout, 240, 0);
    playout.advance(0);
    playout.restart(G711::pcma);
    CHECK_FALSE(playout.advance(1));
    CHECK(std::ranges::all_of(playout.frame(), [](std::uint8_t code) { return code == silence(G711::pcma); }));
}
