#include "config/source.hpp"

#include <catch2/catch.hpp>

using namespace confab::config;

namespace {

std::vector<std::string> texts(const Problems& problems) {
    std::vector<std::string> out;
    for (const auto& problem : problems) out.push_back(problem.text());
    return out;
}

}  // namespace

TEST_CASE("lines become entries with their place") {
    Problems problems;
    const auto entries =
        split("x.conf", "\xef\xbb\xbf# comment\r\n; another\n\n  realm =  example.org \r\nmenu = *1#2 ; stays\nempty =\n[tone a]\nlast=1",
              problems);
    REQUIRE(texts(problems).empty());
    REQUIRE(entries.size() == 6);
    CHECK(entries[0].place.file == "x.conf");
    CHECK(entries[0].key.empty());
    CHECK(entries[1].key == "realm");
    CHECK(entries[1].value == "example.org");
    CHECK(entries[1].place.line == 4);
    CHECK(entries[2].value == "*1#2 ; stays");
    CHECK(entries[3].value.empty());
    CHECK(entries[4].section == "tone a");
    CHECK(entries[5].section == "tone a");
    CHECK(entries[5].key == "last");
    CHECK(entries[5].place.line == 8);
}

TEST_CASE("every malformed line is a problem of its own") {
    struct Row {
        std::string text, problem;
    };
    const Row rows[] = {
        {"realm example.org", "f:1: realm: expected key = value, got realm example.org"},
        {"\n= x", "f:2: expected a key before '=', got = x"},
        {"[]", "f:1: expected [kind name], got []"},
        {"[open", "f:1: expected [kind name], got [open"},
        {"[", "f:1: expected [kind name], got ["},
        {"a = b\x1b[31m", "f:1: expected text without control characters, got a = b?[31m"},
        {std::string("a = b\0c", 7), "f:1: expected text without control characters, got a = b?c"},
        {"a = " + std::string(8192, 'x'), "f:1: expected a line of at most 8 KiB, got 8196 octets"},
        {std::string((1 << 20) + 1, '\n'), "f: expected at most 1 MiB of text, got 1048577 octets"},
    };
    for (const auto& row : rows) {
        Problems problems;
        split("f", row.text, problems);
        CHECK(texts(problems) == std::vector{row.problem});
    }
    Problems problems;
    split("f", "one\ntwo\nthree", problems);
    CHECK(problems.size() == 3);
}

TEST_CASE("problems are bounded in number and length") {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += "bad\n";
    Problems problems;
    split("f", text, problems);
    CHECK(problems.size() == 1000);
    const Problem problem{{"f", 1}, "k", "text", std::string(5000, 'x')};
    CHECK(problem.text().size() < 200);
}

TEST_CASE("a problem without a value says so") {
    CHECK(Problem{{"f", 0}, "realm", "text", ""}.text() == "f: realm: expected text, got nothing");
}

TEST_CASE("problems without a line come last") {
    Problems problems{{{"f", 0}, "a", "x", "y"}, {{"f", 9}, "b", "x", "y"}, {{"f", 2}, "c", "x", "y"}};
    in_file_order(problems);
    CHECK(problems[0].key == "c");
    CHECK(problems[1].key == "b");
    CHECK(problems[2].key == "a");
}

TEST_CASE("--set replaces what the file says; a second one extends") {
    Problems problems;
    auto entries = split("f", "listen = a\nlisten = b\nrealm = r", problems);
    override_with(entries, "listen=c", problems);
    override_with(entries, " listen = d ", problems);
    std::vector<std::string> values;
    for (const auto& entry : entries)
        if (entry.key == "listen") values.push_back(entry.value);
    CHECK(values == std::vector<std::string>{"c", "d"});
    CHECK(problems.empty());

    override_with(entries, "nonsense", problems);
    override_with(entries, "=x", problems);
    CHECK(texts(problems) == std::vector<std::string>{"command line: --set: expected KEY=VALUE, got nonsense",
                                                      "command line: --set: expected KEY=VALUE, got =x"});
}
