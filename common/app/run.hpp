// `run` with its words and streams as values, for tests.
#pragma once

#include <string>
#include <vector>

#include "app/model.hpp"

namespace confab::app {

int run(const std::vector<std::string>& words, const Program& program, Terminal terminal);

}  // namespace confab::app
