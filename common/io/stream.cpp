#include "io/stream.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <optional>

#include "base/check.hpp"
#include "io/error.hpp"
#include "io/socket.hpp"

namespace confab::io {

namespace {

constexpr std::size_t kReadChunk = 16384;
constexpr int kReadsPerWake = 8;           // then other connections have their turn
constexpr std::size_t kKeptQueue = 512;    // a larger write queue is given back once it is empty: there are thousands of idle connections

}  // namespace

struct Stream::Impl : std::enable_shared_from_this<Stream::Impl> {
    enum class State : unsigned char { connecting, handshaking, open, leaving, closed };

    Impl(Loop& loop_used, const base::SocketAddress& peer_address, const Options& chosen, Handlers given)
        : loop(loop_used), peer(peer_address), options(chosen), handlers(std::move(given)) {}

    // --- beginning

    void adopt(Descriptor owned) {
        socket = std::move(owned);
        tune_connection(socket.get(), static_cast<unsigned>(options.unacknowledged.count()));
        local = local_address(socket.get());
        watch.emplace(loop, socket.get());
        limit_time(options.open_timeout);
    }

    void limit_time(base::Duration span) {
        timer.emplace(loop, [this] { timed_out(); });
        timer->after(span);
    }

    void timed_out() {
        const auto self = shared_from_this();
        switch (state) {
            case State::connecting:
                return finish("connecting took too long");
            case State::handshaking:
                return finish("TLS: the handshake took too long");
            default:
                return finish("closed");
        }
    }

    void await_connection() {
        watch->on_writable([this] {
            const auto self = shared_from_this();
            if (const int error = pending_error(socket.get()); error != 0) return finish(os_error_text(error));
            watch->on_writable(nullptr);
            local = local_address(socket.get());
            begin();
        });
    }

    // The transport is connected.
    void begin() {
        state = tls ? State::handshaking : state;
        watch->on_readable([this] { readable(); });
        if (!tls) return become_open();
        after_tls(tls->start());
    }

    void become_open() {
        state = State::open;
        timer.reset();
        if (handlers.opened) handlers.opened();
        if (state == State::open && !early.empty()) {
            const auto waiting = std::exchange(early, {});
            queue_clear(waiting);
            flush();
        }
        if (state == State::open && close_wanted) leave();
    }

    // --- reading

    void readable() {
        const auto self = shared_from_this();
        thread_local char scratch[kReadChunk];
        if (state == State::handshaking && !loop.take_heavy_turn()) return;
        for (int i = 0; i < kReadsPerWake && state != State::closed; ++i) {
            const auto got = recv(socket.get(), scratch, sizeof scratch, 0);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
            if (got < 0) return finish(os_error_text(errno));
            if (got == 0) return finish(state == State::handshaking ? "TLS: closed by the peer during the handshake" : "closed by the peer");
            if (state != State::leaving) take({scratch, static_cast<std::size_t>(got)});
            if (static_cast<std::size_t>(got) < sizeof scratch) return;
        }
    }

    void take(std::string_view wire) {
        if (!tls) return handlers.received(wire);
        thread_local std::string shared_clear;
        std::string clear = std::move(shared_clear);  // moved, because a handler may make another stream of this thread read
        clear.clear();
        const auto result = tls->receive(wire, clear);
        after_tls(result);
        if (!clear.empty() && state == State::open) handlers.received(clear);
        shared_clear = std::move(clear);
        if (result == TlsSession::State::closed && state != State::closed) finish("closed by the peer");
    }

    void after_tls(TlsSession::State result) {
        tls->take_output(out);
        flush();
        if (state == State::closed) return;
        if (result == TlsSession::State::failed) {
            finish(tls->error());
        } else if (result == TlsSession::State::open && state == State::handshaking) {
            become_open();
        }
    }

    // --- writing

    bool send(std::string_view bytes) {
        if (state == State::closed || state == State::leaving || close_wanted) return false;
        if (state != State::open) {
            early.append(bytes);
            if (early.size() <= options.queue) return true;
        } else {
            queue_clear(bytes);
            flush();
            if (state == State::closed) return false;
            if (queued() <= options.queue) return true;
        }
        finish_later("it does not read: more than " + std::to_string(options.queue) + " octets are queued");
        return false;
    }

    void queue_clear(std::string_view bytes) {
        if (!tls) {
            write_or_keep(bytes);
            return;
        }
        if (tls->send(bytes) == TlsSession::State::failed) finish_later(tls->error());
        tls->take_output(out);
    }

