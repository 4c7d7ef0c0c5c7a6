// Text for manual pages in mdoc(7), escaped so that no word of ours is taken for a macro. Pure.
#pragma once

#include <string>
#include <string_view>

namespace confab::base {

std::string mdoc_word(std::string_view text);  // one argument of a macro line, quoted where it has spaces
// Each sentence on a line of its own, as mandoc asks; a fragment gets a capital and a full stop.
void append_mdoc_prose(std::string& out, std::string_view prose);

}  // namespace confab::base
