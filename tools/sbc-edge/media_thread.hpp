// The thread that owns relays and their sockets. Commands are posted in; ports, idle relays and counts are posted back to the signalling loop.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

#include "io/datagrams.hpp"
#include "io/loop.hpp"
#include "io/worker.hpp"
#include "media/relay.hpp"
#include "sbc-edge/config.hpp"
#include "sbc-edge/core.hpp"

namespace confab::edge {

class MediaThread {
public:
    struct Totals {
        std::uint64_t packets = 0, rejected = 0;
        std::size_t relays = 0;
    };
    // Called on the signalling loop.
    struct Handlers {
        std::function<void(CallId, const base::SocketAddress& outside, const base::SocketAddress& inside)> opened;
        std::function<void(CallId, const std::string& reason)> failed;
        std::function<void(CallId)> idle;
        std::function<void(const Totals&)> totals;
    };
    MediaThread(io::Loop& signalling, const Config& config, Handlers handlers);
    ~MediaThread();

    void open(CallId call);
    void update(CallId call, const RelaySettings& settings);
    void close(CallId call);
    void set_timeout(base::milliseconds timeout);

private:
    struct Path;
    struct Impl;
    std::shared_ptr<Impl> impl_;
    io::Worker worker_;  // last: joined before anything that it uses goes
};

}  // namespace confab::edge
