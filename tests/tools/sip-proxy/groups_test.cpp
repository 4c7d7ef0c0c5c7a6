#include "sip-proxy/groups.hpp"

#include <catch2/catch.hpp>
#include <map>

using namespace confab;
using namespace confab::proxy;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct Sections {
    std::vector<GroupSettings> groups;
};

std::vector<GroupSettings> settings_of(std::string_view text) {
    static const config::Table kTable = {config::section("group", &Sections::groups, "Next hops.", group_keys())};
    config::Problems problems;
    auto sections = config::read<Sections>(kTable, config::split("f", text, problems), problems);
    REQUIRE(problems.empty());
    return std::move(sections.groups);
}

const base::Instant kStart{seconds(1000)};

struct Fixture {
    explicit Fixture(std::string_view text) { groups.configure(settings_of(text)); }

    // Last octets of the members in the order to try.
    std::string order(base::Instant now = kStart, std::string_view key = "1234") {
        std::string out;
        for (const auto& choice : groups.pick(now, "g", key)) out += choice.uri[std::string_view("sip:127.0.0.").size()];
        return out;
    }
    MemberId member(std::size_t index) { return groups.conditions(kStart)[index].member; }
    bool heard(std::size_t index, int status, bool is_probe = false, base::Instant now = kStart, seconds retry_after = seconds(0)) {
        std::uint32_t number = 0;
        if (is_probe) {
            clock += seconds(3600);
            for (const auto& probe : groups.due_probes(clock))
                if (probe.member == member(index)) number = probe.number;
            REQUIRE(number != 0);
        }
        return groups.heard(now, member(index), {status, retry_after, number});
    }
    base::Instant clock = kStart + seconds(100'000);  // of probes alone

    Groups groups{base::Seed{3}};
};

constexpr std::string_view kThree =
    "[group g]\nmember = udp:127.0.0.1:5060 priority=1\nmember = tcp:127.0.0.2:5060 priority=2 may-redirect\nmember = sip:127.0.0.3 priority=1 weight=3\n";

}  // namespace

TEST_CASE("priorities come before weights, and weights hold over many requests") {
    Fixture fixture(kThree);
    std::map<std::string, int> seen;
    for (int i = 0; i < 4000; ++i) ++seen[fixture.order()];
    CHECK(seen.size() == 2);
    CHECK(seen["312"] + seen["132"] == 4000);
    CHECK(seen["312"] > 2850);  // 3 of 4
    CHECK(seen["312"] < 3150);
    const auto choices = fixture.groups.pick(kStart, "g", "");
    CHECK(choices[2].uri == "sip:127.0.0.2:5060;transport=tcp");
    CHECK(choices[2].may_redirect);
    CHECK_FALSE(choices[0].may_redirect);
    CHECK(fixture.groups.pick(kStart, "absent", "").empty());
}

TEST_CASE("turns go round, and a number keeps its member until that fails") {
    Fixture turns("[group g]\nalgorithm = turns\nmember = udp:127.0.0.1:5060\nmember = udp:127.0.0.2:5060\nmember = udp:127.0.0.3:5060\n");
    CHECK(turns.order() == "123");
    CHECK(turns.order() == "231");
    CHECK(turns.order() == "312");
    CHECK(turns.order() == "123");

    Fixture number("[group g]\nalgorithm = number\nmember = udp:127.0.0.1:5060\nmember = udp:127.0.0.2:5060\nmember = udp:127.0.0.3:5060\n");
    std::map<char, int> first;
    for (int i = 0; i < 300; ++i) {
        const auto key = std::to_string(i);
        const auto order = number.order(kStart, key);
        REQUIRE(order == number.order(kStart, key));
        ++first[order[0]];
    }
    for (auto [member, count] : first) CHECK(count > 60);
    const auto before = number.order(kStart, "1234");
    const auto index = static_cast<std::size_t>(before[0] - '1');
    number.heard(index, 0);
    CHECK(number.heard(index, 0));
    CHECK(number.order(kStart, "1234") == before.substr(1));
}

TEST_CASE("fewest calls first, and a limit keeps a member from more") {
    Fixture fixture("[group g]\nalgorithm = least\nmember = udp:127.0.0.1:5060 limit=2\nmember = udp:127.0.0.2:5060 weight=2\n");
    fixture.groups.took_call(fixture.member(0));
    CHECK(fixture.order() == "21");
    fixture.groups.took_call(fixture.member(1));
    fixture.groups.took_call(fixture.member(1));
    fixture.groups.took_call(fixture.member(1));
    fixture.groups.took_call(fixture.member(1));
    CHECK(fixture.order() == "12");
    fixture.groups.took_call(fixture.member(0));
    CHECK(fixture.order() == "2");
    fixture.groups.ended_call(fixture.member(0));
    CHECK(fixture.order() == "12");
    fixture.groups.ended_call(99);
}