    // Without TLS and with nothing waiting, the bytes go to the kernel without a copy.
    void write_or_keep(std::string_view bytes) {
        while (queued() == 0 && !bytes.empty()) {
            const auto sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0 && errno == EINTR) continue;
            if (sent < 0) break;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        out.append(bytes);
    }

    void flush() {
        if (state == State::closed) return;
        while (queued() > 0) {
            const auto sent = ::send(socket.get(), out.data() + written, queued(), MSG_NOSIGNAL);
            if (sent < 0 && errno == EINTR) continue;
            if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return await_room();
            if (sent < 0) return finish_later(os_error_text(errno));
            written += static_cast<std::size_t>(sent);
        }
        out.clear();
        written = 0;
        if (out.capacity() > kKeptQueue) out.shrink_to_fit();
        if (waits_for_room) watch->on_writable(nullptr);
        waits_for_room = false;
        if (state == State::leaving) shutdown(socket.get(), SHUT_WR);
    }

    void await_room() {
        if (written > out.size() / 2) {
            out.erase(0, written);
            written = 0;
        }
        if (std::exchange(waits_for_room, true)) return;
        watch->on_writable([this] {
            const auto self = shared_from_this();
            flush();
        });
    }

    std::size_t queued() const { return out.size() - written; }

    // --- ending

    void close() {
        if (state == State::open) leave();
        close_wanted = true;
    }

    // Half-closes and waits for the peer to do the same: closing at once could reset the connection and destroy what is on its way.
    void leave() {
        state = State::leaving;
        limit_time(options.farewell);
        if (tls) {
            tls->close();
            tls->take_output(out);
        }
        flush();
    }

    void release() {
        state = State::closed;
        watch.reset();
        timer.reset();
        socket.reset();
    }

    void finish(const std::string& reason) {
        if (state == State::closed) return;
        release();
        const auto closed = std::exchange(handlers.closed, nullptr);
        if (closed) closed(reason);
    }

    void finish_later(const std::string& reason) {
        if (state == State::closed) return;
        release();
        loop.post([self = shared_from_this(), reason] {
            const auto closed = std::exchange(self->handlers.closed, nullptr);
            if (closed) closed(reason);
        });
    }

    // The owner is gone: nothing is called any more. The other handlers stay until the last caller has returned.
    void abandon() {
        release();
        handlers.closed = nullptr;
    }

    Loop& loop;
    base::SocketAddress peer, local;
    Options options;
    Handlers handlers;
    Descriptor socket;
    std::optional<Watch> watch;
    std::optional<Timer> timer;
    std::optional<TlsSession> tls;
    std::string early;  // clear bytes that wait for `opened`
    std::string out;    // wire bytes; the first `written` are gone
    std::size_t written = 0;
    State state = State::connecting;
    bool waits_for_room = false, close_wanted = false;
};

Stream::Stream(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Stream::~Stream() { impl_->abandon(); }

std::unique_ptr<Stream> Stream::accepted(Loop& loop, Descriptor socket, const base::SocketAddress& peer, const TlsContext* tls,
                                         const Options& options, Handlers handlers) {
    auto impl = std::make_shared<Impl>(loop, peer, options, std::move(handlers));
    if (tls != nullptr) impl->tls.emplace(*tls, true, "");
    impl->adopt(std::move(socket));
    loop.post([impl] {
        if (impl->state == Impl::State::connecting) impl->begin();
    });
    return std::unique_ptr<Stream>(new Stream(std::move(impl)));
}

std::unique_ptr<Stream> Stream::connect(Loop& loop, const base::SocketAddress& peer, const base::IpAddress& local, const TlsContext* tls,
                                        const std::string& name, const Options& options, Handlers handlers) {
    auto impl = std::make_shared<Impl>(loop, peer, options, std::move(handlers));
    if (tls != nullptr) impl->tls.emplace(*tls, false, name);
    auto socket = open_connection(peer, local);
    if (socket) {
        impl->adopt(std::move(*socket));
        impl->await_connection();
    } else {
        impl->finish_later(os_error_text(socket.error()));
    }
    return std::unique_ptr<Stream>(new Stream(std::move(impl)));
}

bool Stream::send(std::string_view bytes) { return impl_->send(bytes); }
void Stream::close() { impl_->close(); }
const base::SocketAddress& Stream::peer() const { return impl_->peer; }
const base::SocketAddress& Stream::local() const { return impl_->local; }
std::size_t Stream::queued() const { return impl_->queued() + impl_->early.size(); }
bool Stream::has_verified_peer() const { return impl_->tls && impl_->tls->has_verified_peer(); }
std::string Stream::description() const { return impl_->tls ? impl_->tls->description() : std::string(); }

}  // namespace confab::io
