// CPU time that programs under test have used, with all their threads and children, from /proc. Read it twice; the difference is what a load cost them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace confab::probe {

// Nanoseconds. Empty: one of them has ended.
std::optional<std::uint64_t> cpu_time_of(const std::vector<int>& pids);

}  // namespace confab::probe
