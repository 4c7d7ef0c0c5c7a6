#include "app/run.hpp"

#include <algorithm>

#include "app/command_line.hpp"
#include "app/configuration.hpp"
#include "app/control.hpp"
#include "app/daemon.hpp"
#include "app/help.hpp"
#include "io/signals.hpp"

namespace confab::app {
namespace {

int show(const Model& model, const std::string& text) {
    return std::fputs(text.c_str(), model.terminal().out) >= 0 && std::fflush(model.terminal().out) == 0 ? io::kOk : io::kIoError;
}

int show_help(const Model& model, const CommandLine& line) {
    if (line.command) return show(model, command_help(model, *line.command));
    return show(model, line.group.empty() ? program_help(model) : group_help(model, line.group));
}

// --socket, else the key in -c FILE, else the same of the default file, which need not exist.
std::string socket_path(const Program& program, const Invocation& invocation) {
    if (invocation.has("socket")) return std::string(invocation.text("socket"));
    const Configuration configuration(program);
    if (invocation.has("config")) return configuration.control_path(std::string(invocation.text("config")), true);
    return configuration.control_path(configuration.default_file(), false);
}

int run_command(const Model& model, const CommandLine& line) {
    auto invocation = line.invocation;
    for (auto option : {"test", "set", "log-format", "log-level"})
        if (model.is_daemon() && invocation.has(option))
            throw io::StartupError(io::kUsage, "--" + std::string(option) + " is for the daemon and goes with no command");
    if (line.command->asks_daemon) invocation.socket_path = socket_path(model.program(), invocation);
    io::ignore_broken_pipes();
    const int code = line.command->run(invocation);
    return std::fflush(model.terminal().out) == 0 ? code : io::kIoError;
}

int run_bare(const Model& model, const CommandLine& line) {
    if (!model.is_daemon())
        throw io::StartupError(io::kUsage, "expected a command; try '" + std::string(model.program().name) + " --help'");
    for (auto option : {"socket", "json"})
        if (line.invocation.has(option)) throw io::StartupError(io::kUsage, "--" + std::string(option) + " goes with a command");
    const auto start = line.invocation.has("test") ? check_configuration : run_daemon;
    return start(model.program(), model.terminal(), line.invocation);
}

int dispatch(const Model& model, const std::vector<std::string>& words) {
    const auto line = parse_command_line(model, words);
    if (line.invocation.has("help")) return show_help(model, line);
    if (line.invocation.has("version")) return show(model, std::string(model.program().name) + " " + std::string(version()) + "\n");
    return line.command ? run_command(model, line) : run_bare(model, line);
}

int complain(const Program& program, Terminal terminal, const char* sentence, int code) {
    std::fprintf(terminal.err, "%s: %s\n", std::string(program.name).c_str(), sentence);
    return code;
}

}  // namespace

int run(const std::vector<std::string>& words, const Program& program, Terminal terminal) {
    try {
        return dispatch(Model(program, terminal), words);
    } catch (const io::StartupError& error) {
        return complain(program, terminal, error.what(), error.exit_code());
    } catch (const std::exception& error) {
        return complain(program, terminal, error.what(), io::kBug);
    }
}

int run(int argc, char** argv, const Program& program) {
    return run(std::vector<std::string>(argv + std::min(argc, 1), argv + argc), program, {stdout, stderr});
}

}  // namespace confab::app
