// UTF-8 (RFC 3629) as far as we need it: peers' bytes go into JSON and logs, which must be valid text. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace confab::base {

// Octets of the character that begins at `at`; 0 where none begins (stray continuation, overlong, surrogate, above U+10FFFF, cut off).
std::size_t utf8_length(std::string_view text, std::size_t at);

}  // namespace confab::base
