// What happened to a call-detail record, as a core tells it to the file that keeps them (io/call_log.hpp). A value.
#pragma once

#include <cstdint>
#include <string>

namespace confab::base {

struct CallEntry {
    enum class Kind : std::uint8_t {
        opened,  // there is a call, or more to tell of it: `line` is all that there is
        closed,  // over, or failed at once: `line` is the record
    };
    Kind kind = Kind::closed;
    std::string id, line;   // JSON without a newline, with this id as its member "id"
    bool was_open = false;  // closed: an `opened` came before
};

}  // namespace confab::base
