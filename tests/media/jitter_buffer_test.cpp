#include "media/jitter_buffer.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <numeric>
#include <random>
#include <vector>

using namespace confab::media;
using Kind = JitterBuffer::Frame::Kind;

namespace {

// Packets whose payload tells their number.
struct Sender {
    std::uint32_t ssrc = 1;
    std::uint16_t first = 0;

    bool insert(JitterBuffer& buffer, std::uint32_t number, std::uint64_t tick, bool marker = false) const {
        std::array<std::uint8_t, 160> payload{};
        payload[0] = static_cast<std::uint8_t>(number >> 16);
        payload[1] = static_cast<std::uint8_t>(number >> 8);
        payload[2] = static_cast<std::uint8_t>(number);
        RtpPacket packet;
        packet.ssrc = ssrc;
        packet.marker = marker;
        packet.sequence = static_cast<std::uint16_t>(first + number);
        packet.timestamp = number * 160;
        packet.payload = payload;
        return buffer.insert(packet, tick);
    }
};

int number_in(const JitterBuffer::Frame& frame) {
    if (frame.kind != Kind::audio) return -1;
    return frame.payload[0] << 16 | frame.payload[1] << 8 | frame.payload[2];
}

// A network: when each packet arrives, in milliseconds; played in ticks of 20 ms.
struct Played {
    std::vector<int> numbers;  // −1 where none
    std::vector<unsigned> depths;
    std::size_t gaps(std::size_t from = 0) const {
        return static_cast<std::size_t>(std::count(numbers.begin() + static_cast<std::ptrdiff_t>(from), numbers.end(), -1));
    }
};
Played run(JitterBuffer& buffer, const std::vector<std::pair<double, std::uint32_t>>& arrivals, std::size_t ticks,
           const Sender& sender = {}) {
    Played out;
    auto sorted = arrivals;
    std::ranges::stable_sort(sorted, {}, &std::pair<double, std::uint32_t>::first);
    auto next = sorted.begin();
    for (std::uint64_t tick = 0; tick < ticks; ++tick) {
        for (; next != sorted.end() && next->first < 20.0 * static_cast<double>(tick); ++next) sender.insert(buffer, next->second, tick);
        out.numbers.push_back(number_in(buffer.pull(tick)));
        out.depths.push_back(buffer.depth());
    }
    return out;
}

bool rising(const std::vector<int>& numbers) {
    int last = -1;
    for (const int number : numbers) {
        if (number < 0) continue;
        if (number <= last) return false;
        last = number;
    }
    return true;
}

}  // namespace

TEST_CASE("without jitter every packet plays at once, over the wrap", "[jitter]") {
    for (double phase : {0.5, 10.0, 19.5}) {
        JitterBuffer buffer;
        std::vector<std::pair<double, std::uint32_t>> arrivals;
        for (std::uint32_t n = 0; n < 70000; ++n) arrivals.emplace_back(20.0 * n + phase, n);
        const auto played = run(buffer, arrivals, 70000, Sender{1, 65000});
        CAPTURE(phase);
        CHECK(played.gaps(1) == 0);
        CHECK(rising(played.numbers));
        CHECK(*std::ranges::max_element(played.depths) <= 1);
        CHECK(buffer.lost() == 0);
        CHECK(buffer.late() == 0);
        CHECK(buffer.skipped() == 0);
    }
}

TEST_CASE("the delay grows to what the network asks and no further", "[jitter]") {
    for (double spread : {15.0, 30.0, 60.0, 110.0}) {
        std::mt19937 random(42);
        std::uniform_real_distribution<double> delay(0, spread);
        JitterBuffer buffer;
        std::vector<std::pair<double, std::uint32_t>> arrivals;
        for (std::uint32_t n = 0; n < 5000; ++n) arrivals.emplace_back(20.0 * n + 0.5 + delay(random), n);
        const auto played = run(buffer, arrivals, 5000);
        CAPTURE(spread);
        CHECK(rising(played.numbers));
        CHECK(played.gaps(500) <= 15);
        const auto depth = std::accumulate(played.depths.begin() + 500, played.depths.end(), 0.0) / 4500;
        CHECK(depth * 20 <= spread + 25);
    }
}

