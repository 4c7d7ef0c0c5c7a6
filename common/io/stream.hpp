// One stream connection, TCP or TLS: non-blocking, with a bounded write queue. Owner: one loop's thread.
// A peer that does not read costs only itself: a queue over its bound closes the connection.
// Handlers are never called from within `accepted`, `connect`, `send` or `close`. The Stream may be destroyed in any of them; none is called after that.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/socket_address.hpp"
#include "io/descriptor.hpp"
#include "io/loop.hpp"
#include "io/tls.hpp"

namespace confab::io {

class Stream {
public:
    struct Handlers {
        std::function<void()> opened;                               // connected, and with TLS shaken hands
        std::function<void(std::string_view)> received;             // clear bytes
        std::function<void(const std::string& reason)> closed;      // once, last
    };
    struct Options {
        std::size_t queue = 1 << 20;              // octets waiting to be written
        base::milliseconds open_timeout{10'000};  // connect and handshake
        base::milliseconds unacknowledged{30'000};  // octets sent and not acknowledged for so long: the peer is gone
        base::milliseconds farewell{5'000};         // after `close`: for what is queued to leave and the peer to close too
    };

    static std::unique_ptr<Stream> accepted(Loop& loop, Descriptor socket, const base::SocketAddress& peer, const TlsContext* tls, const Options& options,
                                            Handlers handlers);
    // `local`: bound first unless unspecified. `name`: what a TLS certificate must be for.
    static std::unique_ptr<Stream> connect(Loop& loop, const base::SocketAddress& peer, const base::IpAddress& local, const TlsContext* tls,
                                           const std::string& name, const Options& options, Handlers handlers);
    ~Stream();

    bool send(std::string_view bytes);  // before `opened` they wait; false: the queue is over its bound and the connection is closing
    void close();                       // after what is queued; `closed` follows
    const base::SocketAddress& peer() const;
    const base::SocketAddress& local() const;
    std::size_t queued() const;
    bool has_verified_peer() const;   // by its certificate
    std::string description() const;  // TLS version and suite; "" without TLS

private:
    struct Impl;
    explicit Stream(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace confab::io
