// CHECK(condition, description): an invariant of ours. A broken one is a bug, so it aborts in release builds too and prints
// what was expected and the state that `description` (a std::string expression, evaluated only on failure) tells.
#pragma once

#include <string>

namespace confab::base {
[[noreturn]] void check_failed(const char* file, int line, const char* condition, const std::string& description);
}

#define CHECK(condition, description)                                                               \
    do {                                                                                            \
        if (!(condition)) [[unlikely]]                                                              \
            ::confab::base::check_failed(__FILE__, __LINE__, #condition, (description));            \
    } while (false)
