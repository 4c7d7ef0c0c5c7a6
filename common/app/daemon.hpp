// A daemon from start to end: configuration, log, control socket, the program's own part, signals, readiness, reload, drain.
// SIGHUP reloads; SIGTERM and SIGINT drain, a second one ends at once.
#pragma once

#include "app/model.hpp"

namespace confab::app {

// The exit code. Throws StartupError where it cannot start.
int check_configuration(const Program& program, Terminal terminal, const Invocation& invocation);
int run_daemon(const Program& program, Terminal terminal, const Invocation& invocation);

}  // namespace confab::app
