#include "io/source_address.hpp"

#include <sys/socket.h>

#include "io/descriptor.hpp"

namespace confab::io {

base::IpAddress source_towards(const base::SocketAddress& peer) {
    sockaddr_storage storage{};
    const auto length = to_kernel(peer, storage);
    const Descriptor probe(socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!probe || connect(probe.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) return {};
    socklen_t size = sizeof storage;
    if (getsockname(probe.get(), reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
    return from_kernel(storage).ip;
}

}  // namespace confab::io
