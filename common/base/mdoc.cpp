#include "base/mdoc.hpp"

namespace confab::base {
namespace {

void append_escaped(std::string& out, std::string_view text) {
    for (char c : text) {
        if (c == '\\')
            out += "\\e";
        else if (c == '\n')
            out += ' ';
        else
            out += c;
    }
}

}  // namespace

std::string mdoc_word(std::string_view text) {
    std::string escaped;
    append_escaped(escaped, text);
    std::string out = "\\&";
    for (char c : escaped) {
        if (c == '"')
            out += "\\(dq";
        else
            out += c;
    }
    return out.find(' ') == out.npos ? out : '"' + out + '"';
}

void append_mdoc_prose(std::string& out, std::string_view prose) {
    while (!prose.empty()) {
        auto end = prose.find(". ");
        const auto sentence = prose.substr(0, end == prose.npos ? end : end + 1);
        prose.remove_prefix(end == prose.npos ? prose.size() : end + 2);
        if (sentence.empty()) continue;
        if (sentence.front() == '.' || sentence.front() == '\'') out += "\\&";
        const auto start = out.size();
        append_escaped(out, sentence);
        if (out[start] >= 'a' && out[start] <= 'z') out[start] = static_cast<char>(out[start] - 'a' + 'A');
        if (sentence.find_last_of(".:?!") != sentence.size() - 1) out += '.';
        out += '\n';
    }
}

}  // namespace confab::base
