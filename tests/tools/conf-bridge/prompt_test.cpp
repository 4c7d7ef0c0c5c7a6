#include "conf-bridge/prompt.hpp"

#include <catch2/catch.hpp>

using namespace confab::bridge;

TEST_CASE("the best language that the bridge speaks", "[bridge]") {
    const std::vector<std::string> known = {"de", "en", "fr"};
    struct Row {
        const char* wish;
        std::size_t index;
    };
    const Row rows[] = {{"de", 0}, {"DE", 0}, {"en", 1}, {"fr-CA", 2}, {"de-CH-1996", 0}, {"it", 3}, {"", 3}, {"it, fr;q=0.3, en;q=0.7", 1},
                        {"it;q=1, fr", 2}, {"en;q=0", 3}, {"en;q=x, de;q=0.001", 0}, {"d", 3}, {"-", 3}, {",,;q=1,", 3}, {"en;q=0.5, de;q=0.5", 1}};
    for (const auto& row : rows) {
        CAPTURE(row.wish);
        CHECK(language_of(row.wish, known) == row.index);
    }
}

TEST_CASE("numbers are words up to twenty, and digits above", "[bridge]") {
    const auto names = [](std::uint64_t number) {
        std::string text;
        for (const auto name : spoken(number)) text += std::string(kPromptFiles[static_cast<std::size_t>(name)]) + ' ';
        return text;
    };
    CHECK(names(0) == "0 ");
    CHECK(names(20) == "20 ");
    CHECK(names(21) == "2 1 ");
    CHECK(names(407) == "4 0 7 ");
}
