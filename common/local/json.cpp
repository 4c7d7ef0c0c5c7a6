// The door to Boost.JSON: text from a client becomes a Value of ours, or a sentence.
#include <boost/json.hpp>
#include <cmath>

#include "local/value.hpp"

namespace confab::local {
namespace {

namespace json = boost::json;

constexpr std::size_t kTextLimit = 1 << 20;
constexpr std::size_t kDepthLimit = 32;

// False: a number that we have no type for.
bool convert(const json::value& from, Value& to);

bool convert_list(const json::array& from, Value& to) {
    Value::Array values(from.size());
    for (std::size_t i = 0; i < from.size(); ++i)
        if (!convert(from[i], values[i])) return false;
    to = Value(std::move(values));
    return true;
}

bool convert_members(const json::object& from, Value& to) {
    to = Value::object();
    for (const auto& member : from) {
        Value value;
        if (!convert(member.value(), value)) return false;
        to.append(std::string(member.key()), std::move(value));
    }
    return true;
}

bool convert(const json::value& from, Value& to) {
    switch (from.kind()) {
        case json::kind::null:
            to = Value();
            return true;
        case json::kind::bool_:
            to = Value(from.get_bool());
            return true;
        case json::kind::int64:
            to = Value(std::int64_t{from.get_int64()});
            return true;
        case json::kind::uint64:
            return false;  // Boost uses it only above the signed range
        case json::kind::double_:
            to = Value(from.get_double());
            return std::isfinite(from.get_double());
        case json::kind::string:
            to = Value(std::string(from.get_string()));
            return true;
        case json::kind::array:
            return convert_list(from.get_array(), to);
        case json::kind::object:
            return convert_members(from.get_object(), to);
    }
    return false;
}

}  // namespace

std::expected<Value, std::string> parse_json(std::string_view text) {
    if (text.size() > kTextLimit) return std::unexpected("more than 1 MiB of JSON");
    unsigned char buffer[4096];
    json::monotonic_resource memory(buffer, sizeof(buffer));
    json::parse_options options;
    options.max_depth = kDepthLimit;
    json::error_code error;
    const auto parsed = json::parse(text, error, &memory, options);
    if (error) return std::unexpected("not JSON: " + error.message());
    Value value;
    if (!convert(parsed, value)) return std::unexpected("a number out of range");
    return value;
}

}  // namespace confab::local
