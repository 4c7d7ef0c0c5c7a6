// What every daemon answers, and what the manual page says about commands and events.
#include "base/mdoc.hpp"
#include "local/messages.hpp"

namespace confab::local {
namespace {

constexpr Field kVersionReply[] = {{"daemon", FieldType::text, true, "the program's name"},
                                   {"version", FieldType::text, true, "its version"}};
constexpr Field kStatusReply[] = {{"daemon", FieldType::text, true, "the program's name"},
                                  {"version", FieldType::text, true, "its version"},
                                  {"pid", FieldType::integer, true, "its process number"},
                                  {"uptime", FieldType::integer, true, "seconds since it started"},
                                  {"state", FieldType::text, true, "running, or draining once it takes no new work"}};
constexpr Field kConfigReply[] = {{"key", FieldType::text, true, "a configuration key"},
                                  {"value", FieldType::text, true, "its value in force; a list has a row for each value"}};
constexpr Field kReloadReply[] = {{"changed", FieldType::flag, true, "whether the file differs from what was in force"},
                                  {"restart", FieldType::list, true, "changed keys that only a restart takes over"}};
constexpr Field kChangedReply[] = {{"changed", FieldType::flag, true, "whether anything changed"}};
constexpr Field kLogArguments[] = {{"level", FieldType::text, true, "debug, info, warning or error"}};
constexpr Field kMetricsReply[] = {{"text", FieldType::text, true, "all metrics in OpenMetrics text form"}};
constexpr Field kSubscribeReply[] = {{"seq", FieldType::integer, true, "the number of the last event before these"}};
constexpr Field kHelpReply[] = {{"command", FieldType::text, true, "a command's name"},
                                {"help", FieldType::text, true, "what it does"},
                                {"arguments", FieldType::list, true, "its arguments: name, type, required, help"},
                                {"reply", FieldType::list, true, "its reply's fields, likewise"}};

constexpr Command kCommands[] = {
    {.name = "version", .cli = "", .help = "name and version", .arguments = {}, .reply = kVersionReply},
    {.name = "status", .cli = "status", .help = "state, uptime and what the daemon holds", .arguments = {}, .reply = kStatusReply},
    {.name = "config", .cli = "config", .help = "configuration values in force", .arguments = {}, .reply = kConfigReply, .listing = true},
    {.name = "reload",
     .cli = "reload",
     .help = "read the configuration file again; a bad file changes nothing",
     .arguments = {},
     .reply = kReloadReply,
     .mutating = true},
    {.name = "drain",
     .cli = "drain",
     .help = "take no new work and end when the last is done",
     .arguments = {},
     .reply = kChangedReply,
     .mutating = true},
    {.name = "log",
     .cli = "log",
     .help = "set the least severity that is logged",
     .arguments = kLogArguments,
     .reply = kChangedReply,
     .mutating = true},
    {.name = "metrics", .cli = "metrics", .help = "counters and gauges in OpenMetrics text form", .arguments = {}, .reply = kMetricsReply},
    {.name = "subscribe", .cli = "", .help = "send events on this connection from now on", .arguments = {}, .reply = kSubscribeReply},
    {.name = "help", .cli = "", .help = "list commands with their fields", .arguments = {}, .reply = kHelpReply, .listing = true},
};

void append_fields(std::string& out, std::string_view title, std::span<const Field> fields) {
    if (fields.empty()) return;
    out += title;
    out += "\n.Bl -tag -width Ds -compact\n";
    for (const auto& field : fields) {
        out += ".It Va " + base::mdoc_word(field.name) + " Pq " + base::mdoc_word(type_name(field.type)) + "\n";
        base::append_mdoc_prose(out, field.help);
        if (field.secret) out += "Masked in logs and listings.\n";
    }
    out += ".El\n";
}

void append_command(std::string& out, const Command& command) {
    out += ".It Ic " + base::mdoc_word(command.name) + "\n";
    base::append_mdoc_prose(out, command.help);
    std::string optional;
    for (const auto& field : command.arguments)
        if (!field.required) optional += (optional.empty() ? "" : ", ") + std::string(field.name);
    append_fields(out, "Arguments:", command.arguments);
    if (!optional.empty()) out += "Optional: " + optional + ".\n";
    append_fields(out, command.listing ? "Each row of the reply:" : "Reply:", command.reply);
}

}  // namespace

std::span<const Command> common_commands() { return kCommands; }

std::string mdoc_commands(std::span<const Command> commands) {
    std::string out = ".Bl -tag -width Ds\n";
    for (const auto& command : commands) append_command(out, command);
    return out + ".El\n";
}

std::string mdoc_vocabulary(const Vocabulary& vocabulary) {
    auto out = mdoc_commands(vocabulary.commands);
    if (vocabulary.events.empty()) return out;
    out += "Events:\n.Bl -tag -width Ds\n";
    for (const auto& event : vocabulary.events) {
        out += ".It Ic " + base::mdoc_word(event.name) + "\n";
        base::append_mdoc_prose(out, event.help);
        append_fields(out, "Fields:", event.fields);
    }
    return out + ".El\n";
}

}  // namespace confab::local
