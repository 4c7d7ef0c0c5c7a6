#include "io/activation.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "io/notify.hpp"
#include "io/socket.hpp"

namespace confab::io {

namespace {

constexpr int kFirst = 3;  // SD_LISTEN_FDS_START

struct Inherited {
    Descriptor socket;
    std::string name;
};

std::string taken_variable(const char* name) {
    const char* value = std::getenv(name);
    std::string text = value != nullptr ? value : "";
    unsetenv(name);  // not meant for our children
    return text;
}

std::vector<Inherited> read_environment() {
    const auto pid = base::parse_number<pid_t>(taken_variable("LISTEN_PID"));
    const auto count = base::parse_number<unsigned>(taken_variable("LISTEN_FDS"));
    const auto text = taken_variable("LISTEN_FDNAMES");
    std::vector<Inherited> sockets;
    if (!pid || *pid != getpid() || !count || *count > 4096) return sockets;
    const auto names = base::split(text, ':');
    for (unsigned i = 0; i < *count; ++i) {
        Descriptor socket(kFirst + static_cast<int>(i));
        const int flags = fcntl(socket.get(), F_GETFL);
        if (flags < 0 || fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(socket.get(), F_SETFD, FD_CLOEXEC) < 0) continue;
        sockets.push_back({std::move(socket), i < names.size() ? std::string(names[i]) : std::string()});
    }
    return sockets;
}

std::vector<Inherited>& inherited() {
    static std::vector<Inherited> sockets = read_environment();
    return sockets;
}

int option_of(int socket, int option) {
    int value = -1;
    socklen_t size = sizeof value;
    return getsockopt(socket, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

bool is_of_kind(int socket, SocketKind kind) {
    if (kind == SocketKind::datagram) return option_of(socket, SO_TYPE) == SOCK_DGRAM;
    return option_of(socket, SO_TYPE) == SOCK_STREAM && option_of(socket, SO_ACCEPTCONN) == 1;
}

std::string path_of(int socket) {
    sockaddr_un address{};
    socklen_t size = sizeof address;
    if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0 || address.sun_family != AF_UNIX) return {};
    const auto length = size - std::min<std::size_t>(size, offsetof(sockaddr_un, sun_path));
    return {address.sun_path, strnlen(address.sun_path, length)};
}

template <class Fits>
std::optional<Descriptor> take(Fits fits) {
    auto& sockets = inherited();
    const auto found = std::ranges::find_if(sockets, [&](const Inherited& each) { return fits(each.socket.get()); });
    if (found == sockets.end()) return std::nullopt;
    auto socket = std::move(found->socket);
    sockets.erase(found);
    return socket;
}

}  // namespace

std::optional<Descriptor> take_inherited(SocketKind kind, const base::SocketAddress& local) {
    return take([&](int socket) {
        const auto bound = local_address(socket);
        return is_of_kind(socket, kind) && bound.ip == local.ip && (local.port == 0 || bound.port == local.port);
    });
}

std::optional<Descriptor> take_inherited(const std::string& path) {
    return take([&](int socket) { return is_of_kind(socket, SocketKind::listener) && path_of(socket) == path; });
}

bool leave_for_restart(int socket, std::string_view name) {
    std::string plain(name);
    std::ranges::replace(plain, ':', '-');  // a colon separates LISTEN_FDNAMES
    return notify_service_manager("FDSTORE=1\nFDPOLL=0\nFDNAME=" + plain, socket);
}

std::size_t drop_inherited() {
    auto& sockets = inherited();
    const auto count = sockets.size();
    for (const auto& each : sockets)
        if (!each.name.empty()) notify_service_manager("FDSTOREREMOVE=1\nFDNAME=" + each.name);
    sockets.clear();
    return count;
}

}  // namespace confab::io
