// What a leg costs a room a tick, without sockets, and what SRTP costs a packet. Prints; asserts nothing about time.
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "media/g711.hpp"
#include "media/room.hpp"
#include "media/srtp.hpp"

using namespace confab::media;

namespace {

constexpr unsigned kTalkers = 3;

// CPU time, so that a busy machine does not count.
double nanoseconds_since(std::clock_t start) { return static_cast<double>(std::clock() - start) * 1e9 / CLOCKS_PER_SEC; }

using Packet = std::array<std::uint8_t, kRtpHeader + kFrame>;

// A talker's tone or a listener's silence, its header rewritten for each tick.
Packet packet_with(double amplitude, double hertz) {
    std::array<std::int16_t, kFrame> pcm;
    for (std::size_t i = 0; i < kFrame; ++i)
        pcm[i] = static_cast<std::int16_t>(amplitude * std::sin(6.283185307 * hertz * static_cast<double>(i) / 8000));
    Packet packet{};
    encode(G711::pcmu, pcm, std::span(packet).subspan(kRtpHeader));
    return packet;
}

void measure_room(unsigned legs) {
    constexpr unsigned kTicks = 500;
    Room room{RoomPolicy{}};
    RoomOutput out;
    std::vector<Packet> packets;
    for (unsigned i = 0; i < legs; ++i) {
        room.add({i}, {}, {i, 0, 0});
        packets.push_back(packet_with(i < kTalkers ? 8000 : 0, 300 + 50 * i));
    }
    double receiving = 0, ticking = 0;
    std::size_t sent = 0;
    for (unsigned tick = 0; tick < kTicks; ++tick) {
        for (unsigned i = 0; i < legs; ++i)
            write_rtp_header(std::span(packets[i]).first<kRtpHeader>(), false, 0, static_cast<std::uint16_t>(tick), tick * 160, i);
        auto start = std::clock();
        for (unsigned i = 0; i < legs; ++i) room.receive({i}, packets[i]);
        receiving += nanoseconds_since(start);
        start = std::clock();
        room.tick(out);
        ticking += nanoseconds_since(start);
        sent += out.packets.size();
    }
    const double per = 1.0 / (kTicks * legs);
    std::printf("room of %u legs, %u talkers: tick %.0f ns a leg, receive %.0f ns a packet, %.1f us a leg and second (%zu packets)\n", legs,
                kTalkers, ticking * per, receiving * per, (ticking + receiving) * per * 50 / 1000, sent);
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
    for (unsigned legs : {10u, 100u, 1000u}) measure_room(legs);
    for (const char* suite : {"AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"})
        for (unsigned streams : {1u, 1000u}) measure_srtp(suite, streams);
}
