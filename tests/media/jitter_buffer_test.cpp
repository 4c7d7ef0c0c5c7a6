#include "media/jitter_buffer.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <numeric>
#include <random>
#include <vector>

using namespace confab::media;
using Kind = JitterBuffer::Frame::Kind;

namespace {

constexpr Micros kTick = 20'000;
constexpr JitterBuffer::Limits kLimits;

// Packets whose payload tells their number.
struct Sender {
    std::uint32_t ssrc = 1;
    std::uint16_t first = 0;

    bool insert(JitterBuffer& buffer, std::uint32_t number, std::uint64_t tick, bool marker = false, Micros early = kTick / 2) const {
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
        return buffer.insert(packet, static_cast<Micros>(tick) * kTick - early, kTick);
    }
};

JitterBuffer::Frame pull(JitterBuffer& buffer, std::uint64_t tick) { return buffer.pull(static_cast<Micros>(tick) * kTick, kTick); }

int number_in(const JitterBuffer& buffer, const JitterBuffer::Frame& frame) {
    if (frame.kind != Kind::audio) return -1;
    const auto payload = *buffer.payload(frame.sequence);
    return payload[0] << 16 | payload[1] << 8 | payload[2];
}
int next_number(JitterBuffer& buffer, std::uint64_t tick) { return number_in(buffer, pull(buffer, tick)); }

// A network: when each packet arrives, in milliseconds; played in ticks of 20 ms. The delay changes by whole packets, as under silence.
struct Played {
    std::vector<int> numbers;  // −1 where none
    std::vector<double> delays;
    std::size_t changes = 0;
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
        const double now = 20.0 * static_cast<double>(tick);
        for (; next != sorted.end() && next->first < now; ++next)
            sender.insert(buffer, next->second, tick, false, static_cast<Micros>((now - next->first) * 1000));
        if (buffer.owed() > 0) {
            buffer.settle(kTick);
            ++out.changes;
            out.delays.push_back(static_cast<double>(buffer.delay()) / 1000);
            continue;
        }
        if (buffer.owed() < 0 && buffer.ready()) {
            buffer.settle(-kTick);
            ++out.changes;
            pull(buffer, tick);
        }
        out.numbers.push_back(next_number(buffer, tick));
        out.delays.push_back(static_cast<double>(buffer.delay()) / 1000);
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
        JitterBuffer buffer(kLimits);
        std::vector<std::pair<double, std::uint32_t>> arrivals;
        for (std::uint32_t n = 0; n < 70000; ++n) arrivals.emplace_back(20.0 * n + phase, n);
        const auto played = run(buffer, arrivals, 70000, Sender{1, 65000});
        CAPTURE(phase);
        CHECK(played.gaps(2) == 0);
        CHECK(rising(played.numbers));
        CHECK(*std::ranges::max_element(played.delays) <= 20.5);
        CHECK(played.changes == 0);
        CHECK(buffer.lost() == 0);
        CHECK(buffer.late() == 0);
        CHECK(buffer.skipped() == 0);
    }
}

TEST_CASE("the delay grows to what the network asks and no further", "[jitter]") {
    for (double spread : {15.0, 30.0, 60.0, 110.0}) {
        std::mt19937 random(42);
        std::uniform_real_distribution<double> delay(0, spread);
        JitterBuffer buffer(kLimits);
        std::vector<std::pair<double, std::uint32_t>> arrivals;
        for (std::uint32_t n = 0; n < 5000; ++n) arrivals.emplace_back(20.0 * n + 0.5 + delay(random), n);
        const auto played = run(buffer, arrivals, 5000);
        CAPTURE(spread);
        CHECK(rising(played.numbers));
        CHECK(played.gaps(500) <= 15);
        const auto mean = std::accumulate(played.delays.begin() + 500, played.delays.end(), 0.0) / static_cast<double>(played.delays.size() - 500);
        CHECK(mean <= spread / 2 + 25);
    }
}

TEST_CASE("after a calm return the delay shrinks again", "[jitter]") {
    JitterBuffer buffer(kLimits);
    std::vector<std::pair<double, std::uint32_t>> arrivals;
    for (std::uint32_t n = 0; n < 3000; ++n) arrivals.emplace_back(20.0 * n + 1 + (n >= 100 && n < 110 ? 160.0 : 0.0), n);
    const auto played = run(buffer, arrivals, 3000);
    CHECK(*std::max_element(played.delays.begin() + 100, played.delays.begin() + 200) >= 140);
    CHECK(played.delays[2900] <= 20);
    CHECK(played.changes >= 7);
    CHECK(played.changes <= 9);
    CHECK(rising(played.numbers));
}

