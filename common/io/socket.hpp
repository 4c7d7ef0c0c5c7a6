// Sockets opened the way this tree wants them: non-blocking, closed on exec, IPv6 without IPv4 mixed in. Private to io. Errors are errno
// values.
#pragma once

#include <expected>

#include "base/socket_address.hpp"
#include "io/descriptor.hpp"

namespace confab::io {

std::expected<Descriptor, int> open_udp(const base::SocketAddress& local, int receive_buffer, int dscp);
std::expected<Descriptor, int> open_udp_beside(int bound, int receive_buffer, int dscp);  // one more of its address
bool connect_udp(int socket, const base::SocketAddress& peer);
void stamp_arrivals(int socket);  // SO_TIMESTAMPNS
bool join_arrivals(int socket);  // UDP_GRO; false: the kernel cannot
void enlarge_receive_buffer(int socket, int octets);
std::expected<Descriptor, int> open_listener(const base::SocketAddress& local);  // TCP
// Begins to connect. `local` unspecified: the kernel chooses.
std::expected<Descriptor, int> open_connection(const base::SocketAddress& peer, const base::IpAddress& local);
// Small messages go out at once; a peer that acknowledges nothing for `unacknowledged` milliseconds, be it a keepalive, is gone.
void tune_connection(int socket, unsigned unacknowledged);

base::SocketAddress local_address(int socket);
int pending_error(int socket);  // SO_ERROR, taken

}  // namespace confab::io
