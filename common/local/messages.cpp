#include "local/messages.hpp"

#include "base/utf8.hpp"

namespace confab::local {
namespace {

constexpr std::size_t kQuoteLimit = 64;

std::string quoted(std::string_view text) {
    std::size_t end = 0;
    while (end < text.size() && end < kQuoteLimit) {
        const auto length = base::utf8_length(text, end);
        if (length == 0) break;
        end += length;
    }
    return "'" + std::string(text.substr(0, end)) + (end < text.size() ? "...'" : "'");
}

bool has_type(const Value& value, FieldType type) {
    switch (type) {
        case FieldType::text:
            return value.as_text() != nullptr;
        case FieldType::integer:
            return value.as_integer() != nullptr;
        case FieldType::flag:
            return value.as_bool() != nullptr;
        case FieldType::list:
            return value.as_array() != nullptr;
        case FieldType::object:
            return value.as_object() != nullptr;
        case FieldType::handle:
            return value.as_integer() != nullptr || value.as_text() != nullptr;
    }
    return false;
}

const Field* find_field(std::span<const Field> fields, std::string_view name) {
    for (const auto& field : fields)
        if (field.name == name) return &field;
    return nullptr;
}

std::optional<Failure> check_arguments(const Command& command, const Value& request) {
    for (const auto& [name, value] : *request.as_object()) {
        if (name == "id" || name == "cmd") continue;
        const auto* field = find_field(command.arguments, name);
        if (!field) return Failure{"unknown-argument", std::string(command.name) + " has no argument " + quoted(name)};
        if (!has_type(value, field->type))
            return Failure{"bad-argument", "expected " + name + " to be of type " + std::string(type_name(field->type))};
    }
    for (const auto& field : command.arguments)
        if (field.required && !request.find(field.name))
            return Failure{"missing-argument", std::string(command.name) + " needs the argument " + std::string(field.name)};
    return std::nullopt;
}

std::unexpected<BadRequest> bad(Value id, std::string code, std::string message) {
    return std::unexpected(BadRequest{std::move(id), {std::move(code), std::move(message)}});
}

void append_members(Value& line, Value fields) {
    if (const auto* members = fields.as_object())
        for (const auto& [name, value] : *members) line.append(name, value);
}

Reply read_answer(const Value& line) {
    Reply reply;
    if (const auto* id = line.find("id")) reply.id = *id;
    reply.ok = line.flag("ok");
    reply.more = line.flag("more");
    if (const auto* error = line.find("error")) reply.failure = {std::string(error->text("code")), std::string(error->text("message"))};
    reply.fields = Value::object();
    for (const auto& [name, value] : *line.as_object())
        if (name != "id" && name != "ok" && name != "more" && name != "error") reply.fields.append(name, value);
    return reply;
}

}  // namespace

std::string_view type_name(FieldType type) {
    switch (type) {
        case FieldType::text:
            return "text";
        case FieldType::integer:
            return "integer";
        case FieldType::flag:
            return "flag";
        case FieldType::list:
            return "list";
        case FieldType::object:
            return "object";
        case FieldType::handle:
            return "integer or text";
    }
    return "";
}

const Command* find_command(const Vocabulary& vocabulary, std::string_view name) {
    for (const auto& command : vocabulary.commands)
        if (command.name == name) return &command;
    for (const auto& command : common_commands())
        if (command.name == name) return &command;
    return nullptr;
}

std::expected<Request, BadRequest> read_request(const Vocabulary& vocabulary, std::string_view line) {
    auto parsed = parse_json(line);
    if (!parsed) return bad({}, "bad-request", parsed.error());
    if (!parsed->as_object()) return bad({}, "bad-request", "expected one JSON object in a line");
    const auto* id = parsed->find("id");
    if (!id || !(id->as_integer() || id->as_text())) return bad({}, "bad-request", "expected an id that is an integer or a text");
    const auto* name = parsed->find("cmd");
    if (!name || !name->as_text()) return bad(*id, "bad-request", "expected a cmd that is a text");
    const auto* command = find_command(vocabulary, *name->as_text());
    if (!command) return bad(*id, "unknown-command", quoted(*name->as_text()) + " is not a command of " + std::string(vocabulary.daemon));
    if (auto failure = check_arguments(*command, *parsed)) return std::unexpected(BadRequest{*id, std::move(*failure)});
    return Request{*id, command, std::move(*parsed)};
}

std::string ok_line(const Value& id, Value fields, bool more) {
    auto line = Value::object({{"id", id}, {"ok", true}});
    if (more) line.append("more", true);
    append_members(line, std::move(fields));
    return to_json(line);
}

std::string failure_line(const Value& id, const Failure& failure) {
    auto error = Value::object({{"code", failure.code}, {"message", failure.message}});
    return to_json(Value::object({{"id", id}, {"ok", false}, {"error", std::move(error)}}));
}

std::string greeting_line(const Vocabulary& vocabulary, std::string_view version) {
    auto caps = Value::array();
    for (const auto& command : vocabulary.commands) caps.push(command.name);
    return to_json(Value::object({{"confab", 1}, {"daemon", vocabulary.daemon}, {"version", version}, {"caps", std::move(caps)}}));
}

std::string event_line(std::string_view event, std::uint64_t sequence, Value fields) {
    auto line = Value::object({{"event", event}, {"seq", sequence}});
    append_members(line, std::move(fields));
    return to_json(line);
}

std::expected<Reply, std::string> read_reply(std::string_view line) {
    auto parsed = parse_json(line);
    if (!parsed) return std::unexpected(parsed.error());
    if (!parsed->as_object()) return std::unexpected("expected one JSON object in a line");
    if (parsed->find("confab")) return Reply{Reply::Kind::greeting, {}, true, false, {}, std::move(*parsed)};
    if (parsed->find("event")) return Reply{Reply::Kind::event, {}, true, false, {}, std::move(*parsed)};
    if (!parsed->find("id") || !parsed->find("ok")) return std::unexpected("neither a greeting, an answer nor an event");
    return read_answer(*parsed);
}

}  // namespace confab::local
