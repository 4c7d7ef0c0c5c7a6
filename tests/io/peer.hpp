// The other end, as a blocking plain socket that shares no code with io: what it is sent, and when it is closed.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/socket_address.hpp"
#include "io/descriptor.hpp"

namespace confab::test {

class Peer {
public:
    static Peer tcp(const base::SocketAddress& to) {
        sockaddr_storage address{};
        const auto length = io::to_kernel(to, address);
        Peer peer(::socket(address.ss_family, SOCK_STREAM, 0));
        REQUIRE(::connect(peer.socket_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
        return peer;
    }
    static Peer local(const std::string& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        Peer peer(::socket(AF_UNIX, SOCK_STREAM, 0));
        REQUIRE(::connect(peer.socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        return peer;
    }
    explicit Peer(int socket) : socket_(socket) { REQUIRE(socket >= 0); }

    int get() const { return socket_.get(); }
    bool put(std::string_view text) {
        const auto sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        return sent == static_cast<ssize_t>(text.size());
    }
    // What has come so far, without waiting; `ended` once there is no more.
    const std::string& look() {
        char chunk[65536];
        for (;;) {
            const auto got = ::recv(socket_.get(), chunk, sizeof chunk, MSG_DONTWAIT);
            if (got > 0) {
                seen_.append(chunk, static_cast<std::size_t>(got));
                continue;
            }
            ended_ = ended_ || got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
            return seen_;
        }
    }
    bool ended() {
        look();
        return ended_;
    }
    std::string taken() { return std::exchange(seen_, {}); }
    void shut_writing() { ::shutdown(socket_.get(), SHUT_WR); }
    void leave() { socket_.reset(); }

private:
    io::Descriptor socket_;
    std::string seen_;
    bool ended_ = false;
};

// Listens and never accepts: the kernel completes the connection, and nobody speaks.
class Host {
public:
    Host() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(socket_.get(), 8) == 0);
    }
    base::SocketAddress address() const {
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&storage), &size) == 0);
        return io::from_kernel(storage);
    }

private:
    io::Descriptor socket_;
};

}  // namespace confab::test
