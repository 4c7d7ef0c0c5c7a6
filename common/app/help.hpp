// What --help prints: 80 columns, from the Model. Pure.
#pragma once

#include <string>

#include "app/model.hpp"

namespace confab::app {

std::string program_help(const Model& model);
std::string command_help(const Model& model, const Subcommand& command);
std::string group_help(const Model& model, std::string_view first_word);

std::string synopsis(const Subcommand& command);  // "user add NAME"

}  // namespace confab::app
