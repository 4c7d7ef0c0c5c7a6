#include "app/completion.hpp"

#include <map>

#include "base/text.hpp"

namespace confab::app {
namespace {

struct Word {
    std::string text, help;
};

// What may follow each path of commands: "" at the start, "user" after that word, "user add" after both.
struct Node {
    std::vector<Word> commands;
    std::vector<Option> options;
};
using Tree = std::map<std::string, Node>;

void add_word(Node& node, std::string_view word, std::string_view help) {
    for (const auto& known : node.commands)
        if (known.text == word) return;
    node.commands.push_back({std::string(word), std::string(help)});
}

Tree tree_of(const Model& model) {
    Tree tree;
    tree[""].options = model.options();
    for (const auto& command : model.commands()) {
        std::string path;
        for (auto word : base::split(command.name, ' ')) {
            const bool last = path + (path.empty() ? "" : " ") + std::string(word) == command.name;
            add_word(tree[path], word, last ? command.help : std::string_view("commands on " + std::string(word)));
            path += (path.empty() ? "" : " ") + std::string(word);
        }
        tree[path].options = model.options_of(command);
    }
    for (auto word : {"bash", "zsh", "fish"}) add_word(tree["completion"], word, "");
    return tree;
}

bool takes_file(const Option& option) { return option.value == "FILE" || option.value == "PATH" || option.value == "DIRECTORY"; }

std::string flags_of(const Option& option, std::string_view separator) {
    auto flags = "--" + std::string(option.name);
    if (option.letter != 0) flags += std::string(separator) + "-" + option.letter;
    return flags;
}

std::string function_name(const Model& model) {
    std::string name = "_";
    for (char c : model.program().name) name += c == '-' ? '_' : c;
    return name;
}

// Option words after which any value, or a file name, is expected.
std::string patterns(const Tree& tree, bool files) {
    std::string out;
    std::map<std::string, bool> seen;
    for (const auto& [path, node] : tree)
        for (const auto& option : node.options)
            if (!option.value.empty() && takes_file(option) == files && seen.emplace(flags_of(option, "|"), true).second)
                out += (out.empty() ? "" : "|") + flags_of(option, "|");
    return out;
}

std::string paths(const Tree& tree, std::string_view quote) {
    std::string out;
    for (const auto& [path, node] : tree)
        if (!path.empty()) out += (out.empty() ? "" : "|") + std::string(quote) + " " + path + std::string(quote);
    return out;
}

std::string bash_script(const Model& model) {
    const auto tree = tree_of(model);
    const auto function = function_name(model);
    std::string out = "# bash completion of " + std::string(model.program().name) + "\n" + function + "() {\n";
    out += "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at= words= i\n    case $prev in\n";
    if (const auto files = patterns(tree, true); !files.empty())
        out += "        " + files + ") compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;\n";
    if (const auto others = patterns(tree, false); !others.empty()) out += "        " + others + ") return ;;\n";
    out += "    esac\n    for ((i = 1; i < COMP_CWORD; i++)); do\n        case \"$at ${COMP_WORDS[i]}\" in\n";
    out += "            " + paths(tree, "'") + ") at+=\" ${COMP_WORDS[i]}\" ;;\n        esac\n    done\n    case $at in\n";
    for (const auto& [path, node] : tree) {
        out += path.empty() ? "        '') words='" : "        ' " + path + "') words='";
        for (const auto& word : node.commands) out += word.text + " ";
        for (const auto& option : node.options) out += flags_of(option, " ") + " ";
        out += "' ;;\n";
    }
    return out + "    esac\n    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}\ncomplete -F " + function + " " +
           std::string(model.program().name) + "\n";
}

// For a single-quoted word; zsh's _describe also splits at a colon.
std::string quoted(std::string_view text, bool escape_colon) {
    std::string out = "'";
    for (char c : text) {
        if (c == '\'')
            out += "'\\''";
        else if (c == ':' && escape_colon)
            out += "\\:";
        else
            out += c;
    }
    return out + "'";
}

void append_described(std::string& out, std::string_view word, std::string_view help) {
    out += " " + quoted(std::string(word), true);
    out.pop_back();
    out += ":" + quoted(help, true).substr(1);
}

std::string zsh_script(const Model& model) {
    const auto tree = tree_of(model);
    std::string out =
        "#compdef " + std::string(model.program().name) + "\nlocal at= i\nlocal -a found flags\ncase ${words[CURRENT-1]} in\n";
    if (const auto files = patterns(tree, true); !files.empty()) out += "    " + files + ") _files; return ;;\n";
    if (const auto others = patterns(tree, false); !others.empty()) out += "    " + others + ") return 1 ;;\n";
    out += "esac\nfor ((i = 2; i < CURRENT; i++)); do\n    case \"$at ${words[i]}\" in\n        (" + paths(tree, "'") +
           ") at+=\" ${words[i]}\" ;;\n";
    out += "    esac\ndone\ncase $at in\n";
    for (const auto& [path, node] : tree) {
        out += path.empty() ? "    ('') found=(" : "    (' " + path + "') found=(";
        for (const auto& word : node.commands) append_described(out, word.text, word.help);
        out += " ); flags=(";
        for (const auto& option : node.options) append_described(out, "--" + std::string(option.name), option.help);
        out += " ) ;;\n";
    }
    return out + "esac\n(( $#found )) && _describe command found\n_describe -o option flags\n";
}

std::string fish_condition(const Tree& tree, const std::string& path) {
    if (path.empty()) return "__fish_use_subcommand";
    std::string out;
    for (auto word : base::split(path, ' ')) out += (out.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + std::string(word));
    std::string deeper;
    for (const auto& word : tree.at(path).commands) deeper += " " + word.text;
    return deeper.empty() ? out : out + "; and not __fish_seen_subcommand_from" + deeper;
}

std::string fish_script(const Model& model) {
    const auto tree = tree_of(model);
    const std::string name(model.program().name);
    std::string out = "# fish completion of " + name + "\ncomplete -c " + name + " -f\n";
    for (const auto& [path, node] : tree) {
        const auto start = "complete -c " + name + " -n " + quoted(fish_condition(tree, path), false);
        for (const auto& word : node.commands) out += start + " -a " + word.text + " -d " + quoted(word.help, false) + "\n";
        for (const auto& option : node.options) {
            out += start + " -l " + std::string(option.name);
            if (option.letter != 0) out += std::string(" -s ") + option.letter;
            if (!option.value.empty()) out += takes_file(option) ? " -r -F" : " -x";
            out += " -d " + quoted(option.help, false) + "\n";
        }
    }
    return out;
}

}  // namespace

std::string completion_script(const Model& model, std::string_view shell) {
    if (shell == "bash") return bash_script(model);
    if (shell == "zsh") return zsh_script(model);
    if (shell == "fish") return fish_script(model);
    throw io::StartupError(io::kUsage, "completion: expected bash, zsh or fish, got " + std::string(shell));
}

}  // namespace confab::app