TEST_CASE("failures in a row put a member down, answers to probes put it up again") {
    Fixture fixture(std::string(kThree) + "probe-failures = 2\nprobe-recoveries = 2\n");
    CHECK_FALSE(fixture.heard(0, 0));
    CHECK_FALSE(fixture.heard(0, 200));  // not in a row
    CHECK_FALSE(fixture.heard(0, 503));
    CHECK(fixture.heard(0, 408, true));
    CHECK(fixture.order() == "32");
    CHECK_FALSE(fixture.heard(0, 0));
    CHECK_FALSE(fixture.heard(0, 486));  // a late answer to a call proves nothing
    CHECK(fixture.order() == "32");
    CHECK_FALSE(fixture.heard(0, 404, true));  // whatever it says, it speaks
    CHECK_FALSE(fixture.heard(0, 0, true));    // not in a row
    CHECK_FALSE(fixture.heard(0, 200, true));
    CHECK(fixture.heard(0, 200, true));
    CHECK(fixture.order().size() == 3);
    CHECK_FALSE(fixture.groups.heard(kStart, 99, {}));
}

TEST_CASE("a busy member rests as long as it asks for, within reason") {
    Fixture fixture(kThree);
    CHECK_FALSE(fixture.heard(2, 503, false, kStart, seconds(20)));
    CHECK(fixture.order() == "12");
    CHECK(fixture.order(kStart + seconds(19)) == "12");
    CHECK(fixture.order(kStart + seconds(20)).size() == 3);
    fixture.heard(2, 503, false, kStart, seconds(1'000'000));
    CHECK(fixture.order(kStart + seconds(600)).size() == 3);
}

TEST_CASE("probes are due one interval apart") {
    Fixture fixture(std::string(kThree) + "probe-interval = 10s\n");
    auto next = fixture.groups.next_probe();
    REQUIRE(next);
    CHECK(*next <= kStart);
    CHECK(fixture.groups.due_probes(kStart).size() == 3);
    CHECK(fixture.groups.due_probes(kStart + milliseconds(9999)).empty());
    CHECK(*fixture.groups.next_probe() == kStart + seconds(10));
    CHECK(fixture.groups.due_probes(kStart + seconds(25)).size() == 3);  // not made up for
    CHECK(fixture.groups.due_probes(kStart + seconds(25)).empty());
}

TEST_CASE("an unanswered probe is overdue with the next, and its own late outcome counts no more") {
    Fixture fixture(std::string(kThree) + "probe-interval = 1s\nprobe-failures = 1\n");
    const auto first = fixture.groups.due_probes(kStart);
    REQUIRE(first.size() == 3);
    CHECK_FALSE(first[0].overdue);
    CHECK_FALSE(fixture.groups.heard(kStart, first[1].member, {200, seconds(0), first[1].number}));
    const auto second = fixture.groups.due_probes(kStart + seconds(1));
    CHECK(second[0].overdue);
    CHECK_FALSE(second[1].overdue);
    CHECK(second[0].number != first[0].number);
    CHECK(fixture.groups.heard(kStart + seconds(1), second[0].member, {}));  // what Core makes of it
    CHECK(fixture.groups.heard(kStart + seconds(1), second[0].member, {200, seconds(0), second[0].number}));
    CHECK_FALSE(fixture.groups.heard(kStart + seconds(32), first[0].member, {0, seconds(0), first[0].number}));  // its transaction timed out
    CHECK(fixture.order(kStart + seconds(32)).size() == 3);
}

TEST_CASE("without probes a member that is down is tried again after a while") {
    Fixture fixture(std::string(kThree) + "probe-interval = 0s\nretry-down = 30s\n");
    CHECK_FALSE(fixture.groups.next_probe());
    CHECK(fixture.groups.due_probes(kStart).empty());
    fixture.heard(0, 0);
    CHECK(fixture.heard(0, 0));
    CHECK(fixture.order(kStart + seconds(29)) == "32");
    CHECK(fixture.order(kStart + seconds(30)).size() == 3);
    CHECK_FALSE(fixture.heard(0, 0, false, kStart + seconds(30)));
    CHECK(fixture.order(kStart + seconds(59)) == "32");
    CHECK(fixture.heard(0, 200, false, kStart + seconds(60)));
    CHECK(fixture.order(kStart + seconds(60)).size() == 3);
}

TEST_CASE("a reload keeps what is known of members that stay") {
    Fixture fixture(kThree);
    const auto first = fixture.member(0);
    fixture.heard(0, 0);
    fixture.heard(0, 0);
    fixture.groups.due_probes(kStart);
    fixture.groups.configure(settings_of("[group g]\nmember = udp:127.0.0.9:5060\nmember = udp:127.0.0.1:5060 priority=5\nprobe-interval = 4s\n"));
    const auto conditions = fixture.groups.conditions(kStart);
    REQUIRE(conditions.size() == 2);
    CHECK(conditions[1].member == first);
    CHECK(conditions[1].state == Groups::State::down);
    CHECK(conditions[0].state == Groups::State::unknown);
    CHECK(conditions[0].member > 3);
    CHECK(fixture.groups.due_probes(kStart).size() == 2);
    CHECK(*fixture.groups.next_probe() == kStart + seconds(4));
}
