#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "conf-bridge/roster.hpp"
#include "tools/conf-bridge/roster_reader.hpp"

using namespace confab;
using namespace confab::bridge;
using namespace confab::bridge::test;

namespace {

RosterEntry entry(const std::string& user, bool muted = false) {
    return {.entity = "sip:" + user + "@example.org",
            .name = user,
            .status = muted ? "muted-via-focus" : "connected",
            .media = muted ? "recvonly" : "sendrecv",
            .joining = "dialed-in"};
}

struct Reading {
    std::string text;
    std::uint64_t mark = 0;
};
Reading document(const Roster& roster, std::uint32_t version, std::optional<std::uint64_t> known, std::size_t bound = 60'000) {
    Reading reading;
    reading.mark = roster.append_document(
        reading.text, {.entity = "sip:1234@h", .version = version, .name = "Weekly", .max_members = 9, .bound = bound}, known);
    return reading;
}
bool has(const Reading& reading, std::string_view text) { return reading.text.find(text) != std::string::npos; }

}  // namespace

TEST_CASE("a roster's document is RFC 4575's", "[bridge][roster]") {
    Roster roster;
    roster.put(1, entry("alice"));
    auto host = entry("bob", true);
    host.host = true;
    host.name = "Bob <\"&";
    roster.put(2, host);
    CHECK(document(roster, 0, {}).text ==
          "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
          "<conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" entity=\"sip:1234@h\" state=\"full\" version=\"0\">\r\n"
          "<conference-description><display-text>Weekly</display-text><maximum-user-count>9</maximum-user-count></conference-description>\r\n"
          "<conference-state><user-count>2</user-count><active>true</active><locked>false</locked></conference-state>\r\n"
          "<users state=\"full\">\r\n"
          "<user entity=\"sip:alice@example.org\" state=\"full\"><display-text>alice</display-text><roles><entry>participant</entry></roles>\r\n"
          "<endpoint entity=\"sip:1234@h;member=1\" state=\"full\"><status>connected</status><joining-method>dialed-in</joining-method>"
          "<joining-info><when>1970-01-01T00:00:00Z</when></joining-info><media id=\"1\"><type>audio</type><status>sendrecv</status></media>"
          "</endpoint>\r\n</user>\r\n"
          "<user entity=\"sip:bob@example.org\" state=\"full\"><display-text>Bob &lt;&quot;&amp;</display-text><roles><entry>host</entry></roles>\r\n"
          "<endpoint entity=\"sip:1234@h;member=2\" state=\"full\"><status>muted-via-focus</status><joining-method>dialed-in</joining-method>"
          "<joining-info><when>1970-01-01T00:00:00Z</when></joining-info><media id=\"1\"><type>audio</type><status>recvonly</status></media>"
          "</endpoint>\r\n</user>\r\n"
          "</users>\r\n</conference-info>\r\n");
}

TEST_CASE("a partial document tells what its reader does not know", "[bridge][roster]") {
    Roster roster;
    roster.put(1, entry("alice"));
    roster.put(2, entry("bob"));
    const auto first = document(roster, 0, {});
    CHECK(roster.is_all(first.mark));
    roster.put(1, entry("alice"));  // as before
    CHECK(roster.is_all(first.mark));

    roster.put(1, entry("alice", true));
    const auto second = document(roster, 1, first.mark);
    CHECK(has(second, "state=\"partial\" version=\"1\""));
    CHECK(has(second, "muted-via-focus"));
    CHECK_FALSE(has(second, "bob"));

    roster.remove(2);
    const auto third = document(roster, 2, second.mark);
    CHECK(has(third, "<user entity=\"sip:bob@example.org\" state=\"deleted\"/>"));
    CHECK(has(third, "<user-count>1</user-count>"));
    CHECK_FALSE(has(third, "alice"));

    roster.change();
    const auto fourth = document(roster, 3, third.mark);
    CHECK(roster.is_all(fourth.mark));
    CHECK_FALSE(has(fourth, "<users"));

    roster.forget();
    CHECK(has(document(roster, 4, fourth.mark), "state=\"full\" version=\"4\""));
}

TEST_CASE("legs of one identity are endpoints of one user", "[bridge][roster]") {
    Roster roster;
    roster.put(1, entry("alice"));
    roster.put(2, entry("alice"));
    const auto first = document(roster, 0, {});
    CHECK(has(first, "<user-count>1</user-count>"));
    roster.remove(1);
    const auto second = document(roster, 1, first.mark);
    CHECK(has(second, "<user entity=\"sip:alice@example.org\" state=\"partial\">"));
    CHECK(has(second, "<endpoint entity=\"sip:1234@h;member=1\" state=\"deleted\"/>"));
    CHECK_FALSE(has(second, "member=2"));
    Reader reader;
    reader.read(first.text);
    reader.read(second.text);
    CHECK(reader.members() == std::vector<std::string>{"sip:alice@example.org 2 connected participant"});
}

TEST_CASE("those who left long ago are forgotten, and the whole state is told instead", "[bridge][roster]") {
    Roster roster;
    roster.put(1, entry("alice"));
    const auto first = document(roster, 0, {});
    for (std::uint32_t member = 2; member < 2 + Roster::kMostDeparted; ++member) {
        roster.put(member, entry(std::to_string(member)));
        roster.remove(member);
    }
    CHECK(has(document(roster, 1, first.mark), "state=\"partial\""));
    roster.put(9'999, entry("x"));
    roster.remove(9'999);
    CHECK(has(document(roster, 1, first.mark), "state=\"full\""));
}

TEST_CASE("any reader ends with the exact roster, whatever the bound and the pace", "[bridge][roster]") {
    const auto seed = GENERATE(range(1, 9));
    base::Random random(base::Seed{static_cast<std::uint8_t>(seed)});
    Roster roster;
    Reader truth, reader;
    std::optional<std::uint64_t> known;
    std::uint32_t last = 0, version = 0;
    std::vector<std::uint32_t> present;
    for (int step = 0; step < 600; ++step) {
        const auto what = random.below(10);
        if (what < 4 || present.empty()) {
            present.push_back(++last);
            roster.put(last, entry("u" + std::to_string(random.below(40))));
        } else if (what < 7) {
            const auto at = random.below(present.size());
            roster.remove(present[at]);
            present.erase(present.begin() + static_cast<std::ptrdiff_t>(at));
        } else {
            auto changed = entry("u" + std::to_string(random.below(40)), random.below(2) == 0);
            changed.host = random.below(3) == 0;
            roster.put(present[random.below(present.size())], changed);
        }
        if (random.below(50) == 0) known.reset();  // asked anew
        if (random.below(3) == 0) {
            const auto one = document(roster, version++, known, 2'000);
            CHECK(one.text.size() < 4'000);
            reader.read(one.text);
            known = one.mark;
        }
    }
    while (!known || !roster.is_all(*known)) {
        const auto one = document(roster, version++, known, 2'000);
        reader.read(one.text);
        known = one.mark;
    }
    truth.read(document(roster, 0, {}, 1'000'000).text);
    CHECK(truth.members().size() == present.size());
    CHECK(reader.members() == truth.members());
}
