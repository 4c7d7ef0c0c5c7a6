#include "io/socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cerrno>

namespace confab::io {

namespace {

constexpr int kKeepaliveSeconds = 60;  // also keeps a NAT's mapping

void set(int socket, int level, int option, int value) { setsockopt(socket, level, option, &value, sizeof value); }

int domain_of(const base::IpAddress& ip) { return ip.family == base::Family::ipv6 ? AF_INET6 : AF_INET; }

void share_address(int socket) { set(socket, SOL_SOCKET, SO_REUSEPORT, 1); }

bool bind_to(int socket, const base::SocketAddress& local) {
    sockaddr_storage storage{};
    const auto length = to_kernel(local, storage);
    return ::bind(socket, reinterpret_cast<const sockaddr*>(&storage), length) == 0;
}

std::expected<Descriptor, int> open_socket(const base::IpAddress& ip, int type) {
    Descriptor socket(::socket(domain_of(ip), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) return std::unexpected(errno);
    if (ip.family == base::Family::ipv6) set(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    return socket;
}

std::expected<Descriptor, int> open_bound(const base::SocketAddress& local, int receive_buffer, int dscp, bool shared) {
    auto socket = open_socket(local.ip, SOCK_DGRAM);
    if (!socket) return socket;
    if (receive_buffer > 0) enlarge_receive_buffer(socket->get(), receive_buffer);
    if (dscp > 0 && local.ip.family == base::Family::ipv6) set(socket->get(), IPPROTO_IPV6, IPV6_TCLASS, dscp << 2);
    if (dscp > 0 && local.ip.family != base::Family::ipv6) set(socket->get(), IPPROTO_IP, IP_TOS, dscp << 2);
    if (shared) share_address(socket->get());
    if (!bind_to(socket->get(), local)) return std::unexpected(errno);
    return socket;
}

}  // namespace

std::expected<Descriptor, int> open_udp(const base::SocketAddress& local, int receive_buffer, int dscp) { return open_bound(local, receive_buffer, dscp, false); }

// The first one shares its address only from now on, so that to bind it told whether somebody else has it.
std::expected<Descriptor, int> open_udp_beside(int bound, int receive_buffer, int dscp) {
    share_address(bound);
    return open_bound(local_address(bound), receive_buffer, dscp, true);
}

bool connect_udp(int socket, const base::SocketAddress& peer) {
    sockaddr_storage storage{};
    const auto length = to_kernel(peer, storage);
    return ::connect(socket, reinterpret_cast<const sockaddr*>(&storage), length) == 0;
}

bool join_arrivals(int socket) {
    const int on = 1;
    return setsockopt(socket, SOL_UDP, UDP_GRO, &on, sizeof on) == 0;
}

// Beyond rmem_max where we have the right, as far as it goes otherwise.
void enlarge_receive_buffer(int socket, int octets) {
    if (setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof octets) != 0) set(socket, SOL_SOCKET, SO_RCVBUF, octets);
}

void stamp_arrivals(int socket) { set(socket, SOL_SOCKET, SO_TIMESTAMPNS, 1); }

std::expected<Descriptor, int> open_listener(const base::SocketAddress& local) {
    auto socket = open_socket(local.ip, SOCK_STREAM);
    if (!socket) return socket;
    // A restarted daemon must not wait for its old connections to leave TIME_WAIT.
    set(socket->get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (!bind_to(socket->get(), local) || ::listen(socket->get(), SOMAXCONN) != 0) return std::unexpected(errno);
    return socket;
}

std::expected<Descriptor, int> open_connection(const base::SocketAddress& peer, const base::IpAddress& local) {
    auto socket = open_socket(peer.ip, SOCK_STREAM);
    if (!socket) return socket;
    if (local.family == peer.ip.family && !local.is_unspecified()) {
        // The port is chosen when connecting, so that one address can hold more connections than it has ports.
        set(socket->get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
        if (!bind_to(socket->get(), {local, 0})) return std::unexpected(errno);
    }
    sockaddr_storage storage{};
    const auto length = to_kernel(peer, storage);
    if (::connect(socket->get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0 && errno != EINPROGRESS)
        return std::unexpected(errno);
    return socket;
}

void tune_connection(int socket, unsigned unacknowledged) {
    set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(socket, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveSeconds);
    set(socket, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveSeconds / 4);
    setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged, sizeof unacknowledged);
}

base::SocketAddress local_address(int socket) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
    return from_kernel(storage);
}

int pending_error(int socket) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
}

}  // namespace confab::io