TEST_CASE("an hour beside a clock that is 100 ppm off does not add up", "[jitter]") {
    for (double skew : {-100e-6, 100e-6}) {
        std::mt19937 random(7);
        std::uniform_real_distribution<double> delay(0, 5);
        JitterBuffer buffer(kLimits);
        std::vector<std::pair<double, std::uint32_t>> arrivals;
        constexpr std::uint32_t kHour = 180000;
        for (std::uint32_t n = 0; n < kHour; ++n) arrivals.emplace_back(20.0 * (1 + skew) * n + 0.5 + delay(random), n);
        const auto played = run(buffer, arrivals, kHour - 30);
        CAPTURE(skew);
        CHECK(rising(played.numbers));
        CHECK(*std::ranges::max_element(played.delays) <= 32);
        CHECK(buffer.missed() <= 4);
        // 18 frames are due to the clock; the edge of a tick costs a few more.
        CHECK(played.gaps() + played.changes <= 60);
        CHECK(static_cast<double>(*std::ranges::max_element(played.numbers)) > kHour - 60);
    }
}

TEST_CASE("losses are concealed without adding delay", "[jitter]") {
    std::mt19937 random(3);
    JitterBuffer buffer(kLimits);
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
    CHECK(*std::ranges::max_element(played.delays) <= 20);
    CHECK(rising(played.numbers));
}

TEST_CASE("a network that reorders teaches the buffer to wait", "[jitter]") {
    JitterBuffer buffer(kLimits);
    std::vector<std::pair<double, std::uint32_t>> arrivals;
    for (std::uint32_t n = 0; n < 2000; ++n) arrivals.emplace_back(20.0 * n + 1 + (n % 10 == 5 ? 45.0 : 0.0), n);
    const auto played = run(buffer, arrivals, 2000);
    CHECK(played.gaps(100) <= 4);
    CHECK(rising(played.numbers));
    CHECK(played.delays[1900] <= 70);
}

TEST_CASE("duplicates and late packets are dropped and counted", "[jitter]") {
    JitterBuffer buffer(kLimits);
    const Sender sender;
    CHECK(sender.insert(buffer, 0, 0));
    CHECK_FALSE(sender.insert(buffer, 0, 0));
    CHECK(next_number(buffer, 0) == 0);
    CHECK_FALSE(sender.insert(buffer, 0, 1));
    CHECK(sender.insert(buffer, 1, 1));
    CHECK(next_number(buffer, 1) == 1);
    CHECK(buffer.late() == 2);
    std::vector<std::uint8_t> large(kLimits.octets + 1);
    RtpPacket packet;
    packet.ssrc = 1;
    packet.sequence = 2;
    packet.payload = large;
    CHECK_FALSE(buffer.insert(packet, 2 * kTick, kTick));
    CHECK(buffer.late() == 3);
    packet.payload = std::span(large).first(1500);
    CHECK(buffer.insert(packet, 2 * kTick - 5000, kTick));
    CHECK(buffer.payload(pull(buffer, 2).sequence)->size() == 1500);
    CHECK(pull(buffer, 3).kind == Kind::lost);
}

TEST_CASE("nothing before the first packet, silence when nothing comes", "[jitter]") {
    JitterBuffer buffer(kLimits);
    CHECK(pull(buffer, 0).kind == Kind::empty);
    const Sender sender;
    sender.insert(buffer, 0, 1);
    CHECK(next_number(buffer, 1) == 0);
    for (std::uint64_t tick = 2; tick < 5; ++tick) CHECK(pull(buffer, tick).kind == Kind::lost);
    for (std::uint64_t tick = 5; tick < 500; ++tick) CHECK(pull(buffer, tick).kind == Kind::empty);
    sender.insert(buffer, 1, 500, true);
    CHECK(next_number(buffer, 500) == 1);
    CHECK(buffer.lost() == 0);
}

TEST_CASE("a sender that pauses between talk spurts keeps the delay that its network needs", "[jitter]") {
    JitterBuffer buffer(kLimits);
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
            const auto frame = pull(buffer, tick);
            if (spurt > 3 && i > 2) gaps += frame.kind != Kind::audio;
        }
        for (int i = 0; i < 30; ++i, ++tick) pull(buffer, tick);
    }
    CHECK(gaps == 0);
}

