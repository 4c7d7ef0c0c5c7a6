// What `watch CONFERENCE` shows on a terminal: a conference's line and a table of its members, like top. Pure: rows of `list` and `members` in,
// lines out that fit the screen.
#pragma once

#include <span>
#include <string>

#include "local/value.hpp"

namespace confab::bridge {

struct ViewSize {
    std::size_t columns = 80, rows = 24;
};

// `conference` is a row of `list`, or null where it does not run; members who talk or raise a hand come first where not all fit.
std::string live_view(std::string_view number, const local::Value& conference, std::span<const local::Value> members, std::string_view clock,
                      const ViewSize& size);
// The same place while there is nothing to show.
std::string live_notice(std::string_view number, std::string_view sentence, const ViewSize& size);

}  // namespace confab::bridge
