// Sockets that outlive a run: handed in by the service manager at the start (LISTEN_FDS, sd_listen_fds(3)) and left with it for the next one
// (FDSTORE=1, sd_notify(3)), so that a restart loses neither datagrams nor callers that wait to be accepted. Matched to listeners by address.
// Owner: the main thread while the program starts. Without a service manager nothing is handed in, and nothing can be left.
#pragma once

#include <optional>
#include <string>

#include "base/socket_address.hpp"
#include "io/descriptor.hpp"

namespace confab::io {

enum class SocketKind : unsigned char { datagram, listener };

// Each socket is given once. A listener on port 0 takes any port of its address.
std::optional<Descriptor> take_inherited(SocketKind kind, const base::SocketAddress& local);
std::optional<Descriptor> take_inherited(const std::string& path);  // a local listener

// False: there is nobody to leave it with. A socket that was handed in needs not be left again.
bool leave_for_restart(int socket, std::string_view name);

// Closes what nobody took, and has the service manager forget it; how many there were.
std::size_t drop_inherited();

}  // namespace confab::io
