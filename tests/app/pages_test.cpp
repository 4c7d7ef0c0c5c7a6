#include <catch2/catch.hpp>

#include "app/command_line.hpp"
#include "app/sample_program.hpp"

using namespace confab::app;
using sample::run_words;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = text.find('\n', at);
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

// Feeds a script to a shell that only checks it. -1: there is no such shell.
int check_syntax(const std::string& command, const std::string& shell, const std::string& script) {
    if (std::system(("command -v " + shell + " >/dev/null").c_str()) != 0) return -1;
    std::FILE* pipe = popen(command.c_str(), "w");
    std::fwrite(script.data(), 1, script.size(), pipe);
    return pclose(pipe);
}

}  // namespace

TEST_CASE("help fits 80 columns and names everything") {
    const auto outcome = run_words({"--help"});
    CHECK(outcome.code == 0);
    CHECK(outcome.err.empty());
    CHECK(outcome.out == R"(conf-sample - a program for tests

Usage:
  conf-sample [-t] [-c FILE] [OPTION...]      the daemon, in the foreground
  conf-sample COMMAND [ARGUMENT...] [OPTION...]

It exists so that the frame can be tried: command line, configuration, control
socket, log, and what else a daemon of the family has.

Commands:
  hash WORD...      an offline command
  room add NAME     add a room
  room list COUNT   list rooms
  shout COUNT       publish events
  status            state, uptime and what the daemon holds
  config            configuration values in force
  reload            read the configuration file again; a bad file changes
                    nothing
  drain             take no new work and end when the last is done
  log LEVEL         set the least severity that is logged
  metrics           counters and gauges in OpenMetrics text form
  watch             print events as they happen
  completion SHELL  print a completion script

Options:
  -c, --config FILE        configuration file (default
                           /etc/confab/conf-sample.conf)
  -t, --test               check the configuration and end
  -s, --set KEY=VALUE      set a configuration key, whatever the file says; may
                           be given several times
      --log-format FORMAT  logfmt or json (default logfmt)
      --log-level LEVEL    least severity to log: debug, info, warning, error
                           (default info)
  -S, --socket PATH        control socket of the daemon to ask; else the
                           configuration's
  -j, --json               answers as one JSON object a line
  -h, --help               show help, of a command too, and end
  -V, --version            show the version and end
)");
    for (const auto& words : {std::vector<std::string>{"--help"}, {"room", "--help"}, {"room", "add", "-h"}, {"-h", "hash"}})
        for (const auto& line : lines_of(run_words(words).out)) CHECK(line.size() <= 80);
}

TEST_CASE("help of a command and of a group") {
    CHECK(run_words({"room", "add", "--help"}).out == R"(Usage: conf-sample room add NAME [OPTION...]

add a room

Arguments:
  NAME  who

Options:
      --pin-file FILE      a secret of digits; read from FILE, - for standard
                           input
      --max-members VALUE  how many
      --open               without a PIN
  -c, --config FILE        configuration file (default
                           /etc/confab/conf-sample.conf)
  -S, --socket PATH        control socket of the daemon to ask; else the
                           configuration's
  -j, --json               answers as one JSON object a line
  -h, --help               show help, of a command too, and end
)");
    CHECK(run_words({"room", "--help"}).out == R"(Usage: conf-sample room COMMAND [ARGUMENT...] [OPTION...]

Commands:
  room add NAME    add a room
  room list COUNT  list rooms
)");
}

TEST_CASE("version") {
    const auto outcome = run_words({"--version"});
    CHECK(outcome.code == 0);
    CHECK(outcome.out.starts_with("conf-sample "));
}

TEST_CASE("completion holds every option and command, in every shell's own syntax") {
    const Model model(sample::program(), {stdout, stderr});
    for (const std::string shell : {"bash", "zsh", "fish"}) {
        INFO(shell);
        const auto script = run_words({"completion", shell}).out;
        const auto flag = [&](std::string_view name) { return shell == "fish" ? " -l " + std::string(name) : "--" + std::string(name); };
        for (const auto& option : model.options()) CHECK(script.find(flag(option.name)) != script.npos);
        for (const auto& command : model.commands()) {
            CHECK(script.find(std::string(command.name.substr(command.name.find(' ') + 1))) != script.npos);
            for (const auto& option : command.options) CHECK(script.find(flag(option.name)) != script.npos);
        }
        CHECK(script.find("hidden") == script.npos);
        const auto check = shell == "fish" ? std::string("fish --no-execute /dev/stdin") : shell + " -n /dev/stdin";
        CHECK(check_syntax(check, shell, script) <= 0);
    }
}

TEST_CASE("bash completes words of both levels") {
    const auto script = run_words({"completion", "bash"}).out;
    const auto ask = [&](const std::string& words, int at) {
        const auto text =
            script + "COMP_WORDS=(" + words + "); COMP_CWORD=" + std::to_string(at) + "; _conf_sample; echo \"${COMPREPLY[*]}\" >&9\n";
        sample::Place place;
        std::ofstream(place.path + "/try") << text;
        std::system(("bash " + place.path + "/try 9>" + place.path + "/out").c_str());
        std::string line;
        std::ifstream out(place.path + "/out");
        std::getline(out, line);
        return line;
    };
    CHECK(ask("conf-sample ro", 1) == "room");
    CHECK(ask("conf-sample room ''", 2) == "add list");
    CHECK(ask("conf-sample room add --m", 3) == "--max-members");
    CHECK(ask("conf-sample --log-level ''", 2) == "");
    CHECK(ask("conf-sample completion ''", 2) == "bash zsh fish --help -h");
}

TEST_CASE("the generated example is accepted, and the manual page's parts are mdoc") {
    sample::Place place;
    std::ofstream(place.file()) << run_words({"generate", "example"}).out;
    const auto outcome = run_words({"-t", "-c", place.file()});
    CHECK(outcome.err.empty());
    CHECK(outcome.out == place.file() + ": configuration OK\n");

    std::string page = ".Dd January 1, 2026\n.Dt CONF-SAMPLE 1\n.Os\n.Sh NAME\n.Nm conf-sample\n.Nd a program for tests\n.Sh DESCRIPTION\n";
    for (auto part : {"mdoc-options", "mdoc-commands", "mdoc-keys", "mdoc-metrics", "mdoc-socket", "mdoc-socket-common"}) {
        const auto generated = run_words({"generate", part});
        CHECK(generated.code == 0);
        page += "Some text.\n" + generated.out;
    }
    CHECK(check_syntax("mandoc -T lint -W warning >&2", "mandoc", page) <= 0);
}
