#include "io/local_socket.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace confab::io {

namespace {

constexpr std::size_t kKept = 65536;  // a larger buffer is given back once it is empty

void give_back(std::string& text) {
    text.clear();
    if (text.capacity() > kKept) text.shrink_to_fit();
}

}  // namespace

bool local_address_of(const std::string& path, sockaddr_un& address) {
    if (path.empty() || path.size() > kLongestSocketPath) return false;
    address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    return true;
}

std::expected<Descriptor, int> connect_local(const std::string& path) {
    sockaddr_un address;
    if (!local_address_of(path, address)) return std::unexpected(ENAMETOOLONG);
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) return std::unexpected(errno);
    if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return std::unexpected(errno);
    return socket;
}

std::string local_request_line(std::int64_t id, std::string_view command, const local::Value& arguments) {
    auto request = local::Value::object({{"id", id}, {"cmd", command}});
    if (const auto* members = arguments.as_object())
        for (const auto& [name, value] : *members) request.append(name, value);
    return local::to_json(request) + "\n";
}

std::optional<std::string_view> LineBuffer::next() {
    const auto end = buffer_.find('\n', searched_);
    if (end != std::string::npos) {
        const auto line = std::string_view(buffer_).substr(start_, end - start_);
        start_ = searched_ = end + 1;
        return line;
    }
    if (start_ == buffer_.size())
        give_back(buffer_);
    else
        buffer_.erase(0, start_);
    start_ = 0;
    searched_ = buffer_.size();
    return std::nullopt;
}

void LineBuffer::clear() {
    give_back(buffer_);
    start_ = searched_ = 0;
}

WriteQueue::Result WriteQueue::flush(int socket) {
    while (size() > 0) {
        const auto sent = send(socket, bytes_.data() + written_, size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            written_ += static_cast<std::size_t>(sent);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (written_ > bytes_.size() / 2) {
                bytes_.erase(0, written_);
                written_ = 0;
            }
            return Result::waits;
        } else if (errno != EINTR) {
            return Result::broken;
        }
    }
    clear();
    return Result::drained;
}

void WriteQueue::clear() {
    give_back(bytes_);
    written_ = 0;
}

}  // namespace confab::io
