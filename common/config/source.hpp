// Configuration text split into entries: `key = value` lines, `[kind name]` sections, comments where `#` or `;` is the first character of a
// line. Pure: text in, entries and problems out. Values keep `#` and inner spaces; outer white space goes. Bounds: a text of 1 MiB, a line
// of 8 KiB, 1000 problems.
//
// Entries without a key mark a place: the first entry of a text names its file, and each `[kind name]` line has one of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace confab::config {

struct Place {
    std::string file;  // "command line" for --set
    int line = 0;      // 0: no line
};

struct Entry {
    std::string section;  // "kind name", "" at the top
    std::string key, value;
    Place place;
};
using Entries = std::vector<Entry>;

struct Problem {
    Place place;
    std::string key, expected, got;
    std::string text() const;  // "file:line: key: expected …, got …"
};
using Problems = std::vector<Problem>;

void in_file_order(Problems& problems);  // by line; what has no line comes last

Entries split(const std::string& file, std::string_view text, Problems& problems);
// "key=value" of --set: replaces every entry of that key (a list key is replaced whole by the first --set, extended by the next).
void override_with(Entries& entries, std::string_view assignment, Problems& problems);

}  // namespace confab::config
