#include "base/text.hpp"

#include <catch2/catch.hpp>

using namespace confab::base;

TEST_CASE("text: case-insensitive comparison is ASCII only") {
    CHECK(iequals("Via", "vIA"));
    CHECK_FALSE(iequals("Via", "Vi"));
    CHECK_FALSE(iequals("@", "`"));
    CHECK_FALSE(iequals("\xc4", "\xe4"));
    CHECK(istarts_with("SIP/2.0", "sip/"));
    CHECK_FALSE(istarts_with("SI", "sip"));
    CHECK(to_lower("A-Z[\xc4") == "a-z[\xc4");
}

TEST_CASE("text: trim and split") {
    CHECK(trim(" \t\r\n a b \r\n") == "a b");
    CHECK(trim(" \t ").empty());
    CHECK(split("a,,b,", ',') == std::vector<std::string_view>{"a", "", "b", ""});
    CHECK(split("", ',') == std::vector<std::string_view>{""});
}

TEST_CASE("text: numbers") {
    CHECK(parse_number<std::uint8_t>("255") == 255);
    for (std::string_view bad : {"256", "-1", "+1", " 1", "1 ", "", "0x1", "1.0"}) CHECK_FALSE(parse_number<std::uint8_t>(bad));
    std::string out = "n=";
    append_number(out, 18446744073709551615u);
    CHECK(out == "n=18446744073709551615");
}

TEST_CASE("text: hex") {
    CHECK(hex(std::string_view("\x00\xff\x10", 3)) == "00ff10");
    CHECK(unhex("00fF10") == std::string("\x00\xff\x10", 3));
    for (std::string_view bad : {"0", "0g", "0 "}) CHECK_FALSE(unhex(bad));
}

TEST_CASE("text: base64 of RFC 4648 section 10") {
    struct Row {
        std::string_view bytes, text;
    };
    for (auto [bytes, text] : {Row{"", ""}, Row{"f", "Zg=="}, Row{"fo", "Zm8="}, Row{"foo", "Zm9v"}, Row{"foobar", "Zm9vYmFy"}}) {
        CHECK(base64(bytes) == text);
        CHECK(unbase64(text) == bytes);
    }
    CHECK(base64url("\xfb\xff\xfe") == "-__-");
    CHECK(base64url("f") == "Zg");
    CHECK(unbase64url("-__-") == "\xfb\xff\xfe");
    CHECK(unbase64("Zg") == "f");
    for (std::string_view bad : {"Z", "Zh==", "Zg=", "Z===", "Zm9v=", "Zm 9", "-__-", "Zg==Zg=="}) CHECK_FALSE(unbase64(bad));
}

TEST_CASE("text: constant-time equality") {
    CHECK(equal_in_constant_time("abc", "abc"));
    CHECK_FALSE(equal_in_constant_time("abc", "abd"));
    CHECK_FALSE(equal_in_constant_time("abc", "ab"));
    CHECK(equal_in_constant_time("", ""));
}
