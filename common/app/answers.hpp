// Answers to the commands that every daemon has, as values. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/control.hpp"
#include "app/program.hpp"

namespace confab::app {

std::vector<metrics::Row> metric_rows(const Program& program);  // the program's, then the frame's own
std::string metrics_text(const Program& program, Daemon& daemon, const Control& control);
std::vector<local::Value> help_rows(const local::Vocabulary& vocabulary);

using Settings = std::vector<std::pair<std::string_view, std::string>>;
// The keys whose values differ, each once.
std::vector<std::string_view> changed_keys(const config::Table& table, const Settings& before, const Settings& after);
// What is in force after a reload: live keys from `after`, others from `before`.
Settings merged(const config::Table& table, const Settings& before, const Settings& after);

}  // namespace confab::app
