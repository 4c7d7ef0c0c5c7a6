// Finds message boundaries in a byte stream by Content-Length (RFC 3261 §18.3) and answers RFC 5626 §3.5.1 keepalives.
// Pure: bytes in, complete messages out as slices of the framer's own buffer, valid until the next call.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace confab::sip {

class StreamFramer {
public:
    enum class Kind : unsigned char {
        none,       // more bytes are needed
        message,    // `bytes` is one whole message
        ping,       // a double CRLF: answer with one CRLF
        pong,       // a single CRLF; also the first half of a ping that arrives in two pieces (the second is then the ping)
        too_large,  // head or body beyond the limit: framing is lost, answer nothing and close
        malformed,  // no usable Content-Length: `bytes` is its head, answer 400 where possible and close
    };
    struct Frame {
        Kind kind = Kind::none;
        std::string_view bytes;
    };

    explicit StreamFramer(std::size_t limit) : limit_(limit) {}

    void append(std::string_view bytes);
    Frame next();
    std::size_t buffered() const { return buffer_.size() - start_; }

private:
    void release();
    Frame take_keepalive(std::string_view rest);
    Frame take_message(std::string_view rest);
    Frame lose(Kind kind, std::string_view bytes);

    std::size_t limit_;
    std::string buffer_;
    std::size_t start_ = 0;
    std::size_t scanned_ = 0;  // of the message at start_: no head ends before here
    bool half_ping_ = false;
    bool lost_ = false;  // after too_large or malformed nothing more is read
};

}  // namespace confab::sip
