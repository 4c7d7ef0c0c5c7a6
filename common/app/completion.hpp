// Completion scripts for bash, zsh and fish, written from the Model. Pure.
#pragma once

#include <string>
#include <string_view>

#include "app/model.hpp"

namespace confab::app {

std::string completion_script(const Model& model, std::string_view shell);  // throws StartupError (kUsage) for another shell

}  // namespace confab::app
