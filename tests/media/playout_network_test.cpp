// What a listener hears of a vowel that crossed a bad network: gaps, clicks, under-runs and delay, measured in made-up time.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <deque>
#include <numbers>
#include <random>
#include <vector>

#include "media/playout.hpp"

using namespace confab::media;

namespace {

// A voice's vowel: a pitch with harmonics. Pure tones are nothing that Opus was made to conceal.
constexpr double kHertz = 147, kAmplitude = 6000;
constexpr int kHarmonics = 8;

double vowel(double at) {
    double sum = 0;
    for (int k = 1; k <= kHarmonics; ++k) sum += std::sin(2 * std::numbers::pi * kHertz * k * at) / k;
    return kAmplitude * sum;
}
// One second, after which it repeats.
std::vector<std::int16_t> second_of_vowel(std::uint32_t rate) {
    std::vector<std::int16_t> samples(rate);
    for (std::uint32_t i = 0; i < rate; ++i) samples[i] = static_cast<std::int16_t>(std::lround(vowel(double(i) / rate)));
    return samples;
}

struct Network {
    double skew = 0;    // of the sender's clock, seconds a second
    double phase = 10;  // ms, of its packets within a tick
    double jitter = 0;  // ms, evenly
    double loss = 0;
    unsigned seed = 1;
    bool reorders = true;
};

struct Heard {
    std::vector<std::int16_t> samples;
    std::vector<double> delays;  // ms, of each tick's packet, as far as something was played
    std::uint32_t rate;

    // The longest run of windows of 7 ms, about a period, that are 20 dB under the vowel, in ms.
    double longest_gap(std::size_t from) const {
        const std::size_t window = rate * 7 / 1000;
        std::size_t run = 0, longest = 0;
        for (std::size_t at = from * window; at + window <= samples.size(); at += window) {
            double energy = 0;
            for (std::size_t i = 0; i < window; ++i) energy += double(samples[at + i]) * samples[at + i];
            run = std::sqrt(energy / static_cast<double>(window)) < kAmplitude / 10 ? run + 1 : 0;
            longest = std::max(longest, run);
        }
        return 7.0 * static_cast<double>(longest);
    }
    // The greatest step between neighbours, as a multiple of the vowel's own.
    double worst_step(std::size_t from) const {
        double worst = 0, own = 0;
        for (std::size_t i = from; i < samples.size(); ++i) worst = std::max(worst, std::abs(double(samples[i]) - samples[i - 1]));
        for (std::uint32_t i = 0; i < rate / 100; ++i) own = std::max(own, std::abs(vowel((i + 1.0) / rate) - vowel(double(i) / rate)));
        return worst / own;
    }
    double delay(double portion, std::size_t from) const {
        std::vector<double> sorted(delays.begin() + static_cast<std::ptrdiff_t>(from), delays.end());
        std::ranges::sort(sorted);
        return sorted[static_cast<std::size_t>(portion * static_cast<double>(sorted.size() - 1))];
    }
};

// `asked`: whether a tick's sound is wanted; else the leg is only followed.
template <class Asked>
Heard listen(Playout& playout, const CodecFormat& format, const Network& network, std::uint64_t ticks, const Asked& asked) {
    struct Sent {
        double arrival;
        std::uint32_t number;
    };
    std::mt19937 random(network.seed);
    const auto chance = [&random] { return static_cast<double>(random()) / 4294967296.0; };
    std::vector<Sent> sent;
    double last = 0;
    for (std::uint32_t n = 0; format.ptime * (1 + network.skew) * n < 20.0 * static_cast<double>(ticks); ++n) {
        const bool lost = n > 0 && chance() < network.loss;
        double arrival = format.ptime * (1 + network.skew) * n + network.phase + network.jitter * chance();
        if (!network.reorders) last = arrival = std::max(arrival, last);
        if (!lost) sent.push_back({arrival, n});
    }
    std::ranges::stable_sort(sent, {}, &Sent::arrival);

    // Stateful codecs need their packets made in order.
    const auto encoder = make_encoder(format);
    const auto sound = second_of_vowel(format.rate);
    std::deque<std::vector<std::uint8_t>> packets;
    std::uint32_t first = 0, made = 0;
    const auto packet_of = [&](std::uint32_t n) {
        for (; made <= n; ++made) {
            std::vector<std::int16_t> frame(format.samples());
            for (std::size_t i = 0; i < frame.size(); ++i) frame[i] = sound[(made * frame.size() + i) % sound.size()];
            std::vector<std::uint8_t> payload(1500);
            payload.resize(encoder->encode(frame, payload));
            packets.push_back(std::move(payload));
        }
        for (; packets.size() > 200; ++first) packets.pop_front();
        return packets[n - first];
    };

    Heard out;
    out.rate = format.rate;
    auto next = sent.begin();
    for (std::uint64_t tick = 1; tick <= ticks; ++tick) {
        const double now = 20.0 * static_cast<double>(tick);
        for (; next != sent.end() && next->arrival < now; ++next) {
            const auto payload = packet_of(next->number);
            RtpPacket packet;
            packet.ssrc = 7;
            packet.sequence = static_cast<std::uint16_t>(next->number);
            packet.timestamp = next->number * format.ptime * (format.clock_rate() / 1000);
            packet.payload = payload;
            playout.insert(packet, tick, static_cast<Micros>((now - next->arrival) * 1000));
        }
        const bool sounding = playout.advance(tick);
        if (sounding) out.delays.push_back(static_cast<double>(playout.jitter().delay()) / 1000);
        if (!asked(tick)) continue;
        const auto samples = playout.samples();
        out.samples.insert(out.samples.end(), samples.begin(), samples.end());
    }
    return out;
}

Heard listen(Playout& playout, const CodecFormat& format, const Network& network, std::uint64_t ticks) {
    return listen(playout, format, network, ticks, [](std::uint64_t) { return true; });
}

}  // namespace

