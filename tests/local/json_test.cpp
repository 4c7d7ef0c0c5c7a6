#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "local/value.hpp"

using confab::local::parse_json;
using confab::local::to_json;
using confab::local::Value;

TEST_CASE("what is read is written the same") {
    for (auto text : {R"({"b":1,"a":[true,false,null,-5,1.5,"x"],"o":{}})", R"("")", "[]", "9223372036854775807", "-9223372036854775808",
                      "2.0", "1e+300", R"("\u0000\u001f\u007f\"\\\n\r\t")", "\"\xc3\xa9\xf0\x9f\x98\x80\""}) {
        INFO(text);
        const auto value = parse_json(text);
        REQUIRE(value);
        CHECK(to_json(*value) == text);
    }
}

TEST_CASE("what is not read") {
    for (const auto& text :
         {std::string(""), std::string("{"), std::string("{}x"), std::string("{'a':1}"), std::string("[1,]"), std::string("nul"),
          std::string("\"\xff\""), std::string("\"\n\""), std::string("9223372036854775808"), std::string("1e400"), std::string(33, '['),
          std::string(33, '[') + std::string(33, ']'), std::string((1 << 20) + 1, ' ')}) {
        INFO(text.substr(0, 40));
        CHECK_FALSE(parse_json(text));
    }
    CHECK(parse_json(std::string(32, '[') + std::string(32, ']')));
}

TEST_CASE("bytes that are not UTF-8 leave as U+FFFD") {
    CHECK(to_json(Value("a\xff\xc0\x80z")) == "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"");
    CHECK(to_json(Value("\xed\xa0\x80")) == "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    CHECK(to_json(Value("\xe2\x82")) == "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST_CASE("numbers that JSON does not have") {
    CHECK(to_json(Value(std::nan(""))) == "null");
    CHECK(to_json(Value(std::numeric_limits<double>::infinity())) == "null");
}

TEST_CASE("members") {
    auto value = Value::object({{"text", "x"}, {"number", 5}, {"flag", true}, {"list", Value::array()}});
    CHECK(value.text("text") == "x");
    CHECK(value.text("number", "other") == "other");
    CHECK(value.integer("number") == 5);
    CHECK(value.integer("absent", -1) == -1);
    CHECK(value.flag("flag"));
    CHECK(value.list("absent").empty());
    value.set("text", "y").set("new", 1);
    CHECK(to_json(value) == R"({"text":"y","number":5,"flag":true,"list":[],"new":1})");
    Value fresh;
    fresh.set("a", 1);
    CHECK(to_json(fresh) == R"({"a":1})");
    Value list;
    list.push(1);
    list.push("b");
    CHECK(to_json(list) == R"([1,"b"])");
    CHECK(Value("text").find("x") == nullptr);
}
