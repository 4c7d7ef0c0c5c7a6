#include "local/value.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/utf8.hpp"

namespace confab::local {
namespace {

void append_escape(std::string& out, char c) {
    switch (c) {
        case '"':
            out += "\\\"";
            break;
        case '\\':
            out += "\\\\";
            break;
        case '\n':
            out += "\\n";
            break;
        case '\r':
            out += "\\r";
            break;
        case '\t':
            out += "\\t";
            break;
        default:
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
}

// Peers' bytes end up in replies: what is not UTF-8 becomes U+FFFD, so that a line stays one line of valid JSON.
void append_text(std::string& out, std::string_view text) {
    out += '"';
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        const auto length = base::utf8_length(text, at);
        if (length == 0)
            out += "\xef\xbf\xbd";
        else if (length == 1 && (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' || c == 0x7f))
            append_escape(out, c);
        else
            out.append(text, at, length);
        at += length == 0 ? 1 : length;
    }
    out += '"';
}

void append_double(std::string& out, double value) {
    if (!std::isfinite(value)) {
        out += "null";
        return;
    }
    const auto before = out.size();
    fmt::format_to(std::back_inserter(out), "{}", value);
    if (out.find_first_of(".e", before) == out.npos) out += ".0";
}

struct Writer {
    std::string& out;

    void operator()(std::monostate) { out += "null"; }
    void operator()(bool value) { out += value ? "true" : "false"; }
    void operator()(std::int64_t value) { fmt::format_to(std::back_inserter(out), "{}", value); }
    void operator()(double value) { append_double(out, value); }
    void operator()(const std::string& value) { append_text(out, value); }
    void operator()(const Value::Array& values) {
        out += '[';
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (i > 0) out += ',';
            append_json(out, values[i]);
        }
        out += ']';
    }
    void operator()(const Value::Object& members) {
        out += '{';
        for (std::size_t i = 0; i < members.size(); ++i) {
            if (i > 0) out += ',';
            append_text(out, members[i].first);
            out += ':';
            append_json(out, members[i].second);
        }
        out += '}';
    }
};

}  // namespace

Value Value::object(std::initializer_list<Member> members) {
    Value value;
    value.held_ = Object(members);
    return value;
}

const Value* Value::find(std::string_view name) const {
    if (const auto* members = as_object())
        for (const auto& [key, value] : *members)
            if (key == name) return &value;
    return nullptr;
}

std::string_view Value::text(std::string_view name, std::string_view fallback) const {
    const auto* member = find(name);
    const auto* held = member ? member->as_text() : nullptr;
    return held ? std::string_view(*held) : fallback;
}

std::int64_t Value::integer(std::string_view name, std::int64_t fallback) const {
    const auto* member = find(name);
    const auto* held = member ? member->as_integer() : nullptr;
    return held ? *held : fallback;
}

bool Value::flag(std::string_view name, bool fallback) const {
    const auto* member = find(name);
    const auto* held = member ? member->as_bool() : nullptr;
    return held ? *held : fallback;
}

const Value::Array& Value::list(std::string_view name) const {
    static const Array kNone;
    const auto* member = find(name);
    const auto* held = member ? member->as_array() : nullptr;
    return held ? *held : kNone;
}

Value& Value::set(std::string_view name, Value value) {
    if (!as_object()) held_ = Object{};
    auto& members = std::get<Object>(held_);
    for (auto& [key, old] : members) {
        if (key != name) continue;
        old = std::move(value);
        return *this;
    }
    members.emplace_back(std::string(name), std::move(value));
    return *this;
}

void Value::append(std::string name, Value value) {
    if (!as_object()) held_ = Object{};
    std::get<Object>(held_).emplace_back(std::move(name), std::move(value));
}

void Value::push(Value value) {
    if (!as_array()) held_ = Array{};
    std::get<Array>(held_).push_back(std::move(value));
}

std::string to_json(const Value& value) {
    std::string out;
    append_json(out, value);
    return out;
}

void append_json(std::string& out, const Value& value) { value.visit(Writer{out}); }

}  // namespace confab::local
