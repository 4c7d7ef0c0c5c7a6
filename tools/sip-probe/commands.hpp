// The probe's subcommands. Each runs a loop of its own to its end and returns an exit code (design: 0 well, 1 answered wrong, 2 no answer, 3 DNS, 4 transport,
// 5 TLS, 6 authentication, 7 media).
#pragma once

#include "app/program.hpp"

namespace confab::probe {

const app::Program& program();

int ping(const app::Invocation& invocation);
int register_(const app::Invocation& invocation);
int call(const app::Invocation& invocation);
int conference(const app::Invocation& invocation);
int load_options(const app::Invocation& invocation);
int load_register(const app::Invocation& invocation);
int load_call(const app::Invocation& invocation);
int load_flood(const app::Invocation& invocation);

}  // namespace confab::probe
