// Every message that control sockets carry, declared once: command, arguments, reply, events, help. Requests are checked against these rows
// (unknown keys are errors), `help` and confab-socket(7) are printed from them, and a row with `cli` is also a subcommand of its program.
//
// Line protocol: one JSON object a line. Greeting {"confab":1,"daemon":…,"version":…,"caps":[…]}; request {"id":…,"cmd":…,arguments};
// reply {"id":…,"ok":true,…} or {"id":…,"ok":false,"error":{"code":…,"message":…}}; list replies come as lines with "more":true and end with one without;
// events {"event":…,"seq":…,…}, and {"event":"lost","count":…} for a slow reader.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "local/value.hpp"

namespace confab::local {

enum class FieldType : std::uint8_t { text, integer, flag, list, object, handle };  // handle: an integer, or a text that names the same

struct Field {
    std::string_view name;
    FieldType type;
    bool required;  // in a request; replies always carry their fields unless the help says when
    std::string_view help;
    bool secret = false;  // masked in logs and listings
};

struct Command {
    std::string_view name;      // "user-add"
    std::string_view cli;       // "user add"; "" when it is not a subcommand
    std::string_view help;
    std::span<const Field> arguments;  // positional in the CLI, in this order; optional ones are --name VALUE
    std::span<const Field> reply;
    bool listing = false;       // the reply is many lines, one for each row
    bool mutating = false;      // idempotent; the reply has "changed"
};

struct EventRow {
    std::string_view name;
    std::string_view help;
    std::span<const Field> fields;
};

struct Vocabulary {
    std::string_view daemon;
    std::span<const Command> commands;  // of its own
    std::span<const EventRow> events;
};

std::span<const Command> common_commands();  // version status config reload drain log metrics subscribe help
const Vocabulary& registrar_vocabulary();
const Vocabulary& proxy_vocabulary();
const Vocabulary& edge_vocabulary();
const Vocabulary& bridge_vocabulary();
const Vocabulary& locate_vocabulary();
const Command* find_command(const Vocabulary& vocabulary, std::string_view name);

struct Failure {
    std::string code;     // "no-such-user"
    std::string message;  // one sentence
};

struct Request {
    Value id;
    const Command* command = nullptr;
    Value arguments;  // the whole object
};

// A line from a client. The id is kept, where there is one, so that the failure can be answered.
struct BadRequest {
    Value id;
    Failure failure;
};
std::expected<Request, BadRequest> read_request(const Vocabulary& vocabulary, std::string_view line);

std::string ok_line(const Value& id, Value fields, bool more = false);
std::string failure_line(const Value& id, const Failure& failure);
std::string greeting_line(const Vocabulary& vocabulary, std::string_view version);
std::string event_line(std::string_view event, std::uint64_t sequence, Value fields);

// A line from a daemon, as its client sees it.
struct Reply {
    enum class Kind : std::uint8_t { greeting, answer, event } kind = Kind::answer;
    Value id;
    bool ok = false, more = false;
    Failure failure;
    Value fields;
};
std::expected<Reply, std::string> read_reply(std::string_view line);

std::string_view type_name(FieldType type);  // "text", "integer", "flag", "list", "object"

std::string mdoc_vocabulary(const Vocabulary& vocabulary);            // the program's own commands, then its events
std::string mdoc_commands(std::span<const Command> commands);

}  // namespace confab::local
