#include "sip/bindings.hpp"

#include "sip/wire.hpp"

using namespace confab::sip;
using confab::sip::test::at;
using std::chrono::seconds;

namespace {

constexpr const char* kAlice = "sip:alice@example.org";

Binding common(const char* call_id, std::uint32_t cseq, const char* path = "", const char* received = "udp:192.0.2.1:5060") {
    Binding binding;
    binding.call_id = call_id;
    binding.cseq = cseq;
    binding.path = path;
    binding.received = received;
    binding.user = "alice";
    return binding;
}

BindingRequest add(const char* contact, int expires = 600, std::uint16_t q = 1000, const char* instance = "") {
    return {contact, seconds(expires), q, instance, 0};
}

std::vector<std::string> contacts(const Bindings& bindings, int when, const char* address = kAlice) {
    std::vector<std::string> all;
    for (const auto binding : bindings.find(at(seconds(when)), address)) all.emplace_back(binding.contact);
    return all;
}

// "+contact" for set, "-contact" for removed.
std::vector<std::string> text(const std::vector<BindingChange>& changes) {
    std::vector<std::string> all;
    for (const auto& change : changes) all.push_back((change.removed ? "-" : "+") + std::string(change.binding.view().contact));
    return all;
}

using Texts = std::vector<std::string>;

// The addresses of all live bindings, as a listing sees them.
Texts listed(const Bindings& bindings, int when) {
    Texts all;
    for (std::uint32_t cursor = 0; const auto binding = bindings.next(at(seconds(when)), cursor);) all.emplace_back(binding->address);
    return all;
}

}  // namespace

TEST_CASE("bindings: one REGISTER after another (RFC 3261 §10.3)") {
    struct Step {
        const char* what;
        int when;
        Binding by;
        std::vector<BindingRequest> requests;
        std::optional<BindingError> error;
        Texts changes;
        Texts contacts;
    };
    const char* a = "sip:a@192.0.2.1";
    const char* b = "sip:b@192.0.2.2";
    const char* c = "sip:c@192.0.2.3";
    const char* d = "sip:d@192.0.2.4";
    const Step steps[] = {
        {"a query changes nothing", 0, common("x", 1), {}, {}, {}, {}},
        {"the first", 0, common("x", 1), {add(a)}, {}, {"+sip:a@192.0.2.1"}, {a}},
        {"a refresh", 1, common("x", 2), {add(a)}, {}, {"+sip:a@192.0.2.1"}, {a}},
        {"the same number again", 2, common("x", 2), {add(a)}, BindingError::out_of_order, {}, {a}},
        {"a lower number", 2, common("x", 1), {add(a, 0)}, BindingError::out_of_order, {}, {a}},
        {"a lower number in another call", 3, common("y", 1), {add(a)}, {}, {"+sip:a@192.0.2.1"}, {a}},
        {"the youngest comes first among equals", 4, common("y", 2), {add(b)}, {}, {"+sip:b@192.0.2.2"}, {b, a}},
        {"q orders before age", 5, common("y", 3), {add(c, 600, 500)}, {}, {"+sip:c@192.0.2.3"}, {b, a, c}},
        {"a fourth is one too many", 6, common("y", 4), {add(d)}, BindingError::too_many_contacts, {}, {b, a, c}},
        {"all or nothing: order", 6, common("y", 3), {add(d), add(c, 0)}, BindingError::out_of_order, {}, {b, a, c}},
        {"all or nothing: count", 6, common("y", 5), {add(a), add(d)}, BindingError::too_many_contacts, {}, {b, a, c}},
        {"one for another", 7, common("y", 6), {add(c, 0), add(d)}, {}, {"-sip:c@192.0.2.3", "+sip:d@192.0.2.4"}, {d, b, a}},
        {"the same URI in other words replaces", 8, common("y", 7), {add("sip:b@192.0.2.2;x=1")}, {}, {"-sip:b@192.0.2.2", "+sip:b@192.0.2.2;x=1"},
         {"sip:b@192.0.2.2;x=1", d, a}},
        {"removing what is not there", 9, common("y", 8), {add(c, 0)}, {}, {}, {"sip:b@192.0.2.2;x=1", d, a}},
        {"removal", 9, common("y", 9), {add(d, 0), add(a, 0)}, {}, {"-sip:d@192.0.2.4", "-sip:a@192.0.2.1"}, {"sip:b@192.0.2.2;x=1"}},
        {"one contact twice is one", 10, common("y", 10), {add(a), add(a, 60)}, {}, {"+sip:a@192.0.2.1", "+sip:a@192.0.2.1"},
         {a, "sip:b@192.0.2.2;x=1"}},
    };
    Bindings bindings({.contacts_per_address = 3, .total = 100});
    for (const auto& step : steps) {
        INFO(step.what);
        std::vector<BindingChange> changes;
        const auto applied = bindings.apply(at(seconds(step.when)), kAlice, step.requests, step.by, changes);
        CHECK(applied.has_value() == !step.error);
        if (!applied && step.error) CHECK(applied.error() == *step.error);
        CHECK(text(changes) == step.changes);
        CHECK(contacts(bindings, step.when) == step.contacts);
        CHECK(bindings.size() == step.contacts.size());
    }
}

