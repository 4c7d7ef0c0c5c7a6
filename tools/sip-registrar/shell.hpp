// sip-registrar as a running daemon: connects sockets, store, control socket and the clock with the core. Owner: the main loop's thread.
#pragma once

#include <memory>

#include "app/program.hpp"

namespace confab::registrar {

const app::Program& program();

std::unique_ptr<app::Daemon> start(app::Frame& frame, const config::Entries& entries);  // throws StartupError
void check(const config::Entries& entries, config::Problems& problems);                 // what -t can know, files among it

}  // namespace confab::registrar