TEST_CASE("after a calm return the delay shrinks again", "[jitter]") {
    JitterBuffer buffer;
    std::vector<std::pair<double, std::uint32_t>> arrivals;
    for (std::uint32_t n = 0; n < 3000; ++n) arrivals.emplace_back(20.0 * n + 1 + (n >= 100 && n < 110 ? 160.0 : 0.0), n);
    const auto played = run(buffer, arrivals, 3000);
    CHECK(*std::max_element(played.depths.begin() + 100, played.depths.begin() + 200) >= 7);
    CHECK(played.depths[2900] == 0);
    CHECK(buffer.skipped() >= 7);
    CHECK(buffer.skipped() <= 8);
    CHECK(rising(played.numbers));
}

TEST_CASE("an hour beside a clock that is 100 ppm off does not add up", "[jitter]") {
    for (double skew : {-100e-6, 100e-6}) {
        std::mt19937 random(7);
        std::uniform_real_distribution<double> delay(0, 5);
        JitterBuffer buffer;
        std::vector<std::pair<double, std::uint32_t>> arrivals;
        constexpr std::uint32_t kHour = 180000;
        for (std::uint32_t n = 0; n < kHour; ++n) arrivals.emplace_back(20.0 * (1 + skew) * n + 0.5 + delay(random), n);
        const auto played = run(buffer, arrivals, kHour - 30);
        CAPTURE(skew);
        CHECK(rising(played.numbers));
        CHECK(*std::ranges::max_element(played.depths) <= 3);
        // 18 frames are due to the clock; the edge of a tick costs a few more.
        CHECK(played.gaps() + buffer.skipped() <= 80);
        CHECK(static_cast<double>(*std::ranges::max_element(played.numbers)) > kHour - 60);
    }
}

TEST_CASE("losses are concealed without adding delay", "[jitter]") {
    std::mt19937 random(3);
    JitterBuffer buffer;
    std::vector<std::pair<double, std::uint32_t>> arrivals;
    std::uint64_t dropped = 0;
    for (std::uint32_t n = 0; n < 10000; ++n) {
        if (n > 0 && n < 9990 && random() % 20 == 0)
            ++dropped;
        else
            arrivals.emplace_back(20.0 * n + 1, n);
    }
    const auto played = run(buffer, arrivals, 10001);
    CHECK(buffer.lost() == dropped);
    CHECK(played.gaps(1) == dropped);
    CHECK(*std::ranges::max_element(played.depths) == 0);
    CHECK(rising(played.numbers));
}

TEST_CASE("a network that reorders teaches the buffer to wait", "[jitter]") {
    JitterBuffer buffer;
    std::vector<std::pair<double, std::uint32_t>> arrivals;
    for (std::uint32_t n = 0; n < 2000; ++n) arrivals.emplace_back(20.0 * n + 1 + (n % 10 == 5 ? 45.0 : 0.0), n);
    const auto played = run(buffer, arrivals, 2000);
    CHECK(played.gaps(100) <= 4);
    CHECK(rising(played.numbers));
    CHECK(played.depths[1900] <= 3);
}

TEST_CASE("duplicates and late packets are dropped and counted", "[jitter]") {
    JitterBuffer buffer;
    const Sender sender;
    CHECK(sender.insert(buffer, 0, 0));
    CHECK_FALSE(sender.insert(buffer, 0, 0));
    CHECK(number_in(buffer.pull(0)) == 0);
    CHECK_FALSE(sender.insert(buffer, 0, 1));
    CHECK(sender.insert(buffer, 1, 1));
    CHECK(number_in(buffer.pull(1)) == 1);
    CHECK(buffer.late() == 2);
    std::vector<std::uint8_t> large(JitterBuffer::kMaxPayload + 1);
    RtpPacket packet;
    packet.ssrc = 1;
    packet.sequence = 2;
    packet.payload = large;
    CHECK_FALSE(buffer.insert(packet, 2));
    CHECK(buffer.late() == 3);
    packet.payload = std::span(large).first(JitterBuffer::kMaxPayload);
    CHECK(buffer.insert(packet, 2));
    CHECK(buffer.pull(2).payload.size() == JitterBuffer::kMaxPayload);
    CHECK(buffer.pull(3).kind == Kind::lost);
}

TEST_CASE("nothing before the first packet, silence when nothing comes", "[jitter]") {
    JitterBuffer buffer;
    CHECK(buffer.pull(0).kind == Kind::empty);
    const Sender sender;
    sender.insert(buffer, 0, 1);
    CHECK(number_in(buffer.pull(1)) == 0);
    for (std::uint64_t tick = 2; tick < 5; ++tick) CHECK(buffer.pull(tick).kind == Kind::lost);
    for (std::uint64_t tick = 5; tick < 500; ++tick) CHECK(buffer.pull(tick).kind == Kind::empty);
    sender.insert(buffer, 1, 500, true);
    CHECK(number_in(buffer.pull(500)) == 1);
    CHECK(buffer.lost() == 0);
}

