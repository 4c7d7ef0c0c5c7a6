#include <algorithm>

#include "app/program.hpp"
#include "base/text.hpp"
#include "config/values.hpp"

namespace confab::app {
namespace {

[[noreturn]] void bad_value(std::string_view name, const std::string& expected, std::string_view got) {
    const bool is_argument = !name.empty() && name.front() >= 'A' && name.front() <= 'Z';
    throw io::StartupError(io::kUsage,
                           (is_argument ? "" : "--") + std::string(name) + ": expected " + expected + ", got " + std::string(got));
}

}  // namespace

std::string_view Invocation::text(std::string_view option_or_argument) const {
    const auto found = std::ranges::find(values, option_or_argument, &std::pair<std::string, std::string>::first);
    return found == values.end() ? std::string_view() : std::string_view(found->second);
}

bool Invocation::has(std::string_view option_or_argument) const {
    return std::ranges::find(values, option_or_argument, &std::pair<std::string, std::string>::first) != values.end();
}

std::vector<std::string> Invocation::all(std::string_view option_or_argument) const {
    std::vector<std::string> out;
    for (const auto& [name, value] : values)
        if (name == option_or_argument) out.push_back(value);
    return out;
}

std::int64_t Invocation::integer(std::string_view name, std::int64_t low, std::int64_t high, std::int64_t fallback) const {
    if (!has(name)) return fallback;
    const auto value = base::parse_number<std::int64_t>(text(name));
    if (!value || *value < low || *value > high)
        bad_value(name, "a whole number from " + std::to_string(low) + " to " + std::to_string(high), text(name));
    return *value;
}

base::milliseconds Invocation::duration(std::string_view name, base::milliseconds fallback) const {
    if (!has(name)) return fallback;
    const auto value = config::Value<base::milliseconds>::parse(text(name));
    if (!value) bad_value(name, std::string(config::Value<base::milliseconds>::expected()), text(name));
    return *value;
}

}  // namespace confab::app
