// Any chunking of the same bytes gives the same frames. The first octet of the input picks the chunks, the rest is the stream.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "sip/stream_framer.hpp"

namespace {

using confab::sip::StreamFramer;

struct Owned {
    StreamFramer::Kind kind;
    std::string bytes;
    bool operator==(const Owned&) const = default;
};

constexpr std::size_t kLimit = 600;

// A ping in two pieces shows as a pong and a ping, so pongs are left out.
void collect(StreamFramer& framer, std::vector<Owned>& out) {
    for (auto frame = framer.next(); frame.kind != StreamFramer::Kind::none; frame = framer.next()) {
        CHECK(frame.bytes.size() <= kLimit, "a frame of " + std::to_string(frame.bytes.size()));
        if (frame.kind != StreamFramer::Kind::pong) out.push_back({frame.kind, std::string(frame.bytes)});
    }
}

std::vector<Owned> frames(std::string_view stream, unsigned chunks) {
    StreamFramer framer(kLimit);
    std::vector<Owned> out;
    while (!stream.empty()) {
        const auto count = chunks == 0 ? stream.size() : 1 + chunks % 23;
        chunks = chunks * 5 + (chunks != 0);
        framer.append(stream.substr(0, count));
        stream.remove_prefix(std::min(count, stream.size()));
        collect(framer, out);
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view stream(reinterpret_cast<const char*>(octets) + 1, size - 1);
    const auto whole = frames(stream, 0);
    CHECK(frames(stream, 1u + octets[0]) == whole, "frames depend on the chunks");
    return 0;
}
