#include "app/generate.hpp"

#include "app/answers.hpp"
#include "app/configuration.hpp"
#include "base/mdoc.hpp"

namespace confab::app {
namespace {

void append_option(std::string& out, const Option& option) {
    out += ".It ";
    if (option.letter != 0) out += std::string("Fl ") + option.letter + " , ";
    out += "Fl -" + std::string(option.name);
    if (!option.value.empty()) out += " Ar " + base::mdoc_word(option.value);
    out += '\n';
    base::append_mdoc_prose(out, option.help);
    if (!option.fallback.empty()) out += "The default is\n.Ql " + base::mdoc_word(option.fallback) + " .\n";
    if (option.repeated) out += "May be given several times.\n";
}

std::string mdoc_options(const std::vector<Option>& options, std::string_view style) {
    std::string out = ".Bl -tag -width Ds" + std::string(style) + "\n";
    for (const auto& option : options) append_option(out, option);
    return out + ".El\n";
}

std::string mdoc_subcommands(const Model& model) {
    std::string out = ".Bl -tag -width Ds\n";
    for (const auto& command : model.commands()) {
        out += ".It Ic " + base::mdoc_word(command.name);
        for (const auto& argument : command.arguments) {
            const auto name = "Ar " + base::mdoc_word(std::string(argument.name) + (argument.repeated ? "..." : ""));
            out += argument.required ? " " + name : " Op " + name;
        }
        out += '\n';
        base::append_mdoc_prose(out, command.help);
        if (!command.options.empty()) out += mdoc_options(command.options, " -compact");
    }
    return out + ".El\n";
}

}  // namespace

std::string generated_part(const Model& model, std::string_view part) {
    const auto& program = model.program();
    if (part == "mdoc-options") return mdoc_options(model.options(), "");
    if (part == "mdoc-commands") return mdoc_subcommands(model);
    if (model.is_daemon()) {
        const Configuration configuration(program);
        if (part == "example") return config::example_file(program.name, configuration.table());
        if (part == "mdoc-keys") return config::mdoc_list(configuration.table());
        if (part == "mdoc-metrics") return metrics::mdoc_rows(metric_rows(program));
        if (part == "mdoc-socket") return local::mdoc_vocabulary(*program.vocabulary);
        if (part == "mdoc-socket-common") return local::mdoc_commands(local::common_commands());
    }
    throw io::StartupError(io::kUsage, "generate: " + std::string(program.name) + " has no part " + std::string(part));
}

}  // namespace confab::app
