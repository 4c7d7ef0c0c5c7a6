// The least that answering one SIP datagram costs here: receive a batch, put a status line where the request line was, send it back. No SIP, no loop, no state.
// What the kernel takes; nobody's server gets below it.   bench_floor PORT
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

constexpr unsigned kBatch = 32;
constexpr std::size_t kRoom = 4096;
char status_line[] = "SIP/2.0 200 OK";

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 64;
    const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int room = 4 << 20;
    setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (bind(socket, reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0) return 71;
    static std::array<std::array<char, kRoom>, kBatch> octets;
    std::array<sockaddr_in, kBatch> peers{};
    std::array<iovec, kBatch> in{};
    std::array<std::array<iovec, 2>, kBatch> out{};
    std::array<mmsghdr, kBatch> receive{}, send{};
    for (unsigned i = 0; i < kBatch; ++i) {
        in[i] = {octets[i].data(), kRoom};
        out[i][0] = {status_line, sizeof status_line - 1};
        receive[i].msg_hdr = {&peers[i], sizeof peers[i], &in[i], 1, nullptr, 0, 0};
        send[i].msg_hdr = {&peers[i], sizeof peers[i], out[i].data(), 2, nullptr, 0, 0};
    }
    for (;;) {
        const int got = recvmmsg(socket, receive.data(), kBatch, MSG_WAITFORONE, nullptr);
        for (int i = 0; i < got; ++i) {
            const auto at = static_cast<std::size_t>(i);
            const std::string_view text(octets[at].data(), receive[at].msg_len);
            const auto rest = text.substr(std::min(text.find('\r'), text.size()));
            out[at][1] = {const_cast<char*>(rest.data()), rest.size()};
        }
        if (got > 0) sendmmsg(socket, send.data(), static_cast<unsigned>(got), 0);
    }
}
