// A scenario's text, split into steps. Lines: `verb words…`; a line whose first character is `#` is a comment; indented lines belong to the
// step above. The verbs `message` and `receive` without a message's name are followed by a message that ends with a line holding a single
// dot.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace confab::scenario {

struct Step {
    int line = 0;
    std::string verb, rest;
    std::vector<std::string> details;  // the indented lines, trimmed
    std::string message;               // with CRLF line ends
};

class Failed : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

std::vector<Step> parse_script(std::string_view text);
std::vector<std::string> words_of(std::string_view text);
// The first word is taken off the front of `rest`.
std::string take_word(std::string_view& rest);

}  // namespace confab::scenario
