#include "io/local_client.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <map>
#include <optional>

#include "base/deadlines.hpp"
#include "io/error.hpp"
#include "io/local_socket.hpp"

namespace confab::io {

namespace {

constexpr std::size_t kReadChunk = 16384;
constexpr int kReadsPerWake = 8;
constexpr std::size_t kLongestReply = 2 << 20;  // twice what a daemon may send
constexpr std::size_t kWriteQueue = 8 << 20;

}  // namespace

struct LocalClient::Impl : std::enable_shared_from_this<LocalClient::Impl> {
    struct Question {
        OnAnswer on_answer;
        std::string line;
    };

    Impl(Loop& loop_used, const Options& chosen, Handlers given)
        : loop(loop_used), options(chosen), handlers(std::move(given)), away_since(loop_used.now().steady) {}

    // --- the connection

    void connect() {
        auto made = connect_local(options.path);
        if (!made) {
            reconnect->after(options.reconnect);
            return;
        }
        socket = std::move(*made);
        watch.emplace(loop, socket.get());
        watch->on_readable([this] { readable(); });
        for (const auto& [id, question] : pending) out.append(question.line);
        if (!pending.empty()) flush();
    }

    void readable() {
        const auto self = shared_from_this();
        char chunk[kReadChunk];
        for (int i = 0; i < kReadsPerWake && watch; ++i) {
            const auto got = recv(socket.get(), chunk, sizeof chunk, MSG_DONTWAIT);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
            if (got <= 0) return lost();
            in.append({chunk, static_cast<std::size_t>(got)});
            take_lines();
        }
    }

    void take_lines() {
        while (watch) {
            const auto line = in.next();
            if (!line) break;
            auto reply = local::read_reply(*line);
            if (!reply) return lost();
            take(std::move(*reply));
        }
        if (in.unfinished() > kLongestReply) lost();
    }

    void take(local::Reply reply) {
        switch (reply.kind) {
            case local::Reply::Kind::greeting:
                greeted = true;
                away_since.reset();
                if (handlers.connection) handlers.connection(true);
                return;
            case local::Reply::Kind::event:
                if (handlers.event) handlers.event(reply.fields.text("event"), reply.fields);
                return;
            case local::Reply::Kind::answer:
                return answered(std::move(reply));
        }
    }

    void answered(local::Reply reply) {
        const auto* id = reply.id.as_integer();
        const auto found = id != nullptr ? pending.find(*id) : pending.end();
        if (found == pending.end() || reply.more) return;  // too late, or a row of a listing
        const auto on_answer = std::move(found->second.on_answer);
        deadlines.cancel(found->first);
        pending.erase(found);
        if (reply.ok)
            on_answer(std::move(reply.fields));
        else
            on_answer(std::unexpected(std::move(reply.failure)));
    }

    void lost() {
        const auto self = shared_from_this();
        drop_connection();
        if (!away_since) away_since = loop.now().steady;
        if (std::exchange(greeted, false) && handlers.connection) handlers.connection(false);
        if (alive) reconnect->after(options.reconnect);
    }

    void drop_connection() {
        watch.reset();
        socket.reset();
        in.clear();
        out.clear();
        waits_for_room = false;
    }

    // --- asking

    void ask(std::string_view command, const local::Value& arguments, OnAnswer on_answer) {
        const auto now = loop.now().steady;
        if (away_since && now - *away_since >= options.timeout) return refuse(std::move(on_answer), unavailable());
        if (pending.size() >= options.pending || out.size() > kWriteQueue)
            return refuse(std::move(on_answer), {"too-many", options.path + ": too many questions wait for an answer"});
        const auto id = ++last_id;
        const auto& question = pending.emplace(id, Question{std::move(on_answer), local_request_line(id, command, arguments)}).first->second;
        deadlines.set(id, now + options.timeout);
        arm();
        if (!watch) return;
        out.append(question.line);
        if (!std::exchange(flush_posted, true)) post_flush();  // what one turn of the loop asks leaves together
    }

    void post_flush() {
        loop.post([weak = weak_from_this()] {
            const auto self = weak.lock();
            if (!self) return;
            self->flush_posted = false;
            if (self->watch) self->flush();
        });
    }

    void refuse(OnAnswer on_answer, local::Failure failure) {
        loop.post([weak = weak_from_this(), on_answer = std::move(on_answer), failure = std::move(failure)] {
            const auto self = weak.lock();
            if (self && self->alive) on_answer(std::unexpected(failure));
        });
    }

    local::Failure unavailable() const { return {"unavailable", options.path + ": nobody answers there"}; }

    // A broken connection is noticed by its reader, which is always armed.
    void flush() {
        if (out.flush(socket.get()) != WriteQueue::Result::waits) {
            if (std::exchange(waits_for_room, false)) watch->on_writable(nullptr);
        } else if (!std::exchange(waits_for_room, true)) {
            watch->on_writable([this] { flush(); });
        }
    }

    // --- time

    void arm() {
        const auto next = deadlines.next();
        if (!next || (armed_for && *armed_for <= *next)) return;  // one that comes too early arms again
        armed_for = next;
        timeouts->at(*next);
    }

    void expire() {
        const auto self = shared_from_this();
        armed_for.reset();
        while (const auto id = deadlines.pop_due(loop.now().steady)) {
            const auto found = pending.find(*id);
            if (found == pending.end()) continue;
            const auto on_answer = std::move(found->second.on_answer);
            pending.erase(found);
            on_answer(std::unexpected(greeted ? local::Failure{"timeout", options.path + ": no answer in time"} : unavailable()));
            if (!alive) return;
        }
        arm();
    }

    Loop& loop;
    Options options;
    Handlers handlers;
    Descriptor socket;
    std::optional<Watch> watch;
    LineBuffer in;
    WriteQueue out;
    bool waits_for_room = false, flush_posted = false, greeted = false, alive = true;
    std::optional<base::Instant> away_since;  // without a greeting from then on
    std::map<std::int64_t, Question> pending;  // in the order in which they were asked
    std::int64_t last_id = 0;
    base::Deadlines<std::int64_t> deadlines;
    std::optional<base::Instant> armed_for;
    std::optional<Timer> reconnect, timeouts;
};

LocalClient::LocalClient(Loop& loop, const Options& options, Handlers handlers)
    : impl_(std::make_shared<Impl>(loop, options, std::move(handlers))) {
    impl_->reconnect.emplace(loop, [impl = impl_.get()] { impl->connect(); });
    impl_->timeouts.emplace(loop, [impl = impl_.get()] { impl->expire(); });
    impl_->connect();
}

LocalClient::~LocalClient() {
    impl_->alive = false;
    impl_->drop_connection();
    impl_->reconnect.reset();
    impl_->timeouts.reset();
}

void LocalClient::ask(std::string_view command, local::Value arguments, OnAnswer on_answer) {
    impl_->ask(command, arguments, std::move(on_answer));
}
bool LocalClient::connected() const { return impl_->greeted; }

}  // namespace confab::io
