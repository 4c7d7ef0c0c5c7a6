// The client sockets of a load: datagram sockets, or stream connections to one server that are made again when they end.
//
// Owner: the probe's one thread. Handlers must not destroy the Lines.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/datagrams.hpp"
#include "io/loop.hpp"
#include "io/stream.hpp"
#include "sip-probe/load_plan.hpp"
#include "sip/stream_framer.hpp"

namespace confab::probe {

class Lines {
public:
    struct Options {
        sip::Transport transport = sip::Transport::udp;
        base::SocketAddress server;
        base::IpAddress local;               // where datagrams leave from
        std::string server_name;             // what a TLS certificate must be for
        std::optional<io::TlsContext> tls{};
        std::size_t count = 1;
        std::size_t opening_at_once = 64;    // connections
    };
    struct Handlers {
        std::function<void(base::Now, std::size_t line, std::string_view message)> received;
        std::function<void(base::Now, std::size_t line)> up;
        std::function<void(base::Now, std::size_t line, const std::string& reason)> down;  // a connection ended or could not be made
        std::function<void(base::Now)> batch_end;
    };

    Lines(io::Loop& loop, Options options, Handlers handlers);  // throws StartupError

    void open();                       // streams: begins to connect; datagrams: all are up at once
    void send(const Sendings& out);    // and flushes
    std::vector<std::string> local() const;  // host:port, for streams the host
    std::uint64_t unsent() const;      // datagrams that the kernel did not take

private:
    struct Connection {
        std::unique_ptr<io::Stream> stream;
        sip::StreamFramer framer{65535};
        bool is_up = false;
    };
    void bind_datagrams();
    void connect_more();
    void connect(std::size_t line);
    void opened(std::size_t line);
    void received(std::size_t line, std::string_view bytes);
    void closed(std::size_t line, const std::string& reason);

    io::Loop& loop_;
    Options options_;
    Handlers handlers_;
    std::vector<io::Datagrams> datagrams_;
    std::vector<Connection> connections_;
    std::vector<std::size_t> waiting_;  // lines to be connected
    std::size_t opening_ = 0;
    io::Timer again_;
};

}  // namespace confab::probe
