// The parts of manual pages and examples that are printed from tables, so that they cannot fall behind. Pure.
#pragma once

#include <string>
#include <string_view>

#include "app/model.hpp"

namespace confab::app {

// "example", "mdoc-options", "mdoc-commands", "mdoc-keys", "mdoc-metrics", "mdoc-socket", "mdoc-socket-common"; throws StartupError
// (kUsage) otherwise.
std::string generated_part(const Model& model, std::string_view part);

}  // namespace confab::app
