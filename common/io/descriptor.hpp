// An owned file descriptor, and conversions between our addresses and the kernel's.
#pragma once

#include <utility>

#include "base/socket_address.hpp"

struct sockaddr_storage;

namespace confab::io {

class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() { reset(); }
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    void reset();

private:
    int fd_ = -1;
};

unsigned to_kernel(const base::SocketAddress& address, sockaddr_storage& storage);  // the length
base::SocketAddress from_kernel(const sockaddr_storage& storage);

}  // namespace confab::io
