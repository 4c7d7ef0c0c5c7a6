// The meaning of a daemon's control socket: lines become requests, tokens remember who asked, listings stream as fast as their client
// reads, and subscribers get numbered events. Owner: the main loop's thread. Bounds: requests in flight for each client; octets of events
// that wait for a slow reader, beyond which events are dropped and their number is told. A client that has something waiting and reads
// nothing for `patience` is cut off.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "io/local_server.hpp"
#include "local/messages.hpp"

namespace confab::app {

class Control {
public:
    using OnRequest = std::function<void(std::uint64_t token, const local::Request& request)>;
    // Throws StartupError where the socket cannot be bound.
    Control(io::Loop& loop, const std::string& path, const local::Vocabulary& vocabulary, OnRequest on_request,
            base::milliseconds patience = base::seconds(10));

    void reply(std::uint64_t token, local::Value fields);
    void reply_more(std::uint64_t token, local::Value row);
    void fail(std::uint64_t token, std::string_view code, std::string_view message);
    void stream(std::uint64_t token, std::function<bool()> next);
    void subscribe(std::uint64_t token);
    void publish(std::string_view event, const local::Value& fields);

    struct Counts {
        std::uint64_t requests = 0, refused = 0, events_lost = 0, cut_off = 0;
    };
    const Counts& counts() const { return counts_; }
    std::size_t clients() const { return server_.clients(); }

private:
    using ClientId = io::LocalServer::ClientId;
    struct Asked {
        ClientId client;
        local::Value id;
    };
    struct Client {
        std::size_t in_flight = 0;
        bool subscribed = false, waits_for_room = false;
        std::uint64_t lost = 0;
        std::size_t unread = 0;  // at the last look, 0 when it did not wait then
        std::vector<std::pair<std::uint64_t, std::function<bool()>>> streams;
    };

    void take_line(ClientId id, std::string_view line);
    void forget(ClientId id);
    void finish(std::uint64_t token, const std::string& line);
    void send_event(ClientId id, Client& client, const std::string& line);
    void wait_for_room(ClientId id, Client& client);
    void has_room(ClientId id);
    void look_for_stalled();
    bool advance(std::uint64_t token, const std::function<bool()>& next);

    io::Loop& loop_;
    const local::Vocabulary& vocabulary_;
    OnRequest on_request_;
    Counts counts_;
    std::uint64_t last_token_ = 0, last_event_ = 0;
    std::unordered_map<std::uint64_t, Asked> asked_;
    std::unordered_map<ClientId, Client> clients_;
    base::milliseconds patience_;
    bool looking_ = false;
    io::LocalServer server_;
    io::Timer look_;
};

std::string_view version();

}  // namespace confab::app