TEST_CASE("bindings: what a binding keeps") {
    Bindings bindings({});
    std::vector<BindingChange> changes;
    const BindingRequest request = add("sip:a@192.0.2.1", 60, 700, "<urn:uuid:1>");
    REQUIRE(bindings.apply(at(seconds(5)), kAlice, {&request, 1}, common("x", 9, "<sip:tok@192.0.2.9;lr>"), changes));
    const auto found = bindings.find(at(seconds(6)), kAlice);
    REQUIRE(found.size() == 1);
    const auto kept = found.front();
    CHECK(kept.address == kAlice);
    CHECK(kept.call_id == "x");
    CHECK(kept.cseq == 9);
    CHECK(kept.q == 700);
    CHECK(kept.instance == "<urn:uuid:1>");
    CHECK(kept.path == "<sip:tok@192.0.2.9;lr>");
    CHECK(kept.user == "alice");
    CHECK(kept.expires == at(seconds(65)).wall);
    REQUIRE(changes.size() == 1);
    CHECK(changes[0].binding.view().address == kAlice);
    CHECK(changes[0].binding.expires() == kept.expires);
}

TEST_CASE("bindings: an instance that comes from elsewhere replaces itself") {
    Bindings bindings({.contacts_per_address = 1, .total = 10});
    std::vector<BindingChange> changes;
    const BindingRequest first = add("sip:a@192.0.2.1:1000", 600, 1000, "<urn:uuid:1>"), second = add("sip:a@192.0.2.1:2000", 600, 1000, "<urn:uuid:1>");
    REQUIRE(bindings.apply(at(seconds(0)), kAlice, {&first, 1}, common("x", 1), changes));
    changes.clear();
    REQUIRE(bindings.apply(at(seconds(1)), kAlice, {&second, 1}, common("y", 1), changes));
    CHECK(text(changes) == Texts{"-sip:a@192.0.2.1:1000", "+sip:a@192.0.2.1:2000"});
    CHECK(contacts(bindings, 1) == Texts{"sip:a@192.0.2.1:2000"});
}

TEST_CASE("bindings: expiry") {
    Bindings bindings({});
    std::vector<BindingChange> changes;
    const BindingRequest requests[] = {add("sip:short@192.0.2.1", 60, 1000), add("sip:long@192.0.2.1", 120, 500)};
    REQUIRE(bindings.apply(at(seconds(0)), kAlice, requests, common("x", 1), changes));
    changes.clear();
    CHECK(bindings.next_deadline() == at(seconds(60)).steady);
    CHECK(contacts(bindings, 59).size() == 2);
    CHECK(contacts(bindings, 60) == Texts{"sip:long@192.0.2.1"});  // gone before it is swept
    CHECK(bindings.size() == 2);
    bindings.expire(at(seconds(59)), changes);
    CHECK(changes.empty());
    bindings.expire(at(seconds(60)), changes);
    CHECK(text(changes) == Texts{"-sip:short@192.0.2.1"});
    CHECK(bindings.next_deadline() == at(seconds(120)).steady);
    changes.clear();
    bindings.expire(at(seconds(1000)), changes);
    CHECK(text(changes) == Texts{"-sip:long@192.0.2.1"});
    CHECK(bindings.size() == 0);
    CHECK_FALSE(bindings.next_deadline());
    CHECK(listed(bindings, 1000).empty());
}

