// conf-bridge as a running daemon: connects sockets, the directory, media threads and the clock with the core.
// Owner: the main loop's thread.
#pragma once

#include "app/program.hpp"

namespace confab::bridge {

const app::Program& program();

}  // namespace confab::bridge
