// Telling the processor what will be read soon, so that it comes from memory while something else is done: for who walks over thousands of objects and
// meets each of them once in a while, when no cache holds it any more.
#pragma once

#include <cstddef>

namespace confab::base {

inline void prefetch(const void* first, const void* end) {
    constexpr std::size_t kLine = 64;
    for (const auto* at = static_cast<const char*>(first); at < end; at += kLine) __builtin_prefetch(at);
    __builtin_prefetch(static_cast<const char*>(end) - 1);
    asm volatile("");  // else GCC takes a function that does no more than this for one without effect, and leaves its calls out
}
template <class T>
void prefetch(const T& object) {
    prefetch(&object, &object + 1);
}

}  // namespace confab::base
