// How often this program has called operator new; the counting one is in room_allocation_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>

namespace confab::media::test {

extern std::atomic<std::uint64_t> allocations;

}  // namespace confab::media::test
