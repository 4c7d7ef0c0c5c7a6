// Clients of control sockets. `LocalClient` lives on a loop, reconnects by itself, pipelines requests and reads events; `ask_once` blocks, for command lines.
//
// A daemon that restarts loses no question: what is unanswered when the connection breaks is asked again on the next one (requests are idempotent),
// and what is asked meanwhile waits. Only when the daemon has been away for a whole `timeout` do further questions fail at once.
// Owner: one loop's thread. A LocalClient that is destroyed, even in a handler of its own, calls nobody any more. Rows of listings are for `ask_once`.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/loop.hpp"
#include "local/messages.hpp"

namespace confab::io {

class LocalClient {
public:
    using Answer = std::expected<local::Value, local::Failure>;  // code "unavailable" when the daemon is not there in time, "timeout" when it does not answer
    using OnAnswer = std::function<void(Answer)>;
    struct Handlers {
        std::function<void(bool connected)> connection = {};
        std::function<void(std::string_view event, const local::Value& fields)> event = {};
    };
    struct Options {
        std::string path;
        base::milliseconds timeout{2000};       // for an answer
        base::milliseconds reconnect{100};      // between attempts
        std::size_t pending = 10'000;           // requests waiting; one more fails at once with "too-many"
    };
    LocalClient(Loop& loop, const Options& options, Handlers handlers);
    ~LocalClient();

    void ask(std::string_view command, local::Value arguments, OnAnswer on_answer);  // answered exactly once, never before `ask` returns
    bool connected() const;

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

// Blocking: connects, sends one request, calls `on_reply` for each reply line (and each event, when `follow`), until the last or until it answers false.
// Failure: the daemon's own, or "unavailable", "permission", "timeout" (for each wait), "protocol", with a sentence.
std::expected<void, local::Failure> ask_once(const std::string& path, std::string_view command, const local::Value& arguments, base::milliseconds timeout,
                                             bool follow, const std::function<bool(const local::Reply&)>& on_reply);

}  // namespace confab::io
