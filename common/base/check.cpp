#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace confab::base {

void check_failed(const char* file, int line, const char* condition, const std::string& description) {
    std::fprintf(stderr, "%s:%d: broken invariant: %s: %s\n", file, line, condition, description.c_str());
    std::abort();
}

}  // namespace confab::base