TEST_CASE("bindings: what has expired and waits for its sweep does not stand in the way") {
    Bindings bindings({.contacts_per_address = 1, .total = 10});
    std::vector<BindingChange> changes;
    const BindingRequest first = add("sip:a@192.0.2.1", 60), other = add("sip:b@192.0.2.2", 60);
    REQUIRE(bindings.apply(at(seconds(0)), kAlice, {&first, 1}, common("x", 5), changes));
    changes.clear();

    SECTION("of its own renewal with a lower number, and its sweep leaves the new one alone") {
        REQUIRE(bindings.apply(at(seconds(61)), kAlice, {&first, 1}, common("x", 1), changes));
        CHECK(text(changes) == Texts{"+sip:a@192.0.2.1"});
        changes.clear();
        bindings.expire(at(seconds(61)), changes);
        CHECK(changes.empty());
        CHECK(contacts(bindings, 61).size() == 1);
    }
    SECTION("of another contact") {
        REQUIRE(bindings.apply(at(seconds(61)), kAlice, {&other, 1}, common("y", 1), changes));
        CHECK(contacts(bindings, 61) == Texts{"sip:b@192.0.2.2"});
        CHECK(bindings.size() == 2);
        changes.clear();
        bindings.expire(at(seconds(61)), changes);
        CHECK(text(changes) == Texts{"-sip:a@192.0.2.1"});
        CHECK(bindings.size() == 1);
    }
}

TEST_CASE("bindings: removal of all") {
    Bindings bindings({});
    std::vector<BindingChange> changes;
    const BindingRequest requests[] = {add("sip:a@192.0.2.1"), add("sip:b@192.0.2.2")};
    REQUIRE(bindings.apply(at(seconds(0)), kAlice, requests, common("x", 5), changes));
    changes.clear();
    const auto refused = bindings.remove_all(at(seconds(1)), kAlice, "x", 5, changes);
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == BindingError::out_of_order);
    CHECK(changes.empty());
    CHECK(contacts(bindings, 1).size() == 2);
    CHECK(bindings.remove_all(at(seconds(1)), kAlice, "x", 6, changes));
    CHECK(changes.size() == 2);
    CHECK(contacts(bindings, 1).empty());
    CHECK(bindings.size() == 0);
    CHECK_FALSE(bindings.next_deadline());
    CHECK(bindings.remove_all(at(seconds(1)), "sip:nobody@example.org", "x", 6, changes));
}

TEST_CASE("bindings: the whole table is bounded, and a refresh still works when it is full") {
    Bindings bindings({.contacts_per_address = 10, .total = 2});
    std::vector<BindingChange> changes;
    const BindingRequest one = add("sip:a@192.0.2.1");
    REQUIRE(bindings.apply(at(seconds(0)), "sip:1@x", {&one, 1}, common("x", 1), changes));
    REQUIRE(bindings.apply(at(seconds(0)), "sip:2@x", {&one, 1}, common("x", 1), changes));
    changes.clear();
    const auto refused = bindings.apply(at(seconds(0)), "sip:3@x", {&one, 1}, common("x", 1), changes);
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == BindingError::too_many_bindings);
    CHECK(changes.empty());
    CHECK(listed(bindings, 0) == Texts{"sip:1@x", "sip:2@x"});
    CHECK(bindings.apply(at(seconds(1)), "sip:2@x", {&one, 1}, common("x", 2), changes));
}

