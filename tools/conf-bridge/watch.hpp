// `conf-bridge watch [CONFERENCE]`: events as they happen, and for one conference on a terminal a live table. Shell side.
#pragma once

#include "app/program.hpp"

namespace confab::bridge {

app::Subcommand watch_command();

}  // namespace confab::bridge
