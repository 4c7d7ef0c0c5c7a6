#include "base/csv.hpp"

#include <catch2/catch.hpp>

using confab::base::CsvReader;

namespace {

// Records as "line: field|field", problems as "line! what"; fed in pieces of `step` octets.
std::vector<std::string> read(std::string_view text, std::size_t step, std::size_t longest = 100) {
    CsvReader reader(longest);
    std::vector<std::string> out;
    const auto take = [&] {
        while (const auto result = reader.next()) {
            if (!*result) {
                out.push_back(std::to_string(result->error().line) + "! " + std::string(result->error().what));
                continue;
            }
            std::string record;
            for (const auto& field : (*result)->fields) record += (record.empty() ? "" : "|") + field;
            out.push_back(std::to_string((*result)->line) + ": " + record);
        }
    };
    for (std::size_t at = 0; at < text.size(); at += step) {
        reader.feed(text.substr(at, step));
        take();
    }
    reader.finish();
    take();
    return out;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("csv: records, quotes and line ends of all kinds") {
    const auto step = GENERATE(std::size_t{1}, std::size_t{3}, std::size_t{1000});
    CHECK(read("a,b\nc,d", step) == Lines{"1: a|b", "2: c|d"});
    CHECK(read("a,b\r\nc,d\r\n", step) == Lines{"1: a|b", "2: c|d"});
    CHECK(read("\xef\xbb\xbfuser,password\r\n", step) == Lines{"1: user|password"});
    CHECK(read("a,\"b,\"\"c\"\"\r\nd\"\r\ne,f\n", step) == Lines{"1: a|b,\"c\"\r\nd", "3: e|f"});
    CHECK(read("\n\r\na,b\n\n", step) == Lines{"3: a|b"});
    CHECK(read("a\rb,\"c\r\"\r\n", step) == Lines{"1: a\rb|c\r"});
    CHECK(read("a,\n", step) == Lines{"1: a|"});
    CHECK(read("", step) == Lines{});
}

TEST_CASE("csv: what is malformed is told with its line, and the next line is read") {
    const auto step = GENERATE(std::size_t{1}, std::size_t{1000});
    CHECK(read("a\"b,c\nd,e\n", step) == Lines{"1! a quote stands inside a field that is not quoted", "2: d|e"});
    CHECK(read("\"a\"b,c\nd,e\n", step) == Lines{"1! text follows the closing quote of a field", "2: d|e"});
    CHECK(read("\"a\"\rb\nd,e\n", step) == Lines{"1! text follows the closing quote of a field", "2: d|e"});
    CHECK(read("a,b\nc,\"d\n", step) == Lines{"1: a|b", "2! a quoted field does not end"});
    CHECK(read("a," + std::string(20, 'x') + "\nd,e\n", step, 10) == Lines{"1! the record is too long", "2: d|e"});
    CHECK(read("a,b\n" + std::string(20, 'x'), step, 10) == Lines{"1: a|b", "2! the record is too long"});
}

TEST_CASE("csv: what is written is read back") {
    std::string text;
    for (std::string_view field : {"plain", "with,comma", "with \"quotes\"", "two\r\nlines", ""}) {
        if (!text.empty()) text += ',';
        confab::base::append_csv_field(text, field);
    }
    CHECK(read(text + "\r\n", 1) == Lines{"1: plain|with,comma|with \"quotes\"|two\r\nlines|"});
}
