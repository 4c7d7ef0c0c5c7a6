#include "io/acceptor.hpp"

#include <fcntl.h>

#include <cerrno>

namespace confab::io {

namespace {

constexpr int kAcceptsPerWake = 64;  // then connections that exist have their turn

Descriptor open_spare() { return Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

Descriptor accept_one(int listener, sockaddr_storage& peer) {
    socklen_t size = sizeof peer;
    return Descriptor(accept4(listener, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

}  // namespace

Acceptor::Acceptor(Loop& loop, Descriptor listener, OnAccept on_accept)
    : listener_(std::move(listener)), spare_(open_spare()), on_accept_(std::move(on_accept)), watch_(loop, listener_.get()) {
    watch_.on_readable([this] { readable(); });
}

void Acceptor::readable() {
    for (int i = 0; i < kAcceptsPerWake; ++i) {
        sockaddr_storage peer{};
        auto socket = accept_one(listener_.get(), peer);
        if (socket) {
            on_accept_(std::move(socket), peer);
        } else if (errno == EMFILE || errno == ENFILE) {
            if (!turn_away()) return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

bool Acceptor::turn_away() {
    spare_.reset();
    sockaddr_storage peer{};
    const bool accepted = static_cast<bool>(accept_one(listener_.get(), peer));
    spare_ = open_spare();
    if (accepted) ++turned_away_;
    return accepted;
}

}  // namespace confab::io