TEST_CASE("another source, or a jump that a second packet confirms, starts anew; a stray does not", "[jitter]") {
    JitterBuffer buffer(kLimits);
    const Sender first{1, 100}, second{2, 50000}, jumped{2, 20000};
    std::uint64_t tick = 0;
    for (std::uint32_t n = 0; n < 10; ++n, ++tick) {
        first.insert(buffer, n, tick);
        CHECK(next_number(buffer, tick) == static_cast<int>(n));
    }
    for (std::uint32_t n = 0; n < 10; ++n, ++tick) {
        second.insert(buffer, n, tick);
        CHECK(next_number(buffer, tick) == static_cast<int>(n));
    }
    CHECK_FALSE(jumped.insert(buffer, 500, tick));  // a stray
    second.insert(buffer, 10, tick);
    CHECK(next_number(buffer, tick++) == 10);
    CHECK_FALSE(jumped.insert(buffer, 0, tick));
    CHECK(next_number(buffer, tick++) == -1);
    CHECK(jumped.insert(buffer, 1, tick));
    CHECK(next_number(buffer, tick++) == 1);
    CHECK(jumped.insert(buffer, 2, tick));
    CHECK(next_number(buffer, tick++) == 2);
}

TEST_CASE("what an outage held back and delivers at once is not played with its delay", "[jitter]") {
    JitterBuffer buffer(kLimits);
    std::vector<std::pair<double, std::uint32_t>> arrivals;
    for (std::uint32_t n = 0; n < 1000; ++n) arrivals.emplace_back(n >= 100 && n < 140 ? 2800.5 : 20.0 * n + 0.5, n);
    const auto played = run(buffer, arrivals, 1000);
    CHECK(rising(played.numbers));
    CHECK(played.delays[200] <= 40);
    CHECK(played.gaps(160) <= 1);
}

namespace {

// A buffer whose delay has grown to its bound, in a pause. Returns the tick after it.
std::uint64_t at_its_bound(JitterBuffer& buffer, const Sender& sender, std::uint32_t& number, Micros bound) {
    std::uint64_t tick = 1;
    sender.insert(buffer, number++, tick);
    pull(buffer, tick++);
    for (Micros grown = 0; grown < bound; grown += buffer.step(), ++tick) {  // each packet is only just there
        sender.insert(buffer, number++, tick, false, 0);
        pull(buffer, tick);
        buffer.settle(buffer.owed());
    }
    for (const auto end = tick + 50; tick < end; ++tick) pull(buffer, tick);
    return tick;
}

}  // namespace

