#include "base/utf8.hpp"

#include <catch2/catch.hpp>

TEST_CASE("lengths of characters, 0 for what is none") {
    struct Row {
        std::string_view text;
        std::size_t length;
    };
    const Row rows[] = {{"a", 1},
                        {"\xc3\xa9", 2},
                        {"\xe2\x82\xac", 3},
                        {"\xf0\x9f\x98\x80", 4},
                        {"\xf4\x8f\xbf\xbf", 4},
                        {"", 0},
                        {"\x80", 0},
                        {"\xc0\x80", 0},
                        {"\xc3", 0},
                        {"\xc3z", 0},
                        {"\xe0\x9f\xbf", 0},
                        {"\xed\xa0\x80", 0},
                        {"\xf0\x8f\xbf\xbf", 0},
                        {"\xf4\x90\x80\x80", 0},
                        {"\xf5\x80\x80\x80", 0},
                        {"\xff", 0}};
    for (const auto& row : rows) CHECK(confab::base::utf8_length(row.text, 0) == row.length);
}
