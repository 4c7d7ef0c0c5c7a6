#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "conf-bridge/live_view.hpp"

using namespace confab;
using namespace confab::bridge;

namespace {

using local::Value;

Value member(int number, std::string_view identity, std::initializer_list<Value::Member> more = {}) {
    auto row = Value::object({{"member", number}, {"identity", identity}, {"name", ""}, {"role", "participant"}, {"state", "joined"}});
    for (const auto& [name, value] : more) row.set(name, value);
    return row;
}
const Value kWeekly = Value::object({{"conference", "1234"}, {"name", "Weekly"}, {"members", 2}, {"max_members", 10}, {"locked", true}, {"recording", true}});

std::string plain(const std::string& text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\x1b')
            at = text.find('m', at);
        else
            out += text[at];
    }
    return out;
}
std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> out;
    const auto flat = plain(text);
    for (const auto line : base::split(flat, '\n')) out.emplace_back(line);
    out.pop_back();  // behind the last newline
    return out;
}
std::size_t width(const std::string& line) {
    std::size_t count = 0;
    for (const char c : line) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
    return count;
}

}  // namespace

TEST_CASE("the live table at 80 columns", "[bridge][watch]") {
    const std::vector<Value> members = {
        member(1, "sip:alice@example.org",
               {{"name", "Alice"}, {"role", "host"}, {"talking", true}, {"level", -24}, {"loss", 0.4}, {"jitter_ms", 7}, {"mos", 4.31}}),
        member(12, "anonymous-12", {{"muted", true}, {"hand", true}, {"level", -127}, {"loss", Value()}}),
        member(13, "sip:bob@example.org", {{"state", "held"}}),
    };
    const auto view = lines(live_view("1234", kWeekly, members, "since 10:00", {80, 24}));
    REQUIRE(view.size() == 6);
    CHECK(view[0] == "1234 Weekly  2 of 10 members  locked  recorded  1 talking" + std::string(11, ' ') + "since 10:00");
    CHECK(view[1] == "   # WHO                         ROLE TMDH LEVEL        LOSS%   JIT   RTT   MOS");
    CHECK(view[2] == "   1 Alice <alice@example.org>   host T    ||||||         0.4     7     -   4.3");
    CHECK(view[3] == "  12 anonymous-12                      M H                  -     -     -     -");
    CHECK(view[4] == "  13 bob@example.org                       held             -     -     -     -");
    CHECK(view[5].starts_with("q ends"));
}

TEST_CASE("the live table fits any screen", "[bridge][watch]") {
    std::vector<Value> members;
    for (int i = 1; i <= 50; ++i) members.push_back(member(i, "sip:a-very-long-name-of-a-user-\xc3\xbc\xc3\xbc\xc3\xbc@example.org", {{"talking", i == 40}}));
    const auto columns = GENERATE(std::size_t{1}, 20, 60, 80, 200);
    const auto rows = GENERATE(std::size_t{1}, 4, 24, 60);
    const auto view = lines(live_view("1234", kWeekly, members, "since 10:00", {columns, rows}));
    CHECK(view.size() <= std::max<std::size_t>(rows, 4));
    for (const auto& line : view) CHECK(width(line) <= columns);
    for (const auto& line : lines(live_notice("1234", "is not running", {columns, rows}))) CHECK(width(line) <= columns);
}

TEST_CASE("who talks is shown although not all fit", "[bridge][watch]") {
    std::vector<Value> members;
    for (int i = 1; i <= 50; ++i) members.push_back(member(i, "sip:u" + std::to_string(i) + "@h", {{"talking", i == 40}, {"hand", i == 50}}));
    const auto view = live_view("1234", kWeekly, members, "", {80, 10});
    CHECK(view.find("u40@h") != std::string::npos);
    CHECK(view.find("u50@h") != std::string::npos);
    CHECK(view.find("43 more") != std::string::npos);
}

TEST_CASE("a peer's text cannot steer the terminal", "[bridge][watch]") {
    const std::vector<Value> members = {member(1, "sip:x@h", {{"name", "\x1b[2Jevil\r\n"}})};
    const auto view = live_view("1234", kWeekly, members, "", {80, 24});
    CHECK(view.find("\x1b[2J") == std::string::npos);
    CHECK(view.find('\r') == std::string::npos);
}
