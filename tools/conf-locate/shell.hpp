// conf-locate as a running daemon: connects store, control socket and the clock with the core. Owner: the main loop's thread.
#pragma once

#include "app/program.hpp"

namespace confab::locate {

const app::Program& program();

}  // namespace confab::locate
