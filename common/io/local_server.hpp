// The control socket's server side: framing, greeting, bounds; knows lines, not meanings. Owner: one loop's thread.
// Hygiene: probes before unlink, umask around bind, mode 0660, a cap of clients for each uid; a client that does not read is cut off.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "io/loop.hpp"

namespace confab::io {

class LocalServer {
public:
    using ClientId = std::uint64_t;
    struct Options {
        std::string path;
        std::size_t clients_per_uid = 64;
        std::size_t line_limit = 1 << 20;
        std::size_t write_queue = 4 << 20;
    };
    struct Handlers {
        std::function<std::string()> greeting;                        // a line, no newline
        std::function<void(ClientId, std::string_view line)> line;
        std::function<void(ClientId)> closed;
    };
    LocalServer(Loop& loop, const Options& options, Handlers handlers);  // throws StartupError: one clear sentence
    ~LocalServer();                                                      // unlinks its own socket

    bool send(ClientId client, std::string_view line);  // adds the newline; false: the client is gone or was cut off
    std::size_t queued(ClientId client) const;          // for streamed listings: produce more when it falls
    void on_drained(ClientId client, std::function<void()> callback);  // once, when the queue is empty
    void close(ClientId client);                        // at once; what is queued is lost
    std::size_t clients() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace confab::io
