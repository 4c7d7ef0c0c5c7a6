#include "base/xml.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace confab::base {
namespace {

// U+FFFE and U+FFFF are valid UTF-8 and no characters.
bool is_character(std::string_view character) {
    if (character.size() == 1) return static_cast<unsigned char>(character.front()) >= ' ';
    return !character.empty() && character != "\xef\xbf\xbe" && character != "\xef\xbf\xbf";
}

}  // namespace

void append_xml(std::string& out, std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto length = utf8_length(text, at);
        const auto character = text.substr(at, length);
        at += std::max<std::size_t>(length, 1);
        if (!is_character(character)) {
            out += '?';
            continue;
        }
        switch (character.front()) {
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '&': out += "&amp;"; break;
            case '"': out += "&quot;"; break;
            default: out += character;
        }
    }
}

void append_attribute(std::string& out, std::string_view name, std::string_view value) {
    out.append(" ").append(name).append("=\"");
    append_xml(out, value);
    out += '"';
}

void append_element(std::string& out, std::string_view name, std::string_view content) {
    out.append("<").append(name).append(">");
    append_xml(out, content);
    out.append("</").append(name).append(">");
}

}  // namespace confab::base
