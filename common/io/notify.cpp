#include "io/notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/text.hpp"
#include "io/descriptor.hpp"

namespace confab::io {
namespace {

std::string_view variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? std::string_view(value) : std::string_view();
}

}  // namespace

bool notify_service_manager(std::string_view state, int descriptor) {
    const auto path = variable("NOTIFY_SOCKET");
    sockaddr_un address{};
    if (path.empty() || path.size() >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@')) return false;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (path[0] == '@') address.sun_path[0] = '\0';  // abstract namespace
    const Descriptor socket_end(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    iovec piece{const_cast<char*>(state.data()), state.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = {};
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (descriptor >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        auto* rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof descriptor);
        std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
    }
    return socket_end && sendmsg(socket_end.get(), &message, MSG_NOSIGNAL) >= 0;
}

std::optional<base::milliseconds> watchdog_period() {
    const auto period = base::parse_number<std::uint64_t>(variable("WATCHDOG_USEC"));
    const auto process = variable("WATCHDOG_PID");
    if (!period || *period < 2'000) return std::nullopt;
    if (!process.empty() && base::parse_number<pid_t>(process) != getpid()) return std::nullopt;
    return base::milliseconds(static_cast<std::int64_t>(*period / 1'000));
}

}  // namespace confab::io
