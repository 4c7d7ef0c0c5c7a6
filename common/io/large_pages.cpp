#include "io/large_pages.hpp"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

namespace confab::io {
namespace {

constexpr std::uintptr_t kLargePage = 2 << 20;
constexpr int kUsualMaps = 65536;  // of large blocks on their own: glibc's default
constexpr int kMapFrom = 32 << 20, kNeverTrim = -1;

}  // namespace

void use_large_pages(std::size_t octets) {
    if (mallopt(M_ARENA_MAX, 1) != 1 || mallopt(M_TRIM_THRESHOLD, kNeverTrim) != 1) return;
    // Told one of its bounds, glibc adapts none any more: what was mapped and unmapped a few times would be so for ever.
    mallopt(M_MMAP_THRESHOLD, kMapFrom);
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
