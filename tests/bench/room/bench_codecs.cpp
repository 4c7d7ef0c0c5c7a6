// What a frame of 20 ms costs: encoding, decoding, concealing, telling its level without decoding, resampling, listening for keys. CPU
// time, the least disturbed of several rounds. Prints; asserts nothing.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "media/codec.hpp"
#include "media/noise.hpp"
#include "media/resample.hpp"
#include "media/tones.hpp"

using namespace confab::media;

namespace {

constexpr unsigned kRounds = 9, kFrames = 100;

double now() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

// Microseconds a frame: the least of the rounds' means.
template <class Work>
double cost(Work&& work) {
    double least = 1e9;
    for (unsigned round = 0; round < kRounds; ++round) {
        const double start = now();
        for (std::size_t i = 0; i < kFrames; ++i) work(i);
        least = std::min(least, (now() - start) / kFrames);
    }
    return least;
}

// Something between a voice and noise: harmonics that wander, and hiss.
std::vector<std::int16_t> sound(std::uint32_t rate) {
    std::vector<std::int16_t> out(std::size_t{rate} / 50 * kFrames);
    ComfortNoise(45).fill(out);
    double phase = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const double at = static_cast<double>(i) / rate;
        phase += 6.283185307 * (140 + 30 * std::sin(5 * at)) / rate;
        double sample = 0;
        for (int harmonic = 1; harmonic < 12; ++harmonic) sample += std::sin(phase * harmonic) / harmonic;
        out[i] = static_cast<std::int16_t>(out[i] + 4000 * sample * (0.6 + 0.4 * std::sin(9 * at)));
    }
    return out;
}

void measure(const CodecFormat& format, const std::string& name) {
    const auto pcm = sound(format.rate);
    const std::size_t frame = format.samples(), frames = 20 / format.ptime;
    std::vector<std::vector<std::uint8_t>> packets(kFrames * frames, std::vector<std::uint8_t>(1500));
    const auto encoder = make_encoder(format);
    const auto decoder = make_decoder(format);
    std::vector<std::int16_t> out(frame);
    std::size_t sum = 0;
    const double encoding = cost([&](std::size_t i) {
        for (std::size_t k = i * frames; k < (i + 1) * frames; ++k) {
            packets[k].resize(1500);
            packets[k].resize(encoder->encode(std::span(pcm).subspan(k * frame, frame), packets[k]));
        }
    });
    const double decoding = cost([&](std::size_t i) {
        for (std::size_t k = i * frames; k < (i + 1) * frames; ++k) sum += decoder->decode(packets[k], out);
    });
    const double losing = cost([&](std::size_t i) {
        for (std::size_t k = 0; k < frames; ++k) decoder->conceal(out);
        decoder->decode(packets[i * frames], out);
    });
    const double judging = cost([&](std::size_t i) {
        for (std::size_t k = i * frames; k < (i + 1) * frames; ++k)
            sum += samples_in(format, packets[k]) + static_cast<std::size_t>(level_of(format, packets[k]).value_or(1));
    });
    const auto other = make_encoder(format);
    const double handing = cost([&](std::size_t) { other->take_state(*encoder); });
    std::printf("%-34s encode %7.2f  decode %7.2f  conceal, then decode %7.2f  length and level %6.3f  take state %6.3f us%s\n",
                name.c_str(), encoding, decoding, losing, judging, handing, sum == 0 ? " (nothing came of it)" : "");
}

void measure_resampling(std::uint32_t from, std::uint32_t to) {
    Resampler resampler(from, to);
    const auto pcm = sound(from);
    std::vector<std::int16_t> out(to / 50);
    const double each = cost([&](std::size_t i) { resampler.run(std::span(pcm).subspan(i * (from / 50), from / 50), out); });
    std::printf("resample %5u to %5u %46.2f us\n", from, to, each);
}

}  // namespace

int main() {
    measure({.kind = CodecKind::pcmu}, "PCMU");
    measure({.kind = CodecKind::pcma}, "PCMA");
    measure({.kind = CodecKind::g722, .rate = 16000}, "G722");
    measure({.kind = CodecKind::l16, .rate = 16000}, "L16/16000");
    measure({.kind = CodecKind::l16, .rate = 48000, .ptime = 10}, "L16/48000, two of 10 ms");
    for (const std::uint32_t rate : {8000U, 16000U, 48000U})
        for (const std::uint8_t complexity : {std::uint8_t{0}, std::uint8_t{5}, std::uint8_t{9}})
            measure({.kind = CodecKind::opus, .rate = rate, .complexity = complexity},
                    "opus at " + std::to_string(rate) + ", complexity " + std::to_string(complexity));
    for (const bool fec : {true, false})
        measure({.kind = CodecKind::opus, .rate = 48000, .bitrate = 32000, .fec = fec}, std::string("opus, 32 kbit/s, ") + (fec ? "a voice" : "as it sounds"));
    for (const std::uint32_t from : {8000U, 16000U, 48000U})
        for (const std::uint32_t to : {8000U, 16000U, 48000U})
            if (from != to) measure_resampling(from, to);
    DtmfDetector keys;
    ComfortNoise noise(50);
    std::vector<std::int16_t> frame(160);
    const auto pcm = sound(8000);
    std::printf("listen for keys %48.2f us\n", cost([&](std::size_t i) { (void)keys.hear(std::span(pcm).subspan(i * 160, 160)); }));
    std::printf("comfort noise at 8000 %42.2f us\n", cost([&](std::size_t) { noise.fill(frame); }));
}
