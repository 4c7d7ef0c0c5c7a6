// Any bytes as a line on a control socket, seen by both ends. What is read is written and read the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "local/messages.hpp"

using namespace confab;

namespace {

// Boost 1.81 reads fractions to the last bit but a few, so they may move; nothing on our sockets is a fraction.
bool has_fraction(const local::Value& value) {
    if (value.as_double()) return true;
    if (const auto* values = value.as_array())
        for (const auto& item : *values)
            if (has_fraction(item)) return true;
    if (const auto* members = value.as_object())
        for (const auto& [name, member] : *members)
            if (has_fraction(member)) return true;
    return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view line(reinterpret_cast<const char*>(data), size);
    if (const auto value = local::parse_json(line)) {
        const auto text = local::to_json(*value);
        CHECK(text.find('\n') == text.npos, "a line with a newline");
        const auto again = local::parse_json(text);
        CHECK(has_fraction(*value) || (again && *again == *value), "changed by a round trip: " + text);
    }
    const auto request = local::read_request(local::locate_vocabulary(), line);
    const auto answer =
        request ? local::ok_line(request->id, request->arguments) : local::failure_line(request.error().id, request.error().failure);
    CHECK(local::parse_json(answer), "an answer that is not JSON: " + answer);
    (void)local::read_reply(line);
    // Text of a peer that is no JSON at all must still leave as JSON.
    CHECK(local::parse_json(local::to_json(local::Value(line))), "text that is not JSON");
    return 0;
}
