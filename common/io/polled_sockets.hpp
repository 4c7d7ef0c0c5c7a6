// Connected UDP sockets read and written when their owner says so: for a thread that serves thousands of them at a beat of its own, where a wake-up for each
// datagram would cost more than all the rest. Connected, since to find the way anew for each datagram takes a tenth of what it costs to send one. A socket is
// no more than its descriptor; what a call needs, all share. Owner: one thread. Nothing allocates after construction. Datagrams larger than the buffer are
// dropped and counted, and so is what a socket cannot take at once. What ICMP tells of the other end is not an error.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/time.hpp"
#include "io/descriptor.hpp"

namespace confab::io {

class PolledSockets {
public:
    static constexpr std::size_t kBatch = 32;
    struct Arrival {
        base::SocketAddress peer;
        std::span<std::uint8_t> bytes;  // for in-place work
        base::Duration age{};           // how long it lay in the socket, at `begin`
    };
    struct Counts {
        std::uint64_t oversized = 0, unsent = 0;
    };

    explicit PolledSockets(std::size_t largest);
    ~PolledSockets();

    // One more of `bound`'s address, for what `peer` sends; `bound` gets the rest from then on. The first arrivals may still be others'. Empty: none can be had.
    static Descriptor open_beside(int bound, const base::SocketAddress& peer, int receive_buffer, int dscp);
    static Descriptor connect(Descriptor socket, const base::SocketAddress& peer);  // of one that is bound already
    void begin();                                   // of a beat

    // What has come, the oldest first; valid until the next call. After `most` there may be more. One alone is read without a look at what is behind it.
    std::span<Arrival> receive(const Descriptor& socket, std::size_t most = kBatch);
    bool send(const Descriptor& socket, std::span<const std::uint8_t> bytes);  // false: not sent

    const Counts& counts() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace confab::io
