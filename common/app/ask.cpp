#include "app/ask.hpp"

#include "app/present.hpp"
#include "base/text.hpp"
#include "io/file.hpp"
#include "io/local_client.hpp"

namespace confab::app {
namespace {

constexpr base::milliseconds kTimeout{10'000};
constexpr int kRefused = 1;

[[noreturn]] void bad_argument(std::string_view name, std::string_view expected, std::string_view got) {
    throw io::StartupError(io::kUsage, std::string(name) + ": expected " + std::string(expected) + ", got " + std::string(got));
}

std::string read_secret(const std::string& path) {
    if (path == "-") return io::read_line_from_standard_input();
    auto secret = io::read_secret(path);
    if (!secret) throw io::StartupError(io::kUsage, secret.error());
    return std::move(*secret);
}

local::Value text_list(const std::vector<std::string>& texts) {
    auto list = local::Value::array();
    for (const auto& text : texts) list.push(text);
    return list;
}

local::Value value_of(const local::Field& field, const std::string& name, const Invocation& invocation) {
    const std::string text(invocation.text(name));
    if (field.secret) return read_secret(text);
    switch (field.type) {
        case local::FieldType::text:
            return text;
        case local::FieldType::list:
            return text_list(invocation.all(name));
        case local::FieldType::integer: {
            const auto number = base::parse_number<std::int64_t>(text);
            if (!number) bad_argument(name, "a whole number", text);
            return *number;
        }
        case local::FieldType::handle:
            if (const auto number = base::parse_number<std::int64_t>(text)) return *number;
            return text.starts_with('@') ? text.substr(1) : text;
        case local::FieldType::flag:
            if (!field.required || text == "yes") return true;
            if (text != "no") bad_argument(name, "yes or no", text);
            return false;
        case local::FieldType::object:
            break;
    }
    auto object = local::parse_json(text);
    if (!object || !object->as_object()) bad_argument(name, "a JSON object", text);
    return std::move(*object);
}

local::Value arguments_of(const local::Command& command, const Invocation& invocation) {
    auto arguments = local::Value::object();
    for (const auto& field : command.arguments) {
        const auto name = is_positional(command, field) ? argument_name(field) : option_name(field);
        if (invocation.has(name))
            arguments.set(field.name, value_of(field, name, invocation));
        else if (field.required)
            arguments.set(field.name, read_secret("-"));
    }
    return arguments;
}

// False: nobody reads any more.
bool print(Terminal terminal, std::string_view text) {
    return std::fwrite(text.data(), 1, text.size(), terminal.out) == text.size() && std::fflush(terminal.out) == 0;
}

class Printer {
public:
    Printer(const local::Command& command, Terminal terminal, bool json)
        : command_(command), terminal_(terminal), json_(json), table_(command.reply) {}

    bool take(const local::Reply& reply) {
        if (reply.kind != local::Reply::Kind::answer || !reply.ok) return true;
        if (command_.listing && !reply.more) return last_row(reply);
        good_ = print(terminal_, text_of(reply.fields)) && good_;
        return good_;
    }
    bool good() const { return good_; }

private:
    bool last_row(const local::Reply& reply) {
        const auto* members = reply.fields.as_object();
        std::string text = members && !members->empty() ? text_of(reply.fields) : "";
        good_ = print(terminal_, text + table_.finish()) && good_;
        return good_;
    }

    std::string text_of(const local::Value& fields) {
        if (command_.name == "metrics" && !json_) return std::string(fields.text("text"));
        if (json_) return local::to_json(fields) + "\n";
        return command_.listing ? table_.add(fields) : key_lines(fields);
    }

    const local::Command& command_;
    Terminal terminal_;
    bool json_, good_ = true;
    Table table_;
};

int report(const Program& program, Terminal terminal, const local::Failure& failure) {
    const bool unreachable = failure.code == "unavailable" || failure.code == "timeout";
    const auto sentence = unreachable ? failure.message : failure.code + ": " + failure.message;
    std::fprintf(terminal.err, "%s: %s\n", std::string(program.name).c_str(), sentence.c_str());
    return unreachable ? io::kUnavailable : kRefused;
}

}  // namespace

int ask(const Program& program, const local::Command& command, Terminal terminal, const Invocation& invocation) {
    Printer printer(command, terminal, invocation.json);
    const auto answered = io::ask_once(invocation.socket_path, command.name, arguments_of(command, invocation), kTimeout, false,
                                       [&](const local::Reply& reply) { return printer.take(reply); });
    if (!printer.good()) return io::kIoError;
    return answered ? io::kOk : report(program, terminal, answered.error());
}

int watch(const Program& program, Terminal terminal, const Invocation& invocation) {
    bool good = true;
    const auto show = [&](const local::Reply& reply) {
        if (reply.kind == local::Reply::Kind::event)
            good = print(terminal, invocation.json ? local::to_json(reply.fields) + "\n" : event_text(reply.fields));
        return good;
    };
    const auto answered = io::ask_once(invocation.socket_path, "subscribe", local::Value::object(), kTimeout, true, show);
    if (!good) return io::kIoError;
    return answered ? io::kOk : report(program, terminal, answered.error());
}

}  // namespace confab::app
