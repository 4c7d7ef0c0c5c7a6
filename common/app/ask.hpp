// Subcommands that ask the running daemon: arguments from the command line, the reply as text or NDJSON.
// Exit codes: 0 done; 1 the daemon refused, its code and sentence on stderr; 64 an argument is not of its type; 69 no daemon answers; 74
// nobody reads what we print.
#pragma once

#include "app/model.hpp"

namespace confab::app {

int ask(const Program& program, const local::Command& command, Terminal terminal, const Invocation& invocation);
int watch(const Program& program, Terminal terminal, const Invocation& invocation);  // prints events until it is ended

}  // namespace confab::app
