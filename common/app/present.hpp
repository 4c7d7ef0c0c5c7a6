// How replies look: a table for people, one JSON object a line for programs. Text of peers is shown without control characters. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "local/messages.hpp"

namespace confab::app {

std::string shown(const local::Value& value);  // one cell: text as it is, yes or no, lists separated by commas

// Rows of one listing under a header; the columns are the fields, in their order.
class Table {
public:
    explicit Table(std::span<const local::Field> fields) : fields_(fields) {}
    // The widths are settled by the first rows; a text to print comes out when they are, and for each row after that.
    std::string add(const local::Value& row);
    std::string finish();  // what is still held back; "" for an empty listing

private:
    std::string settle();
    std::string line(const std::vector<std::string>& cells) const;

    std::span<const local::Field> fields_;
    std::vector<std::vector<std::string>> held_;
    std::vector<std::size_t> widths_;  // empty until settled
};

std::string key_lines(const local::Value& reply);   // "key: value" for each member, values aligned
std::string event_text(const local::Value& event);  // "joined conference=1234 member=3"

}  // namespace confab::app
