// Unix stream sockets and whole lines on them. Private to io. Errors are errno values.
#pragma once

#include <sys/un.h>

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "io/descriptor.hpp"
#include "local/value.hpp"

namespace confab::io {

inline constexpr std::size_t kLongestSocketPath = sizeof(sockaddr_un::sun_path) - 1;

bool local_address_of(const std::string& path, sockaddr_un& address);   // false: the path is too long or empty
std::expected<Descriptor, int> connect_local(const std::string& path);  // non-blocking

std::string local_request_line(std::int64_t id, std::string_view command, const local::Value& arguments);

// Lines out of a byte stream.
class LineBuffer {
public:
    void append(std::string_view bytes) { buffer_.append(bytes); }
    std::optional<std::string_view> next();  // without newline; valid until `append`
    std::size_t unfinished() const { return buffer_.size() - start_; }
    void clear();

private:
    std::string buffer_;
    std::size_t start_ = 0, searched_ = 0;
};

// Bytes that wait for room in a socket.
class WriteQueue {
public:
    enum class Result : unsigned char { drained, waits, broken };
    void append(std::string_view bytes) { bytes_.append(bytes); }
    Result flush(int socket);
    std::size_t size() const { return bytes_.size() - written_; }
    void clear();

private:
    std::string bytes_;
    std::size_t written_ = 0;
};

}  // namespace confab::io
