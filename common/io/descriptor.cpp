#include "io/descriptor.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace confab::io {

void Descriptor::reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

unsigned to_kernel(const base::SocketAddress& address, sockaddr_storage& storage) {
    if (address.ip.family == base::Family::ipv6) {
        sockaddr_in6 kernel{};
        kernel.sin6_family = AF_INET6;
        kernel.sin6_port = htons(address.port);
        std::memcpy(&kernel.sin6_addr, address.ip.octets.data(), 16);
        std::memcpy(&storage, &kernel, sizeof kernel);
        return sizeof kernel;
    }
    sockaddr_in kernel{};
    kernel.sin_family = AF_INET;
    kernel.sin_port = htons(address.port);
    std::memcpy(&kernel.sin_addr, address.ip.octets.data(), 4);
    std::memcpy(&storage, &kernel, sizeof kernel);
    return sizeof kernel;
}

base::SocketAddress from_kernel(const sockaddr_storage& storage) {
    base::SocketAddress address;
    if (storage.ss_family == AF_INET) {
        sockaddr_in kernel;
        std::memcpy(&kernel, &storage, sizeof kernel);
        address.ip.family = base::Family::ipv4;
        std::memcpy(address.ip.octets.data(), &kernel.sin_addr, 4);
        address.port = ntohs(kernel.sin_port);
    } else if (storage.ss_family == AF_INET6) {
        sockaddr_in6 kernel;
        std::memcpy(&kernel, &storage, sizeof kernel);
        address.ip.family = base::Family::ipv6;
        std::memcpy(address.ip.octets.data(), &kernel.sin6_addr, 16);
        address.port = ntohs(kernel.sin6_port);
    }
    return address;
}

}  // namespace confab::io
