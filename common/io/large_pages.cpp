#include "io/large_pages.hpp"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <limits>

namespace confab::io {
namespace {

constexpr std::uintptr_t kLargePage = 2 << 20;
constexpr int kUsualMaps = 65536;  // of large blocks on their own: glibc's default

}  // namespace

void use_large_pages(std::size_t octets) {
    if (mallopt(M_ARENA_MAX, 1) != 1 || mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max()) != 1) return;
    // One block that comes from the heap's end, and stays there when it is free again.
    mallopt(M_MMAP_MAX, 0);
    void* const block = std::malloc(octets);
    mallopt(M_MMAP_MAX, kUsualMaps);
    const auto at = reinterpret_cast<std::uintptr_t>(block);
    const auto begin = (at + kLargePage - 1) / kLargePage * kLargePage, end = (at + octets) / kLargePage * kLargePage;
    if (block && end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
    std::free(block);
}

}  // namespace confab::io
