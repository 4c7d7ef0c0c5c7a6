// Changes of bindings as octets: what one row of the database's journal holds, one change after another in their order. Pure.
//
// Read again at start: a change that sets a binding replaces the one of its key. The octets are our own and yet checked: a damaged row is an error, never a crash.
// A new field of sip::Binding is a new kind of record; old kinds stay readable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sip/binding.hpp"

namespace confab::registrar {

class Journal {
public:
    void add(bool removed, const sip::Binding& binding);
    void add(std::string_view octets, std::size_t changes);  // of another journal

    std::string_view octets() const { return octets_; }
    std::size_t changes() const { return changes_; }
    void clear();  // keeps its capacity, unless it was a burst's

private:
    std::string octets_;
    std::size_t changes_ = 0;
};

struct JournalEntry {
    bool removed = false;
    sip::Binding binding;  // slices of the octets; of a removed one its key alone
};

// The next change, taken off `octets`. False: they are damaged.
bool read_change(std::string_view& octets, JournalEntry& entry);

}  // namespace confab::registrar
