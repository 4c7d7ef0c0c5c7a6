// The frame that every `main` uses: one description of a program, from which command line, --help, completion, configuration check, example file,
// manual page lists, control socket and exit codes derive.
//
//     int main(int argc, char** argv) { return confab::app::run(argc, argv, confab::registrar::program()); }
//
// Every program has --help, --version, `completion bash|zsh|fish`, and the hidden `generate example|mdoc` from which man/ and examples are made.
// Daemons add -c FILE, -t, --set KEY=VALUE, --log-format, --log-level, and every row of their vocabulary with a `cli` name as a subcommand that asks
// the running daemon (`--socket PATH`, `--json`): a table for people, NDJSON with --json.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/table.hpp"
#include "io/error.hpp"
#include "io/loop.hpp"
#include "local/messages.hpp"
#include "metrics/table.hpp"

namespace confab::app {

struct Option {
    std::string_view name;        // "json", long form without dashes
    char letter = 0;              // 'j', or 0
    std::string_view value;       // "FILE" in help; "" for a flag
    std::string_view help;
    std::string_view fallback{};  // default, as shown in help
    bool repeated = false;
};
struct Argument {
    std::string_view name;  // "NUMBER"
    std::string_view help;
    bool required = true;
    bool repeated = false;
};

// What the command line said.
class Invocation {
public:
    std::string_view text(std::string_view option_or_argument) const;  // "" when absent
    bool has(std::string_view option_or_argument) const;
    std::vector<std::string> all(std::string_view option_or_argument) const;
    // Numbers and durations with bounds; a bad one ends the program with a usage error naming the option.
    std::int64_t integer(std::string_view name, std::int64_t low, std::int64_t high, std::int64_t fallback) const;
    base::milliseconds duration(std::string_view name, base::milliseconds fallback) const;

    std::string socket_path;  // daemons' subcommands: --socket, else the key in -c FILE, else the default
    bool json = false;
    std::vector<std::pair<std::string, std::string>> values;
};

struct Subcommand {
    std::string_view name;  // "user add"
    std::string_view help;
    std::vector<Argument> arguments;
    std::vector<Option> options;
    std::function<int(const Invocation&)> run;
    bool asks_daemon = false;  // adds --socket and --json
};

class Frame;

// A running daemon, as its frame sees it. Owner: the main loop's thread.
class Daemon {
public:
    virtual ~Daemon() = default;
    virtual local::Value status() const = 0;                       // its own members of `status`
    virtual std::span<const std::uint64_t> metrics() = 0;          // in the order of Program::metrics; refresh gauges here
    // A request of the daemon's own vocabulary. Answer through the frame, now or later: frame.reply / frame.fail.
    virtual void command(std::uint64_t token, const local::Request& request) = 0;
    virtual void reload(const config::Entries& entries) = 0;       // already checked
    virtual void drain() = 0;                                      // no new work; call frame.drained() when empty
};

struct Program {
    std::string_view name;      // "sip-registrar"
    std::string_view summary;   // one line
    std::string_view prose;     // a paragraph for --help
    std::vector<Subcommand> commands;

    // Daemons only.
    const config::Table* keys = nullptr;             // without `control`, which the frame adds
    const local::Vocabulary* vocabulary = nullptr;
    std::span<const metrics::Row> metrics{};
    std::function<void(const config::Entries&, config::Problems&)> check;  // everything -t can know: types, cross-checks, files
    std::function<std::unique_ptr<Daemon>(Frame&, const config::Entries&)> start;  // throws StartupError

    // Programs without a daemon (sip-probe): options that every subcommand takes.
    std::vector<Option> options{};
};

class Frame {
public:
    virtual ~Frame() = default;
    virtual io::Loop& loop() = 0;
    virtual void reply(std::uint64_t token, local::Value fields) = 0;
    virtual void reply_more(std::uint64_t token, local::Value row) = 0;  // a line of a listing; end it with `reply_end`
    virtual void reply_end(std::uint64_t token) = 0;
    virtual void fail(std::uint64_t token, std::string_view code, std::string_view message) = 0;
    // Long listings: `next` is called whenever the client has room, until it answers false; it calls reply_more itself.
    virtual void stream(std::uint64_t token, std::function<bool()> next) = 0;
    virtual void publish(std::string_view event, local::Value fields) = 0;  // to subscribers
    virtual void drained() = 0;
};

int run(int argc, char** argv, const Program& program);

// sip-probe's exit codes (design §9).
enum ProbeExit : int { kProbeOk = 0, kWrongAnswer = 1, kNoAnswer = 2, kDns = 3, kTransport = 4, kTls = 5, kAuthentication = 6, kMedia = 7, kTargetBad = 8 };

}  // namespace confab::app
