// The least that so many legs cost here: every 20 ms each socket is read and what came goes back. No room, no sound, no state. What the kernel takes; nobody's
// bridge with a socket for each leg gets below it.   bench_media_floor ADDRESS CALLERS PORT…   prints its own ports, one for each of the callers'
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "io/loop.hpp"
#include "io/polled_sockets.hpp"
#include "io/socket.hpp"
#include "io/ticker.hpp"

using namespace confab;

int main(int argc, char** argv) {
    if (argc < 4) return 64;
    const auto here = base::IpAddress::parse(argv[1]), callers = base::IpAddress::parse(argv[2]);
    if (!here || !callers) return 64;
    io::Loop loop;
    io::PolledSockets sockets(2048);
    std::vector<io::Descriptor> legs;
    for (int i = 3; i < argc; ++i) {
        auto opened = io::open_udp({*here, 0}, 0, 0);
        if (!opened) return 71;
        std::printf("%d ", io::local_address(opened->get()).port);
        legs.push_back(io::PolledSockets::connect(std::move(*opened), {*callers, static_cast<std::uint16_t>(std::atoi(argv[i]))}));
    }
    std::puts("");
    std::fflush(stdout);
    const io::Ticker clock(loop, base::milliseconds(20), [&](base::Now, std::uint64_t) {
        sockets.begin();
        for (const auto& socket : legs)
            for (const auto& arrival : sockets.receive(socket, 1)) sockets.send(socket, arrival.bytes);
    });
    loop.run();
}
