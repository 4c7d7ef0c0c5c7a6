// The words of a command line against a Model. CLI11 stays behind command_line.cpp. Pure.
#pragma once

#include <string>
#include <vector>

#include "app/model.hpp"

namespace confab::app {

struct CommandLine {
    const Subcommand* command = nullptr;
    std::string group;  // "user", where only the first word of "user add" was given
    Invocation invocation;
};

// Throws StartupError (kUsage) with one sentence.
CommandLine parse_command_line(const Model& model, const std::vector<std::string>& words);

}  // namespace confab::app
