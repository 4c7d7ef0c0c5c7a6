// The program's log: one line a note on stderr, logfmt or JSON. spdlog stays behind log.cpp. Any thread.
// Callers pass texts without secrets; a line is cut at 4 KiB and control characters are escaped, so that no peer can forge a line.
#pragma once

#include <string>
#include <string_view>

#include "base/note.hpp"
#include "base/time.hpp"

namespace confab::log {

enum class Format : unsigned char { logfmt, json };

// The line as `write` sends it to stderr, without its newline.
std::string compose_line(Format format, base::WallTime time, std::string_view program, const base::Note& note);

void open(std::string_view program, Format format, base::Severity least);
bool set_level(std::string_view name);  // debug, info, warning, error
void write(const base::Note& note);
void write(const base::Notes& notes);
void info(std::string_view text);
void warning(std::string_view text);
void error(std::string_view text);
void debug(std::string_view text);

}  // namespace confab::log
