// What a leg costs a room a tick, without sockets, and what SRTP costs a packet. Prints; asserts nothing about time.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "media/room.hpp"
#include "media/srtp.hpp"

using namespace confab::media;

namespace {

constexpr unsigned kTalkers = 3;

// CPU time, so that a busy machine does not count.
double nanoseconds_since(std::clock_t start) { return static_cast<double>(std::clock() - start) * 1e9 / CLOCKS_PER_SEC; }

double resident_kilobytes() {
    std::ifstream file("/proc/self/statm");
    double total = 0, resident = 0;
    file >> total >> resident;
    return resident * 4;
}

// A caller's packets: a gliding harmonic sound with pauses, or silence.
std::vector<std::vector<std::uint8_t>> packets_of(const CodecFormat& format, bool talks, unsigned number, unsigned ticks) {
    const auto encoder = make_encoder(format);
    std::vector<std::vector<std::uint8_t>> packets;
    std::vector<std::int16_t> pcm(format.samples());
    double phase = 0;
    for (std::size_t tick = 0, n = 0; tick < ticks; ++tick) {
        for (auto& sample : pcm) {
            const double t = static_cast<double>(n++) / format.rate;
            phase += 6.283185307 * (110 + 40 * number) * (1 + 0.1 * std::sin(4 * t)) / format.rate;
            const double voice = std::sin(phase) + std::sin(2 * phase) / 2 + std::sin(5 * phase) / 4;
            sample = static_cast<std::int16_t>(talks ? 7000 * voice * (0.55 - 0.45 * std::cos(25 * t)) : 0);
        }
        auto& packet = packets.emplace_back(1500 + kRtpHeader);
        packet.resize(kRtpHeader + encoder->encode(pcm, std::span(packet).subspan(kRtpHeader)));
    }
    return packets;
}

void measure_room(const char* name, unsigned legs, const CodecFormat& codec) {
    constexpr unsigned kTicks = 500;
    std::vector<std::vector<std::vector<std::uint8_t>>> says;
    for (unsigned i = 0; i <= kTalkers; ++i) says.push_back(packets_of(codec, i < kTalkers, i, kTicks));
    const double memory = resident_kilobytes();
    Room room{RoomPolicy{}};
    RoomOutput out;
    LegFormat format;
    format.codec = codec;
    format.telephone_event = 101;
    for (unsigned i = 0; i < legs; ++i) room.add({i}, format, {i, 0, 0});
    double receiving = 0, ticking = 0;
    std::size_t sent = 0;
    std::vector<std::vector<std::uint8_t>> packets(legs);
    for (unsigned tick = 0; tick < kTicks; ++tick) {
        for (unsigned i = 0; i < legs; ++i) {
            packets[i] = says[std::min(i, kTalkers)][tick];
            write_rtp_header(std::span(packets[i]).first<kRtpHeader>(), false, 0, static_cast<std::uint16_t>(tick),
                             tick * codec.clock_rate() / 50, i);
        }
        auto start = std::clock();
        for (unsigned i = 0; i < legs; ++i) room.receive({i}, packets[i]);
        receiving += nanoseconds_since(start);
        start = std::clock();
        room.tick(out);
        ticking += nanoseconds_since(start);
        sent += out.packets.size();
    }
    const double per = 1.0 / (kTicks * legs);
    std::printf("%s, room of %u legs, %u talkers: tick %.0f ns a leg, receive %.0f ns a packet, %.1f us a leg and second, %.1f KB a leg (%zu packets)\n",
                name, legs, kTalkers, ticking * per, receiving * per, (ticking + receiving) * per * 50 / 1000,
                (resident_kilobytes() - memory) / legs, sent);
}

void measure_srtp(const char* suite, unsigned streams) {
    constexpr unsigned kBatch = 1000, kRounds = 300;
    const std::string key(srtp_key_size(suite), 'k');
    std::vector<Srtp> seal, open;
    for (unsigned i = 0; i < streams; ++i) {
        seal.push_back(*Srtp::create(Srtp::Direction::send, suite, key));
        open.push_back(*Srtp::create(Srtp::Direction::receive, suite, key));
    }
    using Buffer = std::array<std::uint8_t, kRtpHeader + kFrame + kSrtpOverhead>;
    std::vector<Buffer> buffers(kBatch);
    std::vector<std::size_t> sizes(kBatch);
    double sealing = 0, opening = 0;
    unsigned failed = 0, sequence = 0;
    for (unsigned round = 0; round < kRounds; ++round) {
        for (unsigned i = 0; i < kBatch; ++i) {
            sequence += i % streams == 0;
            write_rtp_header(std::span(buffers[i]).first<kRtpHeader>(), false, 0, static_cast<std::uint16_t>(sequence), 0, i % streams);
        }
        auto start = std::clock();
        for (unsigned i = 0; i < kBatch; ++i) sizes[i] = seal[i % streams].protect(buffers[i], kRtpHeader + kFrame).value_or(0);
        sealing += nanoseconds_since(start);
        start = std::clock();
        for (unsigned i = 0; i < kBatch; ++i) failed += !open[i % streams].unprotect(buffers[i], sizes[i]);
        opening += nanoseconds_since(start);
    }
    const double per = 1.0 / (kBatch * kRounds);
    std::printf("%-24s %4u streams: protect %.0f ns, unprotect %.0f ns a packet%s\n", suite, streams, sealing * per, opening * per,
                failed ? ", AND SOME FAILED" : "");
}

}  // namespace

int main() {
    const CodecFormat opus{.kind = CodecKind::opus, .rate = 48000}, wide{.kind = CodecKind::g722, .rate = 16000};
    for (unsigned legs : {1000u, 100u, 10u}) measure_room("PCMU", legs, {});
    measure_room("Opus", 1000, opus);
    measure_room("G.722", 1000, wide);
    for (const char* suite : {"AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"})
        for (unsigned streams : {1u, 1000u}) measure_srtp(suite, streams);
}