TEST_CASE("a sender that pauses between talk spurts keeps the delay that its network needs", "[jitter]") {
    JitterBuffer buffer;
    const Sender sender;
    std::uint32_t number = 0;
    std::uint64_t tick = 0;
    std::size_t gaps = 0;
    for (int spurt = 0; spurt < 50; ++spurt) {
        for (int i = 0; i < 20; ++i, ++tick) {  // every fifth packet is 40 ms late, with the next ones
            const bool late = i % 5 >= 2 && i % 5 < 4;
            if (!late) {
                const int due = i % 5 == 4 ? 3 : 1;
                for (int k = 0; k < due; ++k, ++number) sender.insert(buffer, number, tick, i == 0);
            }
            const auto frame = buffer.pull(tick);
            if (spurt > 3 && i > 2) gaps += frame.kind != Kind::audio;
        }
        for (int i = 0; i < 30; ++i, ++tick) buffer.pull(tick);
    }
    CHECK(gaps == 0);
}

TEST_CASE("another source, or a jump that a second packet confirms, starts anew; a stray does not", "[jitter]") {
    JitterBuffer buffer;
    const Sender first{1, 100}, second{2, 50000}, jumped{2, 20000};
    std::uint64_t tick = 0;
    for (std::uint32_t n = 0; n < 10; ++n, ++tick) {
        first.insert(buffer, n, tick);
        CHECK(number_in(buffer.pull(tick)) == static_cast<int>(n));
    }
    for (std::uint32_t n = 0; n < 10; ++n, ++tick) {
        second.insert(buffer, n, tick);
        CHECK(number_in(buffer.pull(tick)) == static_cast<int>(n));
    }
    CHECK_FALSE(jumped.insert(buffer, 500, tick));  // a stray
    second.insert(buffer, 10, tick);
    CHECK(number_in(buffer.pull(tick++)) == 10);
    CHECK_FALSE(jumped.insert(buffer, 0, tick));
    CHECK(number_in(buffer.pull(tick++)) == -1);
    CHECK(jumped.insert(buffer, 1, tick));
    CHECK(number_in(buffer.pull(tick++)) == 1);
    CHECK(jumped.insert(buffer, 2, tick));
    CHECK(number_in(buffer.pull(tick++)) == 2);
}

TEST_CASE("what an outage held back and delivers at once is not played with its delay", "[jitter]") {
    JitterBuffer buffer;
    std::vector<std::pair<double, std::uint32_t>> arrivals;
    for (std::uint32_t n = 0; n < 1000; ++n) arrivals.emplace_back(n >= 100 && n < 140 ? 2800.5 : 20.0 * n + 0.5, n);
    const auto played = run(buffer, arrivals, 1000);
    CHECK(rising(played.numbers));
    CHECK(played.depths[200] <= 1);
    CHECK(played.gaps(160) <= 1);
}

TEST_CASE("reset forgets the stream and keeps the counts", "[jitter]") {
    JitterBuffer buffer;
    const Sender sender;
    sender.insert(buffer, 0, 0);
    sender.insert(buffer, 0, 0);
    buffer.reset();
    CHECK(buffer.pull(0).kind == Kind::empty);
    CHECK(buffer.late() == 1);
    sender.insert(buffer, 0, 1);
    CHECK(number_in(buffer.pull(1)) == 0);
}

TEST_CASE("any packets in any order do no harm", "[jitter]") {
    for (unsigned seed = 0; seed < 20; ++seed) {
        std::mt19937 random(seed);
        JitterBuffer buffer;
        std::vector<std::uint8_t> payload(400);
        for (std::uint64_t tick = 0; tick < 5000; ++tick) {
            for (unsigned i = random() % 4; i > 0; --i) {
                RtpPacket packet;
                packet.ssrc = random() % 50 == 0 ? 2 : 1;
                packet.sequence = static_cast<std::uint16_t>(random() % 8 == 0 ? random() : tick + random() % 16);
                packet.marker = random() % 2 == 0;
                packet.payload = std::span(payload).first(random() % 400);
                buffer.insert(packet, tick);
            }
            REQUIRE(buffer.pull(tick).payload.size() <= JitterBuffer::kMaxPayload);
        }
    }
}
