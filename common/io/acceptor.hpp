// Accepts connections from a listening socket. Private to io. Owner: one loop's thread.
// Holds a spare descriptor: when the limit is reached, it is spent to accept and close the next caller, who then knows, and the loop does
// not spin.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>

#include "io/descriptor.hpp"
#include "io/loop.hpp"

namespace confab::io {

class Acceptor {
public:
    using OnAccept = std::function<void(Descriptor, const sockaddr_storage& peer)>;

    Acceptor(Loop& loop, Descriptor listener, OnAccept on_accept);
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

    int socket() const { return listener_.get(); }
    std::uint64_t turned_away() const { return turned_away_; }

private:
    void readable();
    bool turn_away();

    Descriptor listener_, spare_;
    OnAccept on_accept_;
    std::uint64_t turned_away_ = 0;
    Watch watch_;
};

}  // namespace confab::io
