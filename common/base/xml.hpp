// Text of others inside XML 1.0: markup is escaped, and what no document may hold (controls, text that is no UTF-8) becomes a question mark.
// Pure.
#pragma once

#include <string>
#include <string_view>

namespace confab::base {

void append_xml(std::string& out, std::string_view text);  // for element content and quoted attributes
void append_attribute(std::string& out, std::string_view name, std::string_view value);        // ` name="value"`
void append_element(std::string& out, std::string_view name, std::string_view content);       // `<name>content</name>`

}  // namespace confab::base
