#include "base/mdoc.hpp"

#include <catch2/catch.hpp>

using namespace confab::base;

TEST_CASE("a word of a macro line") {
    CHECK(mdoc_word("No") == "\\&No");
    CHECK(mdoc_word("two words") == "\"\\&two words\"");
    CHECK(mdoc_word("a\\b\"c") == "\\&a\\eb\\(dqc");
}

TEST_CASE("prose has a sentence a line") {
    struct Row {
        std::string_view prose, page;
    };
    const Row rows[] = {{"One. Two.", "One.\nTwo.\n"},
                        {"a fragment", "A fragment.\n"},
                        {".Sh no macro", "\\&.Sh no macro.\n"},
                        {"", ""},
                        {"'x", "\\&'x.\n"},
                        {"a\nb \\n", "A b \\en.\n"}};
    for (const auto& row : rows) {
        std::string page;
        append_mdoc_prose(page, row.prose);
        CHECK(page == row.page);
    }
}
