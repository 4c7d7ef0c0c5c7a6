// The blocking client: one request, its replies, within a deadline.
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>

#include "io/error.hpp"
#include "io/local_client.hpp"
#include "io/local_socket.hpp"

namespace confab::io {

namespace {

using Failed = std::unexpected<local::Failure>;

constexpr std::int64_t kRequestId = 1;

class Deadline {
public:
    explicit Deadline(base::milliseconds span) : span_(span), end_(std::chrono::steady_clock::now() + span) {}
    void renew() { end_ = std::chrono::steady_clock::now() + span_; }
    // Waits for readiness; false when the time is over.
    bool wait(int socket, short events, bool for_ever) const {
        for (;;) {
            const auto left = std::chrono::ceil<base::milliseconds>(end_ - std::chrono::steady_clock::now()).count();
            if (!for_ever && left <= 0) return false;
            pollfd question{socket, events, 0};
            const int ready = poll(&question, 1, for_ever ? -1 : static_cast<int>(left));
            if (ready > 0) return true;
            if (ready < 0 && errno != EINTR) return false;
        }
    }

private:
    base::milliseconds span_;
    std::chrono::steady_clock::time_point end_;
};

local::Failure unreachable(const std::string& path, int error) {
    switch (error) {
        case ENOENT:
        case ECONNREFUSED:
            return {"unavailable", path + ": the daemon is not running (" + os_error_text(error) + ")"};
        case ENAMETOOLONG:
            return {"unavailable", path + ": a socket's path has 1 to " + std::to_string(kLongestSocketPath) + " octets"};
        case EACCES:
            return {"permission", path + ": " + os_error_text(error)};
        default:
            return {"unavailable", path + ": " + os_error_text(error)};
    }
}

// A full backlog is a busy daemon, not an absent one.
std::expected<Descriptor, local::Failure> reach(const std::string& path, base::milliseconds timeout) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        auto socket = connect_local(path);
        if (socket) return std::move(*socket);
        if (socket.error() != EAGAIN || std::chrono::steady_clock::now() >= end) return Failed(unreachable(path, socket.error()));
        poll(nullptr, 0, 10);
    }
}

// A failed write is not the last word: a daemon that turns us away has said why before it closed.
void write_all(int socket, const Deadline& deadline, std::string_view line) {
    WriteQueue queue;
    queue.append(line);
    while (queue.flush(socket) == WriteQueue::Result::waits)
        if (!deadline.wait(socket, POLLOUT, false)) return;
}

enum class Verdict : unsigned char { go_on, done };

// One line of the daemon's. A failure that is not for our request ends it too: the daemon may turn us away before it reads.
std::expected<Verdict, local::Failure> take_line(std::string_view line, bool follow, bool& answered,
                                                 const std::function<bool(const local::Reply&)>& on_reply) {
    const auto reply = local::read_reply(line);
    if (!reply) return Failed({"protocol", "the daemon's line is not understood: " + reply.error()});
    if (reply->kind == local::Reply::Kind::greeting) return Verdict::go_on;
    if (reply->kind == local::Reply::Kind::answer && !reply->ok) return Failed(reply->failure);
    if (!on_reply(*reply)) return Verdict::done;
    if (reply->kind == local::Reply::Kind::answer && !reply->more) answered = true;
    return answered && !follow ? Verdict::done : Verdict::go_on;
}

}  // namespace

std::expected<void, local::Failure> ask_once(const std::string& path, std::string_view command, const local::Value& arguments,
                                             base::milliseconds timeout, bool follow,
                                             const std::function<bool(const local::Reply&)>& on_reply) {
    Deadline deadline(timeout);
    const auto socket = reach(path, timeout);
    if (!socket) return Failed(socket.error());
    const auto line = local_request_line(kRequestId, command, arguments);
    bool answered = false;
    write_all(socket->get(), deadline, line);
    LineBuffer lines;
    char chunk[16384];
    for (;;) {
        while (const auto next = lines.next()) {
            const auto verdict = take_line(*next, follow, answered, on_reply);
            if (!verdict) return Failed(verdict.error());
            if (*verdict == Verdict::done) return {};
        }
        if (!deadline.wait(socket->get(), POLLIN, follow && answered)) return Failed({"timeout", path + ": no answer in time"});
        const auto got = recv(socket->get(), chunk, sizeof chunk, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (got <= 0) return Failed({"unavailable", path + ": the daemon closed the connection"});
        lines.append({chunk, static_cast<std::size_t>(got)});
        deadline.renew();  // a long listing may take longer than one answer
    }
}

}  // namespace confab::io