TEST_CASE("bindings: a flow that is gone takes exactly its own") {
    struct Case {
        const char* flow;
        Texts left;
    };
    const char* token = "sip:token@192.0.2.1";
    const char* plain = "sip:plain@192.0.2.2";
    const char* other = "sip:other@192.0.2.3";
    const Case cases[] = {
        {"tok1", {other, plain}},
        {"tok2", {plain, token}},
        {"deep", {other, plain}},
        {"tcp:192.0.2.2:4000", {other, token}},
        {"tcp:192.0.2.9:5060", {other, plain, token}},  // where the edge sits: those behind it have their own flows
        {"tok", {other, plain, token}},
        {"", {other, plain, token}},
    };
    for (const auto& row : cases) {
        INFO(row.flow);
        Bindings bindings({});
        std::vector<BindingChange> changes;
        const BindingRequest first = add(token), second = add(plain), third = add(other);
        REQUIRE(bindings.apply(at(seconds(0)), kAlice, {&first, 1}, common("x", 1, "<sip:tok1@192.0.2.9;lr>, <sip:deep@192.0.2.8;lr>", "tcp:192.0.2.9:5060"), changes));
        REQUIRE(bindings.apply(at(seconds(0)), kAlice, {&second, 1}, common("y", 1, "", "tcp:192.0.2.2:4000"), changes));
        REQUIRE(bindings.apply(at(seconds(0)), kAlice, {&third, 1}, common("z", 1, "<sip:tok2@192.0.2.9;lr>", "tcp:192.0.2.9:5060"), changes));
        changes.clear();
        bindings.remove_flow(row.flow, changes);
        CHECK(contacts(bindings, 1) == row.left);
        CHECK(changes.size() == 3 - row.left.size());
        changes.clear();
        bindings.remove_flow(row.flow, changes);
        CHECK(changes.empty());
    }
}

TEST_CASE("bindings: two contacts over one flow, one of them removed") {
    Bindings bindings({});
    std::vector<BindingChange> changes;
    const BindingRequest both[] = {add("sip:a@192.0.2.1"), add("sip:b@192.0.2.1")};
    const BindingRequest removal = add("sip:a@192.0.2.1", 0);
    REQUIRE(bindings.apply(at(seconds(0)), kAlice, both, common("x", 1, "<sip:tok@192.0.2.9;lr>"), changes));
    REQUIRE(bindings.apply(at(seconds(0)), kAlice, {&removal, 1}, common("x", 2, "<sip:tok@192.0.2.9;lr>"), changes));
    changes.clear();
    bindings.remove_flow("tok", changes);
    CHECK(text(changes) == Texts{"-sip:b@192.0.2.1"});
    bindings.expire(at(seconds(10000)), changes);
    CHECK(bindings.size() == 0);
}

TEST_CASE("bindings: a client that moves to another flow is not lost with the old one") {
    Bindings bindings({});
    std::vector<BindingChange> changes;
    const BindingRequest request = add("sip:a@192.0.2.1");
    REQUIRE(bindings.apply(at(seconds(0)), kAlice, {&request, 1}, common("x", 1, "<sip:old@192.0.2.9;lr>"), changes));
    REQUIRE(bindings.apply(at(seconds(1)), kAlice, {&request, 1}, common("x", 2, "<sip:new@192.0.2.9;lr>"), changes));
    changes.clear();
    bindings.remove_flow("old", changes);
    CHECK(changes.empty());
    bindings.remove_flow("new", changes);
    CHECK(changes.size() == 1);
}

TEST_CASE("bindings: loaded from the store in any order") {
    const auto stored = [](const char* contact, std::uint16_t q, int expires) {
        auto binding = common("x", 1);
        binding.address = kAlice;
        binding.contact = contact;
        binding.q = q;
        binding.expires = at(seconds(expires)).wall;
        return binding;
    };
    const Binding rows[] = {stored("sip:c@x", 500, 900), stored("sip:a@x", 1000, 600), stored("sip:dead@x", 1000, -10), stored("sip:b@x", 1000, 700)};
    std::vector<std::size_t> order{0, 1, 2, 3};
    do {
        Bindings bindings({});
        for (auto index : order) bindings.load(at(seconds(0)), rows[index]);
        CHECK(contacts(bindings, 0) == Texts{"sip:b@x", "sip:a@x", "sip:c@x"});
        std::vector<BindingChange> changes;
        bindings.expire(at(seconds(0)), changes);
        CHECK(text(changes) == Texts{"-sip:dead@x"});
        CHECK(bindings.next_deadline() == at(seconds(600)).steady);
        bindings.load(at(seconds(0)), rows[1]);
        CHECK(bindings.size() == 3);
    } while (std::ranges::next_permutation(order).found);
}

