// sip-proxy as a running daemon: connects sockets, control sockets and the clock with the core. Owner: the main loop's thread.
#pragma once

#include "app/program.hpp"

namespace confab::proxy {

const app::Program& program();

void check(const config::Entries& entries, config::Problems& problems);
std::unique_ptr<app::Daemon> start(app::Frame& frame, const config::Entries& entries);  // throws StartupError

}  // namespace confab::proxy
