#include "sip-probe/cpu_time.hpp"

#include <filesystem>
#include <string>

#include "base/text.hpp"
#include "io/file.hpp"

namespace confab::probe {
namespace {

std::optional<std::uint64_t> first_number(const std::string& path) {
    const auto text = io::read_file(path);
    if (!text) return std::nullopt;
    return base::parse_number<std::uint64_t>(text->substr(0, text->find(' ')));
}

// A thread that ends while we look costs its own time only.
std::optional<std::uint64_t> tree_time(int pid) {
    std::error_code error;
    std::optional<std::uint64_t> sum;
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", error)) {
        const auto time = first_number(task.path() / "schedstat");
        if (!time) continue;
        sum = sum.value_or(0) + *time;
        const auto children = io::read_file(task.path() / "children");
        if (!children) continue;
        for (const auto child : base::split(*children, ' '))
            if (const auto number = base::parse_number<int>(child)) *sum += tree_time(*number).value_or(0);
    }
    return sum;
}

}  // namespace

std::optional<std::uint64_t> cpu_time_of(const std::vector<int>& pids) {
    std::uint64_t sum = 0;
    for (const int pid : pids) {
        const auto time = tree_time(pid);
        if (!time) return std::nullopt;
        sum += *time;
    }
    return sum;
}

}  // namespace confab::probe