TEST_CASE("who speaks after a pause is heard within the bound, however long the delay has grown", "[jitter]") {
    for (Micros bound : {60'000, 100'000, 300'000}) {
        for (Micros early : {0, 1, 400, 10'000, 19'999}) {
            JitterBuffer buffer({.octets = 8192, .delay = bound});
            const Sender sender;
            std::uint32_t number = 0;
            auto tick = at_its_bound(buffer, sender, number, bound);
            const auto first = number;
            int waited = 0;
            for (; number < first + 100; ++tick) {
                sender.insert(buffer, number, tick, number == first, early);
                ++number;
                const int played = next_number(buffer, tick);
                if (waited < 0) continue;
                if (played < 0) {
                    REQUIRE(++waited * kTick < bound);
                    continue;
                }
                CHECK(played == static_cast<int>(first));
                CHECK((waited + 2) * kTick >= bound);
                waited = -1;
            }
            CHECK(buffer.skipped() == 0);
        }
    }
}

TEST_CASE("what comes all at once after a pause is not waited for again", "[jitter]") {
    JitterBuffer buffer(kLimits);
    const Sender sender;
    std::uint32_t number = 0;
    auto tick = at_its_bound(buffer, sender, number, kLimits.delay);
    sender.insert(buffer, number++, tick, true);
    CHECK(next_number(buffer, tick++) == -1);
    for (const auto end = number + 20; number < end; ++number) sender.insert(buffer, number, tick);
    for (auto expected = static_cast<int>(number) - 14; expected < static_cast<int>(number); ++expected) CHECK(next_number(buffer, tick++) == expected);
}

TEST_CASE("a restart forgets the stream and keeps the counts", "[jitter]") {
    JitterBuffer buffer(kLimits);
    const Sender sender;
    sender.insert(buffer, 0, 0);
    sender.insert(buffer, 0, 0);
    buffer.restart(kLimits);
    CHECK(pull(buffer, 0).kind == Kind::empty);
    CHECK(buffer.late() == 1);
    sender.insert(buffer, 0, 1);
    CHECK(next_number(buffer, 1) == 0);
}

// Silence takes a way of its own: told, not held.
TEST_CASE("every payload is given back as it came, and for ten packets more", "[jitter]") {
    std::mt19937 random(7);
    JitterBuffer buffer({.octets = 16384});
    std::vector<std::vector<std::uint8_t>> sent;
    constexpr std::array<std::uint8_t, 6> kOctets{0xff, 0x7f, 0xd5, 0x55, 0x00, 0x31};
    for (std::uint32_t n = 0; n < 5000; ++n) {
        auto& payload = sent.emplace_back(std::array<std::size_t, 5>{80, 160, 480, 960, 961}[random() % 5], kOctets[random() % kOctets.size()]);
        if (random() % 3 == 0) payload[random() % payload.size()] ^= 1;
        if (random() % 3 == 0) payload.back() ^= 0x80;
        RtpPacket packet;
        packet.ssrc = 1;
        packet.sequence = static_cast<std::uint16_t>(n);
        packet.timestamp = n * 160;
        packet.payload = payload;
        REQUIRE(buffer.insert(packet, n * kTick - 5000, kTick));
        REQUIRE(pull(buffer, n).kind == Kind::audio);
        for (std::uint32_t back = 0; back <= std::min(n, 12U); ++back) {
            const auto held = buffer.payload(static_cast<std::uint16_t>(n - back));
            REQUIRE(held.has_value() == (back < 10));
            if (held) REQUIRE(std::ranges::equal(*held, sent[n - back]));
        }
    }
}

TEST_CASE("any packets in any order do no harm", "[jitter]") {
    for (unsigned seed = 0; seed < 20; ++seed) {
        std::mt19937 random(seed);
        JitterBuffer buffer({.octets = seed % 2 == 0 ? 4096U : 1500U});
        std::vector<std::uint8_t> payload(400, 0xff);
        std::map<std::uint16_t, std::vector<std::uint8_t>> taken;  // by sequence number, the latest that was
        for (std::uint64_t tick = 63'000; tick < 68'000; ++tick) {
            for (unsigned i = random() % 4; i > 0; --i) {
                RtpPacket packet;
                packet.ssrc = random() % 50 == 0 ? 2 : 1;
                packet.sequence = static_cast<std::uint16_t>(random() % 8 == 0 ? random() : tick + random() % 16);
                packet.marker = random() % 2 == 0;
                payload[200] = static_cast<std::uint8_t>(random() % 2 == 0 ? 0xff : random());
                packet.payload = std::span(payload).first(random() % 400);
                if (buffer.insert(packet, static_cast<Micros>(tick) * kTick - static_cast<Micros>(random() % 20'000), random() % 3 ? kTick : 7'125))
                    taken[packet.sequence].assign(packet.payload.begin(), packet.payload.end());
            }
            const auto frame = pull(buffer, tick);
            if (frame.kind == Kind::audio) REQUIRE(buffer.payload(frame.sequence));
            for (std::uint16_t back = 0; back < 12; ++back) {
                const auto sequence = static_cast<std::uint16_t>(frame.sequence - back);
                if (const auto held = buffer.payload(sequence)) REQUIRE(std::ranges::equal(*held, taken[sequence]));
            }
            if (random() % 16 == 0 && buffer.owed() != 0) buffer.settle(buffer.owed());
        }
    }
}

TEST_CASE("no more is held than the bound allows", "[jitter]") {
    for (Micros bound : {60'000, 100'000, 300'000}) {
        JitterBuffer buffer({.octets = 8192, .delay = bound});
        const Sender sender;
        sender.insert(buffer, 0, 1);
        CHECK(next_number(buffer, 1) == 0);
        for (std::uint32_t n = 1; n <= 30; ++n) sender.insert(buffer, n, 2);
        int held = 0;
        for (std::uint64_t tick = 2; next_number(buffer, tick) >= 0; ++tick) ++held;
        CHECK(held * kTick <= bound);
        CHECK(held >= 1);
        CHECK(buffer.skipped() == static_cast<std::uint64_t>(30 - held));
    }
}
