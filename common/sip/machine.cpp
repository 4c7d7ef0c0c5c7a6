#include "sip/machine.hpp"

#include <string>

#include "base/check.hpp"

namespace confab::sip {

void refuse_step(std::string_view from, std::string_view to, std::string_view why) {
    base::check_failed(__FILE__, __LINE__, "a machine never goes back", std::string(from) + " -> " + std::string(to) + " because of " + std::string(why));
}

}  // namespace confab::sip
