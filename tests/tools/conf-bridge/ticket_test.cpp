#include "conf-bridge/ticket.hpp"

#include <catch2/catch.hpp>
#include <optional>

#include "tools/conf-bridge/fixture.hpp"

namespace confab::bridge {
namespace {

const base::WallTime kNow{std::chrono::hours(480'000)};

Ticket ticket() { return {Ticket::Seat::host, 1, kNow + base::seconds(60), 77, "8000", "1234", "sip:alice@example.org", "bridge-2", kNow}; }

TEST_CASE("a ticket survives its text") {
    const TicketSeal seal("0123456789abcdef0123456789abcdef");
    const auto text = seal.write(ticket());
    CHECK(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == text.npos);
    const auto read = seal.read(text);
    REQUIRE(read);
    CHECK(*read == ticket());
}

TEST_CASE("every changed character of a ticket is noticed") {
    const TicketSeal seal("0123456789abcdef0123456789abcdef");
    const auto text = seal.write(ticket());
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto changed = text;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        const auto read = seal.read(changed);
        INFO(i);
        // The last character may carry bits that belong to no octet.
        CHECK((!read || (i + 1 == text.size() && *read == ticket())));
    }
    for (std::size_t length = 0; length < text.size(); ++length) CHECK_FALSE(seal.read(text.substr(0, length)));
    CHECK(seal.read(text + "AAAA").error() == TicketFault::forged);
    CHECK(seal.read(std::string(kLongestTicket + 1, 'A')).error() == TicketFault::unreadable);
    CHECK(seal.read("not base64!").error() == TicketFault::unreadable);
}

TEST_CASE("the first secret seals, the others are still accepted") {
    const TicketSeal before("0123456789abcdef-old"), after("0123456789abcdef-new\n0123456789abcdef-old\n"),
        other("something else altogether");
    CHECK(after.read(before.write(ticket())));
    CHECK(before.read(after.write(ticket())).error() == TicketFault::forged);
    CHECK(other.read(after.write(ticket())).error() == TicketFault::forged);
}

TEST_CASE("texts that do not fit make no ticket") {
    const TicketSeal seal("0123456789abcdef");
    auto wide = ticket();
    wide.caller = std::string(255, 'c');
    CHECK(seal.read(seal.write(wide)));
    wide.caller += 'c';
    CHECK(seal.write(wide).empty());
    CHECK(TicketSeal("").write(ticket()).empty());
}

TEST_CASE("a ticket is good for its bearer alone, and for a minute") {
    struct Row {
        const char* what;
        Bearer bearer;
        base::milliseconds later;
        std::optional<TicketFault> fault;
        base::WallTime started = kNow - base::seconds(1);
    };
    const Bearer right{"8000", "sip:alice@example.org", "bridge-2"};
    const Row rows[] = {
        {"its bearer", right, base::milliseconds(0), {}},
        {"the last moment", right, base::milliseconds(59'999), {}},
        {"expired", right, base::milliseconds(60'000), TicketFault::expired},
        {"the issuer's clock is a little ahead", right, base::milliseconds(-2'000), {}},
        {"it would live too long", right, base::milliseconds(-2'001), TicketFault::expired},
        {"made in the bridge's first moment", right, {}, {}, kNow},
        {"made before the bridge's start", right, {}, TicketFault::older, kNow + base::milliseconds(1)},
        {"another caller", {"8000", "sip:mallory@example.org", "bridge-2"}, {}, TicketFault::other_caller},
        {"another number", {"8001", "sip:alice@example.org", "bridge-2"}, {}, TicketFault::other_number},
        {"another bridge", {"8000", "sip:alice@example.org", "bridge-3"}, {}, TicketFault::other_bridge},
    };
    for (const auto& row : rows) {
        INFO(row.what);
        const auto outcome = verify(ticket(), kNow + row.later, row.started, row.bearer);
        CHECK(outcome.has_value() == !row.fault.has_value());
        if (!outcome && row.fault) CHECK(fault_text(outcome.error()) == fault_text(*row.fault));
    }
    auto anywhere = ticket();
    anywhere.bridge.clear();
    CHECK(verify(anywhere, kNow, kNow, right));
}

TEST_CASE("an id is taken once until it expires, and the window is bounded") {
    TicketWindow window(2);
    auto one = ticket(), two = ticket(), three = ticket();
    two.id = 78;
    three.id = 79;
    CHECK(window.take(kNow, one));
    CHECK_FALSE(window.take(kNow + base::seconds(59), one));
    CHECK(window.take(kNow, two));
    CHECK_FALSE(window.take(kNow, three));
    CHECK(window.take(kNow + base::seconds(60), three));
    CHECK(window.size() == 1);
}

// What a bridge does not remember having taken, since it has been started again.
TEST_CASE("after a restart a ticket from before gets the prompt") {
    constexpr std::string_view kSecret = "0123456789abcdef";
    test::Rig rig;
    rig.core.use_ticket_secret(kSecret);
    const auto seated = [&](base::milliseconds after_start, const std::string& call) {
        const Ticket one{Ticket::Seat::participant, 1, rig.now.wall + base::seconds(30), 1, "1234", "1234", "sip:alice@example.org", "bridge",
                         rig.now.wall + after_start};
        rig.clear();
        rig.join(call, "1234;ticket=" + TicketSeal(kSecret).write(one), "");
        return rig.has_event("joined");
    };
    CHECK_FALSE(seated(base::milliseconds(-1), "a"));
    CHECK(rig.core.status().integer("lobby") == 1);
    CHECK(seated(base::milliseconds(0), "b"));
}

}  // namespace
}  // namespace confab::bridge
