#include <catch2/catch.hpp>

#include "base/xml.hpp"

using namespace confab;

namespace {
std::string escaped(std::string_view text) {
    std::string out;
    base::append_xml(out, text);
    return out;
}
}  // namespace

TEST_CASE("text of others cannot leave its place in XML", "[xml]") {
    CHECK(escaped("a<b>&\"c'") == "a&lt;b&gt;&amp;&quot;c'");
    CHECK(escaped("]]>") == "]]&gt;");
    CHECK(escaped(std::string_view("a\0\t\r\n\x1b", 6)) == "a?????");
    CHECK(escaped("J\xc3\xbcrgen \xf0\x9f\x98\x80") == "J\xc3\xbcrgen \xf0\x9f\x98\x80");
    CHECK(escaped("\xff\xc3(\xed\xa0\x80") == std::string(2, char(63)) + "(" + std::string(3, char(63)));
    CHECK(escaped("\xef\xbf\xbf|\xef\xbf\xbe|\xef\xbf\xbd") == "?|?|\xef\xbf\xbd");
}

TEST_CASE("attributes and elements", "[xml]") {
    std::string out = "<a";
    base::append_attribute(out, "b", "1\"2");
    out += '>';
    base::append_element(out, "c", "<");
    CHECK(out == "<a b=\"1&quot;2\"><c>&lt;</c>");
}
