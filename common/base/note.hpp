// What a core would like to have logged. Cores do not log: they return notes and the shell hands them to `log`.
// `text` never holds a secret (passcode, PIN, password, digits).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace confab::base {

enum class Severity : std::uint8_t { debug, info, warning, error };

struct Note {
    Severity severity = Severity::info;
    std::string text;         // one sentence, logfmt pairs after it: "binding added address=sip:a@x contact=…"
    std::string correlation;  // the call's correlation id, where there is one
};

using Notes = std::vector<Note>;

}  // namespace confab::base