TEST_CASE("ten minutes beside a clock that is 100 ppm off: no under-run, no gap and no click", "[playout]") {
    const CodecFormat format;
    for (double skew : {-100e-6, 100e-6})
        for (double phase : {0.3, 15.0}) {
            Playout playout(format);
            const auto heard = listen(playout, format, {.skew = skew, .phase = phase, .jitter = 0.5}, 30'000);
            CAPTURE(skew, phase, playout.jitter().late());
            CHECK(playout.jitter().missed() == 0);
            CHECK(playout.jitter().lost() == 0);
            CHECK(heard.longest_gap(20) == 0);
            CHECK(heard.worst_step(1000) < 1.2);
            CHECK(heard.delay(1, 10) < 24);
        }
}

TEST_CASE("without jitter a packet waits for its tick and no longer", "[playout]") {
    const CodecFormat format;
    std::vector<double> delays;
    for (double phase = 0.25; phase < 20; phase += 0.5) {
        Playout playout(format);
        const auto heard = listen(playout, format, {.phase = phase}, 200);
        delays.push_back(heard.delay(0.5, 50));
        CHECK(playout.jitter().missed() == 0);
    }
    std::ranges::sort(delays);
    CHECK(delays[delays.size() / 2] <= 12);
    CHECK(delays.back() <= 22);
}

TEST_CASE("with 5 % loss and 40 ms of jitter no gap is longer than 20 ms, and nothing clicks", "[playout]") {
    for (const auto& format : {CodecFormat{}, CodecFormat{.kind = CodecKind::g722, .rate = 16000}, CodecFormat{.kind = CodecKind::opus, .rate = 48000},
                               CodecFormat{.kind = CodecKind::l16, .rate = 16000}})
        for (unsigned seed : {1u, 2u}) {
            Playout playout(format);
            const auto heard = listen(playout, format, {.jitter = 40, .loss = 0.05, .seed = seed}, 1500);
            CAPTURE(encoding_name(format.kind), seed, playout.jitter().missed(), playout.jitter().late());
            CHECK(playout.jitter().lost() >= 40);
            CHECK(playout.jitter().late() <= 15);
            CHECK(heard.longest_gap(100) <= 20);
            CHECK(heard.worst_step(16000) < 2);
            CHECK(heard.delay(0.95, 250) <= 40 + 22);
        }
}

TEST_CASE("packets of 10 to 60 ms are cut to the tick without a gap, wherever they fall", "[playout]") {
    for (auto ptime : std::initializer_list<std::uint16_t>{10, 20, 30, 40, 60})
        for (double phase : {0.1, 5.0, 9.95, 14.0, 19.9}) {
            const CodecFormat format{.ptime = ptime};
            Playout playout(format);
            const auto heard = listen(playout, format, {.phase = phase}, 1000);
            CAPTURE(ptime, phase);
            CHECK(playout.jitter().lost() == 0);
            CHECK(playout.jitter().missed() <= 3);  // until the buffer knows how the packets fall
            CHECK(heard.longest_gap(100) == 0);
            CHECK(heard.worst_step(4000) < 1.3);
            CHECK(heard.delay(1, 200) <= 42);
        }
}

TEST_CASE("a leg that was not decoded while nobody asked is warm at once", "[playout]") {
    for (const auto& format : {CodecFormat{.kind = CodecKind::g722, .rate = 16000}, CodecFormat{.kind = CodecKind::opus, .rate = 16000}}) {
        Playout always(format), late(format);
        const auto from = [](std::uint64_t tick) { return tick > 100; };
        const auto whole = listen(always, format, {}, 120);
        const auto part = listen(late, format, {}, 120, from);
        const std::size_t start = whole.samples.size() - part.samples.size();
        double signal = 0, error = 0;
        for (std::size_t i = 0; i < 640; ++i) {
            const double difference = double(whole.samples[start + i]) - part.samples[i];
            signal += double(whole.samples[start + i]) * whole.samples[start + i];
            error += difference * difference;
        }
        CAPTURE(encoding_name(format.kind), signal, error);
        CHECK(signal > 60 * error);  // 18 dB
    }
}

TEST_CASE("code bytes pass whole where nothing was changed", "[playout]") {
    for (const auto& format : {CodecFormat{}, CodecFormat{.kind = CodecKind::g722, .rate = 16000}, CodecFormat{.kind = CodecKind::opus, .rate = 16000}}) {
        Playout playout(format);
        std::size_t whole = 0;
        listen(playout, format, {}, 100, [&](std::uint64_t) {
            whole += !playout.code().empty();
            return false;
        });
        CHECK(whole >= 98);
    }
}
