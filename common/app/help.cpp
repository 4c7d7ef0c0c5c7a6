#include "app/help.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace confab::app {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kWidestLeft = 30;

struct Line {
    std::string left, right;
};
using Lines = std::vector<Line>;

// Code points, near enough to columns for our texts.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// `column` is where the cursor stands; lines after the first begin at `indent`.
void append_wrapped(std::string& out, std::string_view text, std::size_t column, std::size_t indent) {
    bool first = true;
    for (auto word : base::split(text, ' ')) {
        if (!first && column + 1 + width_of(word) > kColumns) {
            out += '\n' + std::string(indent, ' ');
            column = indent;
        } else if (!first) {
            out += ' ';
            ++column;
        }
        out += word;
        column += width_of(word);
        first = false;
    }
    out += '\n';
}

void append_section(std::string& out, std::string_view title, const Lines& lines) {
    if (lines.empty()) return;
    out.append("\n").append(title).append(":\n");
    std::size_t left = 0;
    for (const auto& line : lines)
        if (line.left.size() <= kWidestLeft) left = std::max(left, line.left.size());
    for (const auto& line : lines) {
        out += "  " + line.left;
        if (line.left.size() > left)
            out += '\n' + std::string(left + 4, ' ');
        else
            out += std::string(left + 2 - line.left.size(), ' ');
        append_wrapped(out, line.right, left + 4, left + 4);
    }
}

Line line_of(const Option& option) {
    std::string left = option.letter != 0 ? std::string("-") + option.letter + ", " : "    ";
    left += "--" + std::string(option.name);
    if (!option.value.empty()) left += " " + std::string(option.value);
    std::string right(option.help);
    if (!option.fallback.empty()) right += " (default " + std::string(option.fallback) + ")";
    if (option.repeated) right += "; may be given several times";
    return {std::move(left), std::move(right)};
}

Lines lines_of(const std::vector<Option>& options) {
    Lines lines;
    for (const auto& option : options) lines.push_back(line_of(option));
    return lines;
}

Lines lines_of(const std::vector<Subcommand>& commands, std::string_view first_word = {}) {
    Lines lines;
    for (const auto& command : commands)
        if (first_word.empty() || command.name.starts_with(std::string(first_word) + " "))
            lines.push_back({synopsis(command), std::string(command.help)});
    return lines;
}

}  // namespace

std::string synopsis(const Subcommand& command) {
    std::string out(command.name);
    for (const auto& argument : command.arguments) {
        const auto name = std::string(argument.name) + (argument.repeated ? "..." : "");
        out += argument.required ? " " + name : " [" + name + "]";
    }
    return out;
}

std::string program_help(const Model& model) {
    const auto& program = model.program();
    const std::string name(program.name);
    std::string out;
    append_wrapped(out, name + " - " + std::string(program.summary), 0, 0);
    out += "\nUsage:\n";
    if (model.is_daemon()) out += "  " + name + " [-t] [-c FILE] [OPTION...]      the daemon, in the foreground\n";
    out += "  " + name + " COMMAND [ARGUMENT...] [OPTION...]\n";
    if (!program.prose.empty()) {
        out += '\n';
        append_wrapped(out, program.prose, 0, 0);
    }
    append_section(out, "Commands", lines_of(model.commands()));
    append_section(out, "Options", lines_of(model.options()));
    return out;
}

std::string command_help(const Model& model, const Subcommand& command) {
    std::string out = "Usage: " + std::string(model.program().name) + " " + synopsis(command) + " [OPTION...]\n\n";
    append_wrapped(out, command.help, 0, 0);
    Lines arguments;
    for (const auto& argument : command.arguments) arguments.push_back({std::string(argument.name), std::string(argument.help)});
    append_section(out, "Arguments", arguments);
    append_section(out, "Options", lines_of(model.options_of(command)));
    return out;
}

std::string group_help(const Model& model, std::string_view first_word) {
    std::string out =
        "Usage: " + std::string(model.program().name) + " " + std::string(first_word) + " COMMAND [ARGUMENT...] [OPTION...]\n";
    append_section(out, "Commands", lines_of(model.commands(), first_word));
    return out;
}

}  // namespace confab::app
