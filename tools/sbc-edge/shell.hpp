// sbc-edge as a running daemon: connects sockets, the media thread, the registrar's control socket and the clock with the core.
// Owner: the main loop's thread.
#pragma once

#include "app/program.hpp"

namespace confab::edge {

const app::Program& program();

}  // namespace confab::edge
