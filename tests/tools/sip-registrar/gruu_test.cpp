#include "phone.hpp"
#include "sip-registrar/queries.hpp"

namespace confab::registrar {
namespace {

constexpr const char* kInstances[] = {"<urn:uuid:1>", "<urn:uuid:2>"};

std::string contact(int device) {
    return "Contact: <sip:alice@192.0.2.9:600" + std::to_string(device) + ">;+sip.instance=\"" + kInstances[device] + "\"\r\n";
}

std::string parameter(const std::string& contact, const std::string& name) {
    const auto at = contact.find(name + "=\"");
    if (at == contact.npos) return {};
    const auto start = at + name.size() + 2;
    return contact.substr(start, contact.find('"', start) - start);
}

std::vector<std::string> reached(const Bench& bench, const std::string& uri) {
    std::vector<std::string> all;
    const auto reply = lookup(bench.core, bench.now, local::Value::object({{"address", uri}}));
    for (const auto& row : reply.list("contacts")) all.emplace_back(row.text("contact"));
    return all;
}

using Texts = std::vector<std::string>;

TEST_CASE("each device gets URIs of its own, and they reach it alone (RFC 5627)", "[registrar][gruu]") {
    Bench bench;
    REQUIRE(Bench::status(bench.send({.call_id = "a", .headers = contact(0)})) == 200);
    const auto answer = bench.send({.call_id = "b", .headers = contact(1) + "Supported: gruu\r\n"});
    const auto lines = Bench::contacts(answer);
    CAPTURE(answer);
    REQUIRE(lines.size() == 2);
    const auto pub = parameter(lines[0], "pub-gruu"), temp = parameter(lines[0], "temp-gruu");
    CHECK(pub == "sip:alice@example.org;gr=urn:uuid:2");
    CHECK(temp.starts_with("sip:"));
    CHECK(temp.ends_with("@example.org;gr"));
    CHECK(temp.find("alice") == temp.npos);
    CHECK(reached(bench, "sip:alice@example.org").size() == 2);
    CHECK(reached(bench, pub) == Texts{"sip:alice@192.0.2.9:6001"});
    CHECK(reached(bench, temp) == Texts{"sip:alice@192.0.2.9:6001"});
    CHECK(reached(bench, parameter(lines[1], "temp-gruu")) == Texts{"sip:alice@192.0.2.9:6000"});
    CHECK(reached(bench, "sip:alice@example.org;gr=urn:uuid:3").empty());

    SECTION("each refresh makes another temporary one, and the older stays good") {
        const auto refreshed = Bench::contacts(bench.send({.call_id = "b", .headers = contact(1) + "Supported: gruu\r\n"}));
        CHECK(parameter(refreshed.at(0), "temp-gruu") != temp);
        CHECK(reached(bench, temp).size() == 1);
    }
    SECTION("a new Call-ID ends it") {
        REQUIRE(Bench::status(bench.send({.call_id = "c", .headers = contact(1)})) == 200);
        CHECK(reached(bench, temp).empty());
        CHECK(reached(bench, pub).size() == 1);
    }
    SECTION("a token that was touched is nobody's") {
        for (std::size_t at : {4U, 20U, 60U}) {
            auto forged = temp;
            forged[at] = forged[at] == 'A' ? 'B' : 'A';
            const auto reply = lookup(bench.core, bench.now, local::Value::object({{"address", forged}}));
            CHECK_FALSE(reply.flag("known"));
        }
        for (const char* nobody : {"sip:@example.org;gr", "sip:x@example.org;gr", "sip:example.org;gr=1"}) CHECK(reached(bench, nobody).empty());
    }
    SECTION("clients that cannot read them do not get them") {
        const auto plain = bench.send({.call_id = "b", .headers = contact(1)});
        CHECK(plain.find("gruu=") == plain.npos);
    }
}

TEST_CASE("an instance is written so that a URI can hold it", "[registrar][gruu]") {
    Bench bench;
    const auto answer = bench.send({.headers = "Contact: <sip:a@h>;+sip.instance=\"<urn:x:a;b c%>\"\r\nSupported: gruu\r\n"});
    const auto pub = parameter(Bench::contacts(answer).at(0), "pub-gruu");
    CHECK(pub == "sip:alice@example.org;gr=urn:x:a%3bb%20c%25");
    CHECK(reached(bench, pub) == Texts{"sip:a@h"});
    auto config = test_config();
    config.gruu = false;
    Bench without(config);
    const auto none = without.send({.headers = "Contact: <sip:a@h>;+sip.instance=\"<urn:x>\"\r\nSupported: gruu\r\n"});
    CHECK(none.find("gruu=") == none.npos);
}

}  // namespace
}  // namespace confab::registrar
