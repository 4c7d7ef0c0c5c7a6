// A UDP socket read and written in batches (recvmmsg, sendmmsg). Owner: one loop's thread. Buffers are reused; nothing allocates in steady state.
// Datagrams of one length that follow each other to one peer leave as one (UDP_SEGMENT) and are cut by the kernel, where it can. In the same way several
// of one peer's may come as one (UDP_GRO), and are cut here: `joined`, without headroom.
// Datagrams larger than the buffer are dropped and counted. A full socket buffer drops what could not be sent, as UDP does, and counts it.
// Destroying it, even from its own batch, is safe and final.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/socket_address.hpp"
#include "io/descriptor.hpp"
#include "io/loop.hpp"

namespace confab::io {

struct Datagram {
    base::SocketAddress peer;
    std::span<std::uint8_t> bytes;  // with `headroom` octets of room behind, for in-place work
};

class Datagrams {
public:
    struct Options {
        std::size_t batch = 32;
        std::size_t size = 65535;      // largest datagram
        std::size_t headroom = 32;
        int receive_buffer = 0;        // SO_RCVBUF, 0: the kernel's default
        int dscp = 0;
        bool stamped = false;          // the kernel notes when a datagram came, for `queue_delay`
        bool joined = false;           // the kernel may hand over several at once
    };
    // Many sockets of one thread share one set of buffers: pass the same `Buffers`.
    class Buffers;
    static std::shared_ptr<Buffers> make_buffers(const Options& options);

    using OnBatch = std::function<void(base::Now, std::span<Datagram>)>;

    // Port 0 binds any. The error is a sentence: "udp 127.0.0.1:5060: Address already in use".
    static std::expected<Datagrams, std::string> bind(Loop& loop, const base::SocketAddress& local, const Options& options,
                                                      std::shared_ptr<Buffers> buffers, OnBatch on_batch);
    // A socket that is bound already.
    static Datagrams adopt(Loop& loop, Descriptor socket, const Options& options, std::shared_ptr<Buffers> buffers, OnBatch on_batch);
    ~Datagrams();
    Datagrams(Datagrams&&) noexcept;
    Datagrams& operator=(Datagrams&&) noexcept;

    const base::SocketAddress& local() const;
    int socket() const;
    base::Duration queue_delay() const;  // how long the first datagram of the batch that is being handled lay in the socket; 0 when not stamped
    // Queues for the batch that `flush` sends. The bytes must live until then. A full batch flushes itself.
    void send(const base::SocketAddress& to, std::span<const std::uint8_t> bytes);
    // Two pieces, one datagram: a private header and a shared payload.
    void send(const base::SocketAddress& to, std::span<const std::uint8_t> header, std::span<const std::uint8_t> payload);
    void flush();

    struct Counts {
        std::uint64_t received = 0, sent = 0, oversized = 0, unsent = 0;
    };
    const Counts& counts() const;

private:
    struct Impl;
    explicit Datagrams(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace confab::io
