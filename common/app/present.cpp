#include "app/present.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace confab::app {
namespace {

constexpr std::size_t kRowsThatSettle = 1000;

std::string printable(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const auto length = base::utf8_length(text, at);
        const auto octet = static_cast<unsigned char>(text[at]);
        const bool control =
            octet < 0x20 || octet == 0x7f || (octet == 0xc2 && length == 2 && static_cast<unsigned char>(text[at + 1]) < 0xa0);
        if (length == 0 || control)
            out += '?';
        else
            out.append(text, at, length);
        at += std::max<std::size_t>(length, 1);
    }
    return out;
}

// Code points, near enough to columns.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void append_padded(std::string& out, std::string_view text, std::size_t width) {
    out += text;
    if (const auto used = width_of(text); used < width) out.append(width - used, ' ');
}

std::string shown_members(const local::Value::Object& members) {
    std::string out;
    for (const auto& [name, value] : members) out += (out.empty() ? "" : " ") + printable(name) + "=" + shown(value);
    return out;
}

}  // namespace

std::string shown(const local::Value& value) {
    if (const auto* text = value.as_text()) return printable(*text);
    if (const auto* flag = value.as_bool()) return *flag ? "yes" : "no";
    if (const auto* members = value.as_object()) return shown_members(*members);
    if (value.is_null()) return "";
    const auto* values = value.as_array();
    if (!values) return local::to_json(value);
    std::string out;
    for (const auto& item : *values) out += (out.empty() ? "" : ", ") + shown(item);
    return out;
}

std::string Table::add(const local::Value& row) {
    std::vector<std::string> cells;
    for (const auto& field : fields_) {
        const auto* value = row.find(field.name);
        auto cell = value ? shown(*value) : std::string();
        cells.push_back(cell.empty() ? "-" : std::move(cell));
    }
    if (!widths_.empty()) return line(cells);
    held_.push_back(std::move(cells));
    return held_.size() < kRowsThatSettle ? "" : settle();
}

std::string Table::finish() { return widths_.empty() && !held_.empty() ? settle() : ""; }

std::string Table::settle() {
    std::vector<std::string> header;
    for (const auto& field : fields_) {
        auto& name = header.emplace_back(field.name);
        for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    held_.insert(held_.begin(), std::move(header));
    widths_.assign(fields_.size(), 0);
    for (const auto& cells : held_)
        for (std::size_t i = 0; i < cells.size(); ++i) widths_[i] = std::max(widths_[i], width_of(cells[i]));
    std::string out;
    for (const auto& cells : held_) out += line(cells);
    held_.clear();
    return out;
}

std::string Table::line(const std::vector<std::string>& cells) const {
    std::string out;
    for (std::size_t i = 0; i + 1 < cells.size(); ++i) append_padded(out, cells[i], widths_[i] + 2);
    if (!cells.empty()) out += cells.back();
    return out + "\n";
}

std::string key_lines(const local::Value& reply) {
    std::string out;
    const auto* members = reply.as_object();
    if (!members) return out;
    std::size_t width = 0;
    for (const auto& [name, value] : *members) width = std::max(width, name.size());
    for (const auto& [name, value] : *members) {
        append_padded(out, printable(name) + ":", width + 2);
        out += shown(value);
        while (out.ends_with(' ')) out.pop_back();
        out += '\n';
    }
    return out;
}

std::string event_text(const local::Value& event) {
    auto out = printable(event.text("event"));
    if (const auto* members = event.as_object())
        for (const auto& [name, value] : *members)
            if (name != "event" && name != "seq") out += " " + printable(name) + "=" + shown(value);
    return out + "\n";
}

}  // namespace confab::app
