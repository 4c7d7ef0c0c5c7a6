#include "io/error.hpp"

#include <system_error>

namespace confab::io {

std::string os_error_text(int error_number) { return std::generic_category().message(error_number); }

}  // namespace confab::io
