// What people read about the keys: the example file and the manual page's list.
#include "base/mdoc.hpp"
#include "base/text.hpp"
#include "config/table.hpp"

namespace confab::config {
namespace {

void append_comment(std::string& out, std::string_view text) {
    constexpr std::size_t kColumns = 78;
    std::string line = "#";
    for (auto word : base::split(text, ' ')) {
        if (line.size() > 1 && line.size() + 1 + word.size() > kColumns) {
            out += line + '\n';
            line = "#";
        }
        line += ' ';
        line += word;
    }
    out += line + '\n';
}

void append_setting(std::string& out, const Key& row, std::string_view value, bool in_force) {
    if (!in_force) out += '#';
    out += row.name;
    out += value.empty() ? " =" : " = ";
    out += value;
    out += '\n';
}

void append_example(std::string& out, const Key& row) {
    out += '\n';
    append_comment(out, row.help);
    append_comment(out, "Expects " + row.expected + (row.repeated ? "; may be given several times." : "."));
    if (row.required && row.fallback.empty()) return append_setting(out, row, row.sample, true);
    if (row.fallback.empty() || !row.repeated) return append_setting(out, row, row.fallback.empty() ? row.sample : row.fallback, false);
    for (auto value : base::split(row.fallback, ' ')) append_setting(out, row, value, false);
}

void append_section_example(std::string& out, const Key& section) {
    out += '\n';
    append_comment(out, section.help);
    out += '#' + section.expected + '\n';
    for (const auto& row : section.rows) {
        append_comment(out, row.help);
        append_setting(out, row, row.fallback.empty() ? row.sample : row.fallback, false);
    }
}

void append_mdoc_row(std::string& out, const Key& row) {
    out += ".It Ic " + base::mdoc_word(row.name) + "\n";
    base::append_mdoc_prose(out, row.help);
    base::append_mdoc_prose(out, "Expects " + row.expected + (row.repeated ? "; may be given several times." : "."));
    if (row.required && row.fallback.empty()) base::append_mdoc_prose(out, "Required.");
    if (!row.fallback.empty()) out += "The default is\n.Ql " + base::mdoc_word(row.fallback) + " .\n";
    if (row.live) base::append_mdoc_prose(out, "A reload takes it over.");
}

void append_mdoc_section(std::string& out, const Key& section) {
    out += ".It Bq Ic " + base::mdoc_word(section.name) + " Ar NAME\n";
    base::append_mdoc_prose(out, section.help);
    if (section.live) base::append_mdoc_prose(out, "A reload takes it over.");
    out += ".Bl -tag -width Ds\n";
    for (const auto& row : section.rows) append_mdoc_row(out, row);
    out += ".El\n";
}

}  // namespace

std::string example_file(std::string_view program, const Table& table) {
    std::string out;
    append_comment(out, std::string(program) + ": every key with its default. Lines that begin with # or ; are comments.");
    append_comment(out, "Check a changed file with: " + std::string(program) + " -t -c FILE");
    for (const auto& row : table)
        if (!row.open) append_example(out, row);
    for (const auto& row : table)  // what follows a section's line belongs to it: they come last
        if (row.open) append_section_example(out, row);
    return out;
}

std::string mdoc_list(const Table& table) {
    std::string out = ".Bl -tag -width Ds\n";
    for (const auto& row : table)
        if (!row.open) append_mdoc_row(out, row);
    for (const auto& row : table)
        if (row.open) append_mdoc_section(out, row);
    return out + ".El\n";
}

}  // namespace confab::config