TEST_CASE("bindings: a listing sees once what stays, whatever comes and goes meanwhile") {
    Bindings bindings({});
    std::vector<BindingChange> changes;
    const auto put = [&](const std::string& address, int when, int expires) {
        const BindingRequest request = add("sip:a@192.0.2.1", expires);
        REQUIRE(bindings.apply(at(seconds(when)), address, {&request, 1}, common("x", static_cast<std::uint32_t>(when) + 1), changes));
    };
    for (int i = 0; i < 100; ++i) put("sip:" + std::to_string(i) + "@x", 0, i % 10 == 0 ? 5 : 600);
    std::uint32_t cursor = 0;
    std::vector<std::string> seen;
    for (int i = 0; i < 50; ++i) seen.emplace_back(bindings.next(at(seconds(0)), cursor)->address);
    for (int i = 1; i < 100; i += 10) put("sip:" + std::to_string(i) + "@x", 1, 600);   // refreshed
    for (int i = 0; i < 100; ++i) put("sip:new" + std::to_string(i) + "@x", 1, 600);
    bindings.expire(at(seconds(6)), changes);
    while (const auto binding = bindings.next(at(seconds(6)), cursor)) seen.emplace_back(binding->address);
    for (int i = 0; i < 100; ++i)
        if (i % 10 != 0) CHECK(std::ranges::count(seen, "sip:" + std::to_string(i) + "@x") == 1);
    CHECK(contacts(bindings, 6, "sip:nobody@x").empty());
}

