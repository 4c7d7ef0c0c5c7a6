// `user import` and `user export`: CSV on standard input and output, users to and from the running daemon. Owner: a command line.
//
// Memory is bounded by one request's users, whatever the length of the file. Lines that cannot be taken are told on standard error, the others are imported.
// Exit codes: 0 all lines taken; 1 some were not, or the daemon refused; 69 no daemon answers; 74 reading or writing failed.
#pragma once

#include "app/program.hpp"

namespace confab::registrar {

int import_users(const app::Invocation& invocation);
int export_users(const app::Invocation& invocation);

// What every command of this program that asks for more than one answer needs: the fields of one reply.
std::expected<local::Value, local::Failure> ask(const app::Invocation& invocation, std::string_view command, const local::Value& arguments);
int complain(const std::string& sentence, int exit_code);
int complain(const local::Failure& failure);

}  // namespace confab::registrar
