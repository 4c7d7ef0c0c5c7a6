// A program's whole command line as one table: what the program declares, what every program has, and what its socket vocabulary adds. The
// parser,
// --help, completion and the manual page's lists read this table and nothing else.
#pragma once

#include <cstdio>
#include <deque>
#include <string>

#include "app/program.hpp"

namespace confab::app {

// Where a program speaks to. Tests hand in streams of their own.
struct Terminal {
    std::FILE* out;
    std::FILE* err;
};

class Model {
public:
    Model(const Program& program, Terminal terminal);
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;

    const Program& program() const { return program_; }
    Terminal terminal() const { return terminal_; }
    bool is_daemon() const { return program_.vocabulary != nullptr; }
    const std::vector<Option>& options() const { return options_; }  // understood before and after every command
    const std::vector<Subcommand>& commands() const { return commands_; }
    const Subcommand& generate() const { return generate_; }  // not listed: it serves the build
    // What a command's help and completion show: its own options and those of `options` that concern it.
    std::vector<Option> options_of(const Subcommand& command) const;

private:
    std::string_view keep(std::string text);
    void add_daemon_options();
    void add_commands_of_vocabulary();
    void add_command(const local::Command& row);
    bool has_command(std::string_view name) const;

    const Program& program_;
    Terminal terminal_;
    std::deque<std::string> texts_;  // what the views of derived rows point to
    std::vector<Option> options_;
    std::vector<Subcommand> commands_;
    Subcommand generate_;
};

// Required fields are positional, and so is a command's only field: `contacts [ADDRESS]`. Secrets never stand on a command line.
bool is_positional(const local::Command& command, const local::Field& field);

// The option or argument that carries a field of a message: "max_members" is --max-members or NUMBER-like MAX-MEMBERS; a secret comes from
// a file.
std::string option_name(const local::Field& field);
std::string argument_name(const local::Field& field);

}  // namespace confab::app
