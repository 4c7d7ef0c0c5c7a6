// The door to CLI11. It splits words into options, commands and values; what is required and how errors read is decided here.
#include "app/command_line.hpp"

#include <CLI/CLI.hpp>
#include <map>
#include <memory>

#include "base/text.hpp"

namespace confab::app {
namespace {

[[noreturn]] void usage(const Model& model, const std::string& sentence) {
    throw io::StartupError(io::kUsage, sentence + "; try '" + std::string(model.program().name) + " --help'");
}

std::string flags_of(const Option& option) {
    auto flags = "--" + std::string(option.name);
    if (option.letter != 0) flags += std::string(",-") + option.letter;
    return flags;
}

// What CLI11 writes to while it parses.
struct Slot {
    std::string name;
    bool is_flag = false, is_option = false, repeated = false;
    std::vector<std::string> values;
    std::int64_t count = 0;
};

class Parser {
public:
    explicit Parser(const Model& model) : model_(model), root_(std::make_unique<CLI::App>()) {
        prepare(*root_);
        root_->fallthrough(false);
        for (const auto& option : model.options()) add_option(*root_, option, shared_);
        for (const auto& command : model.commands()) add_command(command);
        add_command(model.generate());
    }

    CommandLine run(const std::vector<std::string>& words) {
        parse(words);
        CommandLine line;
        line.command = selected_command(line.group);
        collect(shared_, line.invocation);
        if (line.command) collect(own_[line.command], line.invocation);
        line.invocation.json = line.invocation.has("json");
        if (!line.invocation.has("help") && !line.invocation.has("version")) check(line);
        return line;
    }

private:
    using Slots = std::deque<Slot>;

    static void prepare(CLI::App& app) {
        app.set_help_flag();
        app.allow_extras();
        app.fallthrough();
        app.require_subcommand(0, 1);  // so that a value that happens to be a command's name stays a value
    }

    static void add_option(CLI::App& app, const Option& option, Slots& slots) {
        auto& slot = slots.emplace_back(Slot{std::string(option.name), option.value.empty(), true, option.repeated, {}, 0});
        if (slot.is_flag)
            app.add_flag(flags_of(option), slot.count);
        else
            app.add_option(flags_of(option), slot.values)->allow_extra_args(false);
    }

    CLI::App& app_of(std::string_view name) {
        CLI::App* at = root_.get();
        for (auto word : base::split(name, ' ')) {
            const auto known = at->get_subcommands([&](const CLI::App* app) { return app->get_name() == word; });
            if (known.empty()) {
                at = at->add_subcommand(std::string(word));
                prepare(*at);
            } else {
                at = known.front();
            }
        }
        return *at;
    }

    void add_command(const Subcommand& command) {
        auto& app = app_of(command.name);
        auto& slots = own_[&command];
        for (const auto& argument : command.arguments) {
            auto& slot = slots.emplace_back(Slot{std::string(argument.name), false, false, argument.repeated, {}, 0});
            app.add_option(slot.name, slot.values)->expected(1, argument.repeated ? 1 << 20 : 1)->allow_extra_args(argument.repeated);
        }
        for (const auto& option : command.options) add_option(app, option, slots);
        by_app_[&app] = &command;
    }

    void parse(std::vector<std::string> words) {
        std::reverse(words.begin(), words.end());
        try {
            root_->parse(std::move(words));
        } catch (const CLI::ArgumentMismatch& error) {
            const std::string_view text = error.what();
            usage(model_, std::string(text.substr(0, text.find_first_of(": "))) + " needs a value");
        } catch (const CLI::Error& error) {
            usage(model_, error.what());
        }
    }

    const Subcommand* selected_command(std::string& group) {
        const CLI::App* at = root_.get();
        while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
        const auto found = by_app_.find(at);
        if (found != by_app_.end()) return found->second;
        if (at != root_.get()) group = at->get_name();
        return nullptr;
    }

    static void collect(const Slots& slots, Invocation& invocation) {
        for (const auto& slot : slots) {
            if (slot.count > 0) invocation.values.emplace_back(slot.name, "");
            for (const auto& value : slot.values) invocation.values.emplace_back(slot.name, value);
        }
    }

    void check(const CommandLine& line) {
        auto extras = root_->remaining(true);
        std::erase(extras, "--");
        if (!extras.empty() && !line.command && line.group.empty() && !extras.front().starts_with('-'))
            usage(model_, "'" + extras.front() + "' is not a command");
        if (!extras.empty()) usage(model_, "'" + extras.front() + "' was not expected");
        if (!line.group.empty()) usage(model_, "'" + line.group + "' needs a second word");
        check_single(shared_);
        if (!line.command) return;
        check_single(own_[line.command]);
        for (const auto& argument : line.command->arguments)
            if (argument.required && !line.invocation.has(argument.name))
                usage(model_, std::string(line.command->name) + " needs " + std::string(argument.name));
    }

    void check_single(const Slots& slots) {
        for (const auto& slot : slots)
            if (slot.is_option && !slot.repeated && slot.values.size() > 1) usage(model_, "--" + slot.name + " was given more than once");
    }

    const Model& model_;
    std::unique_ptr<CLI::App> root_;
    Slots shared_;
    std::map<const Subcommand*, Slots> own_;
    std::map<const CLI::App*, const Subcommand*> by_app_;
};

}  // namespace

CommandLine parse_command_line(const Model& model, const std::vector<std::string>& words) { return Parser(model).run(words); }

}  // namespace confab::app
