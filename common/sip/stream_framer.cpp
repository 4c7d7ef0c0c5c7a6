#include "sip/stream_framer.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/text.hpp"

namespace confab::sip {
namespace {

// An idle connection keeps no more than this: there are thousands of them.
constexpr std::size_t kKeptCapacity = 2048;

// Behind the empty line that ends the head at the front of `text`, or npos. The search resumes at `from`.
std::size_t head_end(std::string_view text, std::size_t from) {
    for (auto newline = text.find('\n', from); newline != text.npos; newline = text.find('\n', newline + 1)) {
        const auto next = text.substr(newline + 1, 2);
        if (next.starts_with('\n')) return newline + 2;
        if (next == "\r\n") return newline + 3;
    }
    return text.npos;
}

// Empty when Content-Length is absent, malformed or contradicts itself.
std::optional<std::uint32_t> content_length_of(std::string_view head) {
    std::optional<std::uint32_t> found;
    while (!head.empty()) {
        auto end = head.find('\n');
        while (end != head.npos && end + 1 < head.size() && (head[end + 1] == ' ' || head[end + 1] == '\t')) end = head.find('\n', end + 1);
        const auto line = head.substr(0, end);
        head.remove_prefix(end == head.npos ? head.size() : end + 1);
        if (line.empty() || (base::lower(line.front()) != 'c' && base::lower(line.front()) != 'l')) continue;
        const auto colon = line.find(':');
        const auto name = base::trim(line.substr(0, colon));
        if (colon == line.npos || !(base::iequals(name, "Content-Length") || base::iequals(name, "l"))) continue;
        const auto length = base::parse_number<std::uint32_t>(base::trim(line.substr(colon + 1)));
        if (!length || (found && *found != *length)) return std::nullopt;
        found = length;
    }
    return found;
}

}  // namespace

void StreamFramer::append(std::string_view bytes) {
    if (lost_) return;
    release();
    buffer_.append(bytes);
}

// What the last call answered with is no longer needed.
void StreamFramer::release() {
    if (start_ == buffer_.size() && buffer_.capacity() > kKeptCapacity)
        buffer_ = {};
    else
        buffer_.erase(0, start_);
    start_ = 0;
}

StreamFramer::Frame StreamFramer::next() {
    if (lost_) return {};
    if (start_ == buffer_.size()) release();
    for (;;) {
        const auto rest = std::string_view(buffer_).substr(start_);
        if (rest.empty() || rest == "\r") return {};
        if (rest.starts_with("\r\n")) return take_keepalive(rest);
        if (rest.front() != '\n') return take_message(rest);
        ++start_;
    }
}

// A ping may arrive in two halves. The first is answered as a pong at once, for a real pong must not wait for later bytes.
StreamFramer::Frame StreamFramer::take_keepalive(std::string_view rest) {
    const bool whole = rest.starts_with("\r\n\r\n") && !half_ping_;
    const bool ping = whole || half_ping_;
    start_ += whole ? 4 : 2;
    half_ping_ = !ping;
    return {ping ? Kind::ping : Kind::pong, {}};
}

StreamFramer::Frame StreamFramer::take_message(std::string_view rest) {
    half_ping_ = false;
    const auto head = head_end(rest, scanned_);
    if (head == rest.npos) {
        // The empty line may straddle this read and the next.
        scanned_ = rest.size() - std::min<std::size_t>(rest.size(), 3);
        return rest.size() > limit_ ? lose(Kind::too_large, {}) : Frame{};
    }
    if (head > limit_) return lose(Kind::too_large, {});
    const auto length = content_length_of(rest.substr(0, head));
    if (!length) return lose(Kind::malformed, rest.substr(0, head));
    if (*length > limit_ - head) return lose(Kind::too_large, {});
    if (rest.size() < head + *length) {
        scanned_ = head - std::min<std::size_t>(head, 4);
        return {};
    }
    start_ += head + *length;
    scanned_ = 0;
    return {Kind::message, rest.substr(0, head + *length)};
}

StreamFramer::Frame StreamFramer::lose(Kind kind, std::string_view bytes) {
    lost_ = true;
    return {kind, bytes};
}

}  // namespace confab::sip
