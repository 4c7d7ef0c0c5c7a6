#include "sip-proxy/pattern.hpp"

#include <catch2/catch.hpp>

using namespace confab;
using proxy::Pattern;

TEST_CASE("patterns") {
    struct Row {
        std::string_view pattern, text;
        bool matches, ignoring_case;
    };
    const Row rows[] = {
        {"1234", "1234", true, true},       {"1234", "12345", false, false},     {"1234", "123", false, false},
        {"49*", "49", true, true},          {"49*", "4930", true, true},         {"49*", "50", false, false},
        {"*", "", true, true},              {"*", "x", true, true},              {"?", "", false, false},
        {"12??", "1234", true, true},       {"12??", "123", false, false},       {"\\*97", "*97", true, true},
        {"\\*97", "197", false, false},     {"*ab*ab", "abxabab", true, true},   {"*ab*ab", "abxabax", false, false},
        {"sip:*@A", "sip:b@a", false, true}, {"a\\\\b", "a\\b", true, true},     {"a*b*c", "aXXbYYbc", true, true},
    };
    for (const auto& row : rows) {
        INFO(row.pattern << " " << row.text);
        const auto pattern = Pattern::parse(row.pattern);
        REQUIRE(pattern);
        CHECK(pattern->matches(row.text) == row.matches);
        CHECK(pattern->matches(row.text, true) == row.ignoring_case);
    }
    CHECK_FALSE(Pattern::parse(""));
    CHECK_FALSE(Pattern::parse("a\\"));
    CHECK_FALSE(Pattern::parse(std::string(257, 'a')));
}

TEST_CASE("a pattern of many stars does not take exponential time") {
    std::string stars;
    for (int i = 0; i < 100; ++i) stars += "*a";
    const auto pattern = Pattern::parse(stars + "b");
    REQUIRE(pattern);
    CHECK_FALSE(pattern->matches(std::string(20'000, 'a')));
}

TEST_CASE("header patterns") {
    using Value = config::Value<proxy::HeaderPattern>;
    const auto pattern = Value::parse("X-Phone-PAC :  12* ");
    REQUIRE(pattern);
    CHECK(pattern->name == "X-Phone-PAC");
    CHECK(pattern->value.matches("1299"));
    for (auto text : {"X-Phone-PAC", "X Phone: 1", ": 1", "X-Phone-PAC:", "X\": 1"}) CHECK_FALSE(Value::parse(text));
}
