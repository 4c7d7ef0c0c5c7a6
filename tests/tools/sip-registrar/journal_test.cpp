#include <catch2/catch.hpp>

#include "sip-registrar/journal.hpp"

namespace confab::registrar {
namespace {

sip::Binding some_binding() {
    sip::Binding binding;
    binding.address = "sip:alice@example.org";
    binding.contact = "sip:alice@192.0.2.9:5060;transport=tcp";
    binding.call_id = "one@phone";
    binding.path = "<sip:t@h;lr>, <sip:u@i;lr>";
    binding.instance = "<urn:uuid:1>";
    binding.received = "tcp:192.0.2.9:40000";
    binding.user = "alice";
    binding.scheme = "Digest/SHA-256";
    binding.user_agent = "phone";
    binding.cseq = 0xfedcba98;
    binding.reg_id = 0x80000001;
    binding.q = 999;
    binding.expires = base::WallTime(base::milliseconds(1'700'000'000'123));
    return binding;
}

TEST_CASE("journal: changes come back in their order, whole", "[registrar][journal]") {
    const auto binding = some_binding();
    Journal journal, other;
    journal.add(false, binding);
    other.add(true, binding);
    journal.add(other.octets(), other.changes());
    CHECK(journal.changes() == 2);

    auto octets = journal.octets();
    JournalEntry entry;
    REQUIRE(read_change(octets, entry));
    CHECK_FALSE(entry.removed);
    CHECK(entry.binding.address == binding.address);
    CHECK(has_same_key(entry.binding, binding));
    CHECK(entry.binding.call_id == binding.call_id);
    CHECK(entry.binding.path == binding.path);
    CHECK(entry.binding.received == binding.received);
    CHECK(entry.binding.user == binding.user);
    CHECK(entry.binding.scheme == binding.scheme);
    CHECK(entry.binding.user_agent == binding.user_agent);
    CHECK(entry.binding.cseq == binding.cseq);
    CHECK(entry.binding.q == binding.q);
    CHECK(entry.binding.expires == binding.expires);
    REQUIRE(read_change(octets, entry));
    CHECK(entry.removed);
    CHECK(entry.binding.address == binding.address);
    CHECK(has_same_key(entry.binding, binding));
    CHECK(octets.empty());

    journal.clear();
    CHECK(journal.changes() == 0);
    CHECK(journal.octets().empty());
}

TEST_CASE("journal: octets that end early or begin with an unknown kind are damaged", "[registrar][journal]") {
    Journal journal;
    journal.add(GENERATE(false, true), some_binding());
    const std::string whole(journal.octets());
    JournalEntry entry;
    for (std::size_t length = 0; length < whole.size(); ++length) {
        auto part = std::string_view(whole).substr(0, length);
        CHECK_FALSE(read_change(part, entry));
    }
    auto unknown = whole;
    unknown[0] = 3;
    std::string_view octets = unknown;
    CHECK_FALSE(read_change(octets, entry));
}

}  // namespace
}  // namespace confab::registrar
