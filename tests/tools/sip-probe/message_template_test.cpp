#include <catch2/catch.hpp>

#include "sip-probe/message_template.hpp"

using namespace confab::probe;

TEST_CASE("gaps are filled, other braces are text") {
    MessageTemplate text("{method} {target} {{x} {call}{call} {unknown} }");
    text[Gap::method] = "OPTIONS";
    text[Gap::target] = "sip:a";
    text[Gap::call] = "1";
    std::string out = "> ";
    text.append(out);
    CHECK(out == "> OPTIONS sip:a {{x} 11 {unknown} }");
    text[Gap::call] = "";
    out.clear();
    text.append(out);
    CHECK(out == "OPTIONS sip:a {{x}  {unknown} }");
}

TEST_CASE("a text without gaps stays as it is") {
    for (const char* text : {"", "plain", "{", "}", "{}", "{method"}) {
        std::string out;
        MessageTemplate(text).append(out);
        CHECK(out == text);
    }
}
