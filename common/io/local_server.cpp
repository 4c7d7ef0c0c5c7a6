#include "io/local_server.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <optional>
#include <unordered_map>

#include "base/check.hpp"
#include "io/acceptor.hpp"
#include "io/activation.hpp"
#include "io/error.hpp"
#include "io/local_socket.hpp"
#include "local/messages.hpp"

namespace confab::io {

namespace {

constexpr std::size_t kReadChunk = 16384;
constexpr int kReadsPerWake = 8;                     // then other clients have their turn
constexpr base::milliseconds kHalfClosedCheck{250};  // how soon a client that first stopped writing and then left is missed

[[noreturn]] void refuse(int error, const std::string& path) {
    throw StartupError(error == EACCES || error == EPERM || error == EROFS ? kPermission : kOsError, path + ": " + os_error_text(error));
}

// Someone there: refuse. A socket that nobody serves: remove it. Anything else: not ours to remove.
void clear_the_way(const std::string& path) {
    struct stat facts {};
    if (lstat(path.c_str(), &facts) != 0) {
        if (errno == ENOENT) return;
        refuse(errno, path);
    }
    if (!S_ISSOCK(facts.st_mode)) throw StartupError(kOsError, path + ": exists and is not a socket");
    const auto probe = connect_local(path);
    if (probe || probe.error() == EAGAIN) throw StartupError(kUnavailable, path + ": another program is already answering there");
    if (probe.error() != ECONNREFUSED && probe.error() != ENOENT) refuse(probe.error(), path);
    if (unlink(path.c_str()) != 0 && errno != ENOENT) refuse(errno, path);
}

Descriptor listen_at(const std::string& path) {
    sockaddr_un address;
    if (!local_address_of(path, address))
        throw StartupError(kConfig, path + ": a socket's path has 1 to " + std::to_string(kLongestSocketPath) + " octets, this one has " +
                                        std::to_string(path.size()));
    clear_the_way(path);
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) refuse(errno, path);
    const auto before = umask(0117);  // mode 0660 from the first moment
    const bool bound = bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    const int error = errno;
    umask(before);
    if (!bound) refuse(error, path);
    if (listen(socket.get(), SOMAXCONN) != 0) refuse(errno, path);
    return socket;
}

uid_t uid_of(int socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return static_cast<uid_t>(-1);
    return peer.uid;
}

bool hung_up(int socket) {
    pollfd question{socket, 0, 0};
    return poll(&question, 1, 0) > 0 && (question.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

struct LocalServer::Impl {
    struct Client {
        Client(Loop& loop, Descriptor owned, uid_t peer) : socket(std::move(owned)), uid(peer), watch(std::in_place, loop, socket.get()) {}
        Descriptor socket;
        uid_t uid;
        std::optional<Watch> watch;  // none: cut off, to be erased
        LineBuffer in;
        WriteQueue out;
        bool waits_for_room = false, half_closed = false;
        bool corked = false;  // its lines are being taken: the answers leave together
        std::function<void()> drained;
    };

    Impl(Loop& loop_used, const Options& chosen, Handlers given)
        : loop(loop_used), options(chosen), handlers(std::move(given)), half_closed_timer(loop, [this] { check_half_closed(); }) {
        auto inherited = take_inherited(options.path);
        auto socket = inherited ? std::move(*inherited) : listen_at(options.path);
        kept = inherited || leave_for_restart(socket.get(), "control");
        if (lstat(options.path.c_str(), &own) != 0) refuse(errno, options.path);
        acceptor.emplace(loop, std::move(socket), [this](Descriptor accepted, const sockaddr_storage&) { accept(std::move(accepted)); });
    }

    ~Impl() {
        struct stat there {};
        if (!kept && lstat(options.path.c_str(), &there) == 0 && there.st_ino == own.st_ino && there.st_dev == own.st_dev)
            unlink(options.path.c_str());
    }

    void accept(Descriptor socket) {
        const auto uid = uid_of(socket.get());
        auto& of_uid = per_uid[uid];
        if (of_uid >= options.clients_per_uid) return turn_away(socket.get());
        ++of_uid;
        const auto id = ++last_id;
        auto& client = clients.try_emplace(id, loop, std::move(socket), uid).first->second;
        client.watch->on_readable([this, id] { readable(id); });
        if (handlers.greeting) send(id, handlers.greeting());
    }

    void turn_away(int socket) {
        const auto line = local::failure_line({}, {"too-many-clients", "This user has as many connections as are allowed."}) + "\n";
        [[maybe_unused]] const auto sent = ::send(socket, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }

    // --- reading

    void readable(ClientId id) {
        char chunk[kReadChunk];
        for (int i = 0; i < kReadsPerWake; ++i) {
            auto& client = clients.at(id);
            const auto got = recv(client.socket.get(), chunk, sizeof chunk, MSG_DONTWAIT);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
            if (got < 0) return cut_off(id);
            if (got == 0) return no_more_requests(id);
            client.in.append({chunk, static_cast<std::size_t>(got)});
            take_lines(id);
            if (!client.watch) return;
        }
    }

    void take_lines(ClientId id) {
        auto& client = clients.at(id);
        client.corked = true;
        while (client.watch) {
            const auto line = client.in.next();
            if (!line) break;
            if (line->size() > options.line_limit) return too_long(id);
            handlers.line(id, *line);
        }
        if (client.in.unfinished() > options.line_limit) too_long(id);
        client.corked = false;
        if (!client.watch || client.out.size() == 0) return;
        flush(id, client);
        if (client.drained && client.out.size() == 0) tell_drained_later(id);
    }

    void too_long(ClientId id) {
        send(id, local::failure_line(
                     {}, {"line-too-long", "A request is one line of at most " + std::to_string(options.line_limit) + " octets."}));
        cut_off(id);
    }

    // `echo … | socat - UNIX:PATH` closes its writing side and still wants its answers.
    void no_more_requests(ClientId id) {
        auto& client = clients.at(id);
        if (hung_up(client.socket.get())) return cut_off(id);
        client.watch->on_readable(nullptr);
        client.half_closed = true;
        half_closed_timer.after(kHalfClosedCheck);
    }

    void check_half_closed() {
        bool any = false;
        for (auto& [id, client] : clients) {
            if (!client.half_closed || !client.watch) continue;
            any = true;
            if (hung_up(client.socket.get())) cut_off(id);
        }
        if (any) half_closed_timer.after(kHalfClosedCheck);
    }

    // --- writing

    bool send(ClientId id, std::string_view line) {
        const auto found = clients.find(id);
        if (found == clients.end() || !found->second.watch) return false;
        auto& client = found->second;
        client.out.append(line);
        client.out.append("\n");
        if (!client.corked) flush(id, client);
        if (client.watch && client.out.size() > options.write_queue) cut_off(id);
        return client.watch.has_value();
    }

    void flush(ClientId id, Client& client) {
        switch (client.out.flush(client.socket.get())) {
            case WriteQueue::Result::broken:
                return cut_off(id);
            case WriteQueue::Result::waits:
                if (std::exchange(client.waits_for_room, true)) return;
                return client.watch->on_writable([this, id] { writable(id); });
            case WriteQueue::Result::drained:
                if (std::exchange(client.waits_for_room, false)) client.watch->on_writable(nullptr);
        }
    }

    void writable(ClientId id) {
        auto& client = clients.at(id);
        flush(id, client);
        if (client.watch && client.out.size() == 0)
            if (const auto drained = std::exchange(client.drained, nullptr)) drained();
    }

    void on_drained(ClientId id, std::function<void()> callback) {
        const auto found = clients.find(id);
        if (found == clients.end() || !found->second.watch) return;
        found->second.drained = std::move(callback);
        if (found->second.out.size() == 0) tell_drained_later(id);
    }

    void tell_drained_later(ClientId id) {
        later([this, id] {
            const auto client = clients.find(id);
            if (client == clients.end() || client->second.out.size() > 0) return;
            if (const auto drained = std::exchange(client->second.drained, nullptr)) drained();
        });
    }

    // --- ending

    // Final at once; its owner hears of it from the loop, never from within `send`.
    void cut_off(ClientId id) {
        auto& client = clients.at(id);
        if (!client.watch) return;
        if (client.corked) client.out.flush(client.socket.get());  // what was said before it is heard
        client.watch.reset();
        client.socket.reset();
        later([this, id] {
            const auto found = clients.find(id);
            if (found == clients.end()) return;
            auto& of_uid = per_uid[found->second.uid];
            if (--of_uid == 0) per_uid.erase(found->second.uid);
            clients.erase(found);
            if (handlers.closed) handlers.closed(id);
        });
    }

    template <class Work>
    void later(Work work) {
        loop.post([alive = std::weak_ptr(alive_token), work = std::move(work)] {
            if (!alive.expired()) work();
        });
    }

    Loop& loop;
    Options options;
    Handlers handlers;
    struct stat own {};
    bool kept = false;  // the service manager has it too: its path stays when we go
    std::map<uid_t, std::size_t> per_uid;
    std::unordered_map<ClientId, Client> clients;
    ClientId last_id = 0;
    Timer half_closed_timer;
    std::optional<Acceptor> acceptor;
    std::shared_ptr<const bool> alive_token = std::make_shared<const bool>(true);
};

LocalServer::LocalServer(Loop& loop, const Options& options, Handlers handlers)
    : impl_(std::make_unique<Impl>(loop, options, std::move(handlers))) {}
LocalServer::~LocalServer() = default;

bool LocalServer::send(ClientId client, std::string_view line) { return impl_->send(client, line); }
std::size_t LocalServer::queued(ClientId client) const {
    const auto found = impl_->clients.find(client);
    return found == impl_->clients.end() ? 0 : found->second.out.size();
}
void LocalServer::on_drained(ClientId client, std::function<void()> callback) { impl_->on_drained(client, std::move(callback)); }
void LocalServer::close(ClientId client) {
    if (impl_->clients.contains(client)) impl_->cut_off(client);
}
std::size_t LocalServer::clients() const { return impl_->clients.size(); }

}  // namespace confab::io
