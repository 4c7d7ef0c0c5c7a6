#include "app/model.hpp"

#include <algorithm>

#include "app/ask.hpp"
#include "app/completion.hpp"
#include "app/generate.hpp"

namespace confab::app {
namespace {

void print(std::FILE* to, std::string_view text) { std::fwrite(text.data(), 1, text.size(), to); }

std::string dashed(std::string_view name, bool upper) {
    std::string out;
    for (char c : name) out += c == '_' ? '-' : upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return out;
}

}  // namespace

bool is_positional(const local::Command& command, const local::Field& field) {
    return !field.secret && (field.required || command.arguments.size() == 1);
}
std::string option_name(const local::Field& field) { return dashed(field.name, false) + (field.secret ? "-file" : ""); }
std::string argument_name(const local::Field& field) { return dashed(field.name, true); }

Model::Model(const Program& program, Terminal terminal)
    : program_(program), terminal_(terminal), options_(program.options), commands_(program.commands) {
    if (is_daemon()) {
        add_daemon_options();
        add_commands_of_vocabulary();
    }
    commands_.push_back({.name = "completion",
                         .help = "print a completion script",
                         .arguments = {{"SHELL", "bash, zsh or fish"}},
                         .options = {},
                         .run = [this](const Invocation& invocation) {
                             print(terminal_.out, completion_script(*this, invocation.text("SHELL")));
                             return io::kOk;
                         }});
    generate_ = {
        .name = "generate",
        .help = "print a generated part of the documentation",
        .arguments = {{"PART", "example, mdoc-options, mdoc-commands, mdoc-keys, mdoc-metrics, mdoc-socket or mdoc-socket-common"}},
        .options = {},
        .run = [this](const Invocation& invocation) {
            print(terminal_.out, generated_part(*this, invocation.text("PART")));
            return io::kOk;
        }};
    options_.push_back({"help", 'h', "", "show help, of a command too, and end"});
    options_.push_back({"version", 'V', "", "show the version and end"});
}

std::string_view Model::keep(std::string text) { return texts_.emplace_back(std::move(text)); }

void Model::add_daemon_options() {
    const auto name = std::string(program_.name);
    options_.push_back({"config", 'c', "FILE", "configuration file", keep("/etc/confab/" + name + ".conf")});
    options_.push_back({"test", 't', "", "check the configuration and end"});
    options_.push_back({"set", 's', "KEY=VALUE", "set a configuration key, whatever the file says", {}, true});
    options_.push_back({"log-format", 0, "FORMAT", "logfmt or json", "logfmt"});
    options_.push_back({"log-level", 0, "LEVEL", "least severity to log: debug, info, warning, error", "info"});
    options_.push_back({"socket", 'S', "PATH", "control socket of the daemon to ask; else the configuration's"});
    options_.push_back({"json", 'j', "", "answers as one JSON object a line"});
}

void Model::add_commands_of_vocabulary() {
    for (const auto& row : program_.vocabulary->commands) add_command(row);
    for (const auto& row : local::common_commands()) add_command(row);
    if (program_.vocabulary->events.empty() || has_command("watch")) return;
    commands_.push_back({.name = "watch",
                         .help = "print events as they happen",
                         .arguments = {},
                         .options = {},
                         .run = [this](const Invocation& invocation) { return watch(program_, terminal_, invocation); },
                         .asks_daemon = true});
}

bool Model::has_command(std::string_view name) const { return std::ranges::find(commands_, name, &Subcommand::name) != commands_.end(); }

// A command that the program declares itself takes the place of the row of the same name.
void Model::add_command(const local::Command& row) {
    if (row.cli.empty() || has_command(row.cli)) return;
    Subcommand command{.name = row.cli, .help = row.help, .arguments = {}, .options = {}, .run = {}, .asks_daemon = true};
    for (const auto& field : row.arguments) {
        const bool repeated = field.type == local::FieldType::list;
        if (is_positional(row, field))
            command.arguments.push_back({keep(argument_name(field)), field.help, field.required, repeated});
        else
            command.options.push_back({keep(option_name(field)),
                                       0,
                                       field.type == local::FieldType::flag ? ""
                                       : field.secret                       ? "FILE"
                                                                            : "VALUE",
                                       field.secret ? keep(std::string(field.help) + "; read from FILE, - for standard input") : field.help,
                                       {},
                                       repeated});
    }
    command.run = [this, &row](const Invocation& invocation) { return ask(program_, row, terminal_, invocation); };
    commands_.push_back(std::move(command));
}

std::vector<Option> Model::options_of(const Subcommand& command) const {
    auto out = command.options;
    const bool takes_all = !is_daemon() && command.name != "completion";
    for (const auto& option : options_) {
        const bool asks = option.name == "config" || option.name == "socket" || option.name == "json";
        if (takes_all || (command.asks_daemon && asks) || option.name == "help") out.push_back(option);
    }
    return out;
}

}  // namespace confab::app
