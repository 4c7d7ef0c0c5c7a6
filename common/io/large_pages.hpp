// A heap in large pages, for a program that goes over the state of thousands of calls every few milliseconds: in small pages, finding the page costs it more
// than what lies there. Call once, before there are threads; all share one heap from then on, so it is not for those that allocate at every turn. Memory is
// taken as it is used, and kept. Where the kernel gives no large pages (transparent_hugepage: never), or another allocator rules, nothing changes.
#pragma once

#include <cstddef>

namespace confab::io {

void use_large_pages(std::size_t octets);  // that the heap may take; beyond, pages are small

}  // namespace confab::io
