#include "app/present.hpp"

#include <catch2/catch.hpp>

using namespace confab;
using namespace confab::app;
using local::Value;

namespace {
constexpr local::Field kFields[] = {{"name", local::FieldType::text, true, ""},
                                    {"max_size", local::FieldType::integer, true, ""},
                                    {"open", local::FieldType::flag, true, ""}};
}

TEST_CASE("a listing is a table") {
    Table table(kFields);
    CHECK(table.add(Value::object({{"name", "alice"}, {"max_size", 5}, {"open", true}})).empty());
    CHECK(table.add(Value::object({{"name", "\xc3\xa9\x1b[2J"}, {"max_size", 12345678901}})).empty());
    CHECK(table.finish() ==
          "NAME   MAX_SIZE     OPEN\n"
          "alice  5            yes\n"
          "\xc3\xa9?[2J  12345678901  -\n");
    CHECK(table.finish().empty());
    CHECK(Table(kFields).finish().empty());
}

TEST_CASE("a long listing is printed as it comes") {
    Table table(kFields);
    std::string out;
    for (int i = 0; i < 1500; ++i) out += table.add(Value::object({{"name", std::to_string(i)}}));
    CHECK(std::count(out.begin(), out.end(), '\n') == 1501);
    CHECK(table.finish().empty());
}

TEST_CASE("a single reply is key: value lines") {
    CHECK(key_lines(Value::object(
              {{"state", "running"}, {"list", Value(Value::Array{"a", 2, Value::object({{"k", "v"}, {"n", 1}})})}, {"empty", ""}})) ==
          "state: running\nlist:  a, 2, k=v n=1\nempty:\n");
}

TEST_CASE("an event is a line") {
    CHECK(event_text(Value::object({{"event", "joined"}, {"seq", 4}, {"conference", "1234"}, {"muted", false}})) ==
          "joined conference=1234 muted=no\n");
}