TEST_CASE("bindings: many addresses, removed and set again, are all found") {
    Bindings bindings({.contacts_per_address = 10, .total = 5000});
    std::vector<BindingChange> changes;
    const auto address = [](int i) { return "sip:" + std::to_string(i) + "@x"; };
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 3000; ++i) {
            const BindingRequest request = add("sip:a@192.0.2.1", i % 3 == round ? 0 : 600);
            const auto by = common("x", static_cast<std::uint32_t>(round) + 1, i % 2 == 0 ? "<sip:tok@192.0.2.9;lr>" : "");
            REQUIRE(bindings.apply(at(seconds(round)), address(i), {&request, 1}, by, changes));
        }
        for (int i = 0; i < 3000; ++i) CHECK(contacts(bindings, round, address(i).c_str()).size() == (i % 3 == round ? 0 : 1));
    }
    CHECK(bindings.size() == 2000);
    changes.clear();
    bindings.remove_flow("tok", changes);
    CHECK(changes.size() == 1000);
    bindings.expire(at(seconds(10'000)), changes);
    CHECK(changes.size() == 2000);
    CHECK(bindings.size() == 0);
}

TEST_CASE("bindings: expiry beyond one lap of the ring, and after a long silence") {
    Bindings bindings({});
    std::vector<BindingChange> changes;
    const BindingRequest requests[] = {add("sip:week@192.0.2.1", 604'800), add("sip:lap@192.0.2.1", 4096 + 30), add("sip:brief@192.0.2.1", 30)};
    REQUIRE(bindings.apply(at(seconds(0)), kAlice, requests, common("x", 1), changes));
    changes.clear();
    bindings.expire(at(seconds(30)), changes);
    CHECK(text(changes) == Texts{"-sip:brief@192.0.2.1"});
    changes.clear();
    bindings.expire(at(seconds(4096 + 29)), changes);
    CHECK(changes.empty());
    bindings.expire(at(seconds(100'000)), changes);
    CHECK(text(changes) == Texts{"-sip:lap@192.0.2.1"});
    changes.clear();
    bindings.expire(at(seconds(604'799)), changes);
    CHECK(changes.empty());
    bindings.expire(at(seconds(604'800)), changes);
    CHECK(text(changes) == Texts{"-sip:week@192.0.2.1"});
}

TEST_CASE("bindings: flows of an instance stand side by side (RFC 5626 §6)") {
    Bindings bindings({});
    std::vector<BindingChange> changes;
    const char* contact = "sip:a@192.0.2.1";
    const auto flow = [&](std::uint32_t reg_id, int expires = 600) { return BindingRequest{contact, seconds(expires), 1000, "<urn:uuid:1>", reg_id}; };
    const BindingRequest plain = add(contact, 600, 1000, "<urn:uuid:1>");
    const auto set = [&](const BindingRequest& request, std::uint32_t cseq, const char* path = "") {
        changes.clear();
        return bindings.apply(at(seconds(0)), kAlice, {&request, 1}, common("x", cseq, path), changes).has_value();
    };
    REQUIRE(set(plain, 1));
    CHECK(set(flow(1), 2, "<sip:f1@192.0.2.9;lr;ob>"));
    CHECK(text(changes) == Texts{"-sip:a@192.0.2.1", "+sip:a@192.0.2.1"});  // it learned outbound
    CHECK(set(flow(2), 3, "<sip:f2@192.0.2.9;lr;ob>"));
    CHECK(contacts(bindings, 0).size() == 2);
    CHECK(set(flow(1), 4, "<sip:f3@192.0.2.9;lr;ob>"));  // a new flow for the old number
    CHECK(text(changes) == Texts{"+sip:a@192.0.2.1"});
    CHECK(contacts(bindings, 0).size() == 2);
    changes.clear();
    bindings.remove_flow("f1", changes);
    CHECK(changes.empty());
    bindings.remove_flow("f2", changes);
    REQUIRE(changes.size() == 1);
    CHECK(changes[0].binding.view().reg_id == 2);
    CHECK(set(flow(1, 0), 5));
    CHECK(contacts(bindings, 0).empty());
}

TEST_CASE("bindings: an address that has all its contacts") {
    std::vector<BindingChange> changes;
    const BindingRequest a = add("sip:a@h"), b = add("sip:b@h"), c = add("sip:c@h");
    const auto fill = [&](Bindings& bindings) {
        REQUIRE(bindings.apply(at(seconds(0)), kAlice, {&a, 1}, common("x", 1), changes));
        REQUIRE(bindings.apply(at(seconds(1)), kAlice, {&b, 1}, common("y", 1), changes));
        REQUIRE(bindings.apply(at(seconds(2)), kAlice, {&a, 1}, common("x", 2), changes));
        changes.clear();
    };
    SECTION("the one that was silent longest gives way") {
        Bindings bindings({.contacts_per_address = 2, .total = 2, .when_full = WhenFull::replace_oldest});
        fill(bindings);
        REQUIRE(bindings.apply(at(seconds(3)), kAlice, {&c, 1}, common("z", 1), changes));
        CHECK(text(changes) == Texts{"-sip:b@h", "+sip:c@h"});
        CHECK(contacts(bindings, 3) == Texts{"sip:c@h", "sip:a@h"});
    }
    SECTION("but not for more than there may be") {
        Bindings bindings({.contacts_per_address = 2, .total = 10, .when_full = WhenFull::replace_oldest});
        fill(bindings);
        const BindingRequest many[] = {c, add("sip:d@h"), add("sip:e@h")};
        CHECK_FALSE(bindings.apply(at(seconds(3)), kAlice, many, common("z", 1), changes));
        CHECK(contacts(bindings, 3) == Texts{"sip:a@h", "sip:b@h"});
    }
    SECTION("only one that does not answer gives way") {
        Bindings bindings({.contacts_per_address = 2, .total = 10, .when_full = WhenFull::replace_unreachable, .failures = 2});
        fill(bindings);
        CHECK_FALSE(bindings.apply(at(seconds(3)), kAlice, {&c, 1}, common("z", 1), changes));
        std::uint32_t cursor = 0;
        while (bindings.next(at(seconds(3)), cursor)->contact != "sip:b@h") {}
        CHECK_FALSE(bindings.heard(cursor, kAlice, false));
        CHECK(bindings.heard(cursor, kAlice, false));
        CHECK_FALSE(bindings.heard(cursor, kAlice, false));
        CHECK_FALSE(bindings.heard(cursor, "sip:bob@example.org", true));  // the slot is another's by now
        REQUIRE(bindings.apply(at(seconds(3)), kAlice, {&c, 1}, common("z", 1), changes));
        CHECK(text(changes) == Texts{"-sip:b@h", "+sip:c@h"});
    }
    SECTION("one that answers again is reachable") {
        Bindings bindings({.contacts_per_address = 2, .total = 10, .when_full = WhenFull::replace_unreachable, .failures = 1});
        fill(bindings);
        std::uint32_t cursor = 1;
        CHECK(bindings.heard(cursor, kAlice, false));
        CHECK_FALSE(bindings.find(at(seconds(3)), kAlice).front().is_reachable);
        CHECK(bindings.heard(cursor, kAlice, true));
        CHECK(bindings.find(at(seconds(3)), kAlice).front().is_reachable);
    }
}
