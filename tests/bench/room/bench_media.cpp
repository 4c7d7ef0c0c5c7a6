// What a leg costs a media thread a second with its sockets: one room, three talkers, every leg sends and hears 50 packets a second. The callers are
// a process of their own. Prints; asserts nothing about time. Usage: bench_media [LEGS [SECONDS]]
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

#include "conf-bridge/media_thread.hpp"
#include "io/datagrams.hpp"
#include "io/polled_sockets.hpp"
#include "io/ticker.hpp"
#include "media/rtp.hpp"

using namespace confab;
using namespace confab::bridge;

namespace {

constexpr unsigned kTalkers = 3;
constexpr std::size_t kPacket = media::kRtpHeader + 160;
const base::IpAddress kHere = *base::IpAddress::parse("127.0.0.1");

// Callers are numbered from 0; each knows its leg's address. Ports are chosen before the fork.
struct Plan {
    std::vector<base::SocketAddress> callers, legs;
};

void call(const Plan& plan, std::vector<io::Descriptor> sockets, unsigned seconds) {
    io::Loop loop;
    std::uint64_t heard = 0;
    io::PolledSockets lines(2048);
    for (std::size_t i = 0; i < sockets.size(); ++i) sockets[i] = io::PolledSockets::connect(std::move(sockets[i]), plan.legs[i]);
    std::vector<std::array<std::uint8_t, kPacket>> packets(sockets.size());
    for (std::size_t i = 0; i < packets.size(); ++i)
        for (std::size_t n = 0; n < 160; ++n) packets[i][media::kRtpHeader + n] = i < kTalkers ? static_cast<std::uint8_t>(n * 37 + i) | 0x80 : 0xff;
    // A tenth of the callers each 2 ms: they do not speak in step.
    io::Ticker clock(loop, base::milliseconds(2), [&](base::Now, std::uint64_t number) {
        const auto round = number / 10;
        if (round >= seconds * 50) return loop.stop();
        for (std::size_t i = number % 10; i < sockets.size(); i += 10) {
            media::write_rtp_header(std::span(packets[i]).first<media::kRtpHeader>(), round == 0, 0, static_cast<std::uint16_t>(round),
                                    static_cast<std::uint32_t>(round * 160), static_cast<std::uint32_t>(i));
            heard += lines.receive(sockets[i]).size();
            lines.send(sockets[i], packets[i]);
        }
    });
    loop.run();
    std::printf("  callers heard %.1f packets a leg and second\n", static_cast<double>(heard) / static_cast<double>(sockets.size()) / seconds);
}

double cpu_seconds() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

void measure(unsigned legs, unsigned seconds) {
    Plan plan;
    std::vector<io::Descriptor> sockets;
    io::Loop loop;
    for (unsigned i = 0; i < legs; ++i) {
        const auto line = std::move(*io::Datagrams::bind(loop, {kHere, 0}, {}, nullptr, [](base::Now, std::span<io::Datagram>) {}));
        plan.callers.push_back(line.local());
        sockets.emplace_back(dup(line.socket()));
    }
    MediaOptions options;
    options.address = kHere;
    options.low_port = 10000;
    options.high_port = 31999;
    std::mutex mutex;
    std::vector<MediaEvent> events;
    std::atomic<unsigned> opened = 0;
    MediaCounts counts;
    MediaThread thread(0, options, [&](MediaReport report) {
        const std::lock_guard lock(mutex);
        counts = report.counts;
        for (const auto& event : report.events)
            if (event.kind == MediaEvent::Kind::opened) events.push_back(event), ++opened;
    });
    std::vector<MediaCommand> open;
    for (unsigned i = 0; i < legs; ++i) open.push_back({0, OpenLeg{{i}}});
    thread.post(open);
    while (opened < legs) ::poll(nullptr, 0, 1);
    plan.legs.resize(legs);
    std::vector<MediaCommand> attach;
    media::LegFormat format;
    format.telephone_event = 101;
    for (const auto& event : events) {
        plan.legs[event.leg.value] = event.local;
        attach.push_back({0, AttachLeg{event.leg, 1, plan.callers[event.leg.value], format, false}});
    }
    std::fflush(stdout);
    const auto child = fork();
    if (child == 0) {
        call(plan, std::move(sockets), seconds + 2);
        std::fflush(stdout);
        _exit(0);
    }
    thread.post(attach);
    ::poll(nullptr, 0, 1500);
    const double before = cpu_seconds();
    ::poll(nullptr, 0, static_cast<int>(seconds * 1000));
    const double used = cpu_seconds() - before;
    int status = 0;
    waitpid(child, &status, 0);
    const std::lock_guard lock(mutex);
    std::printf("room of %u legs: %.1f us of CPU a leg and second (received %llu, sent %llu, rejected %llu, lost ticks %llu)\n", legs,
                used * 1e6 / legs / seconds, static_cast<unsigned long long>(counts.received), static_cast<unsigned long long>(counts.sent),
                static_cast<unsigned long long>(counts.rejected), static_cast<unsigned long long>(counts.lost_ticks));
}

}  // namespace

int main(int argc, char** argv) {
    measure(argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 1000, argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 5);
}
