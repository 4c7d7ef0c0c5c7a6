#include "dns/locating.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "zone.hpp"

using namespace confab;
using namespace confab::dns;
using test::naptr;
using test::srv;
using test::tcp;
using test::tls;
using test::udp;
using test::Zone;

using Endpoints = std::vector<Endpoint>;

namespace {

// example.org as in RFC 3263 §4.1's example, with one host for each transport.
Zone example() {
    Zone zone;
    zone.naptr("example.org", {naptr(50, 50, "SIPS+D2T", "_sips._tcp.example.org"), naptr(90, 50, "SIP+D2T", "_sip._tcp.example.org"),
                               naptr(100, 50, "SIP+D2U", "_sip._udp.example.org")});
    zone.srv("_sips._tcp.example.org", {srv(0, 0, 5061, "s.example.org")});
    zone.srv("_sip._tcp.example.org", {srv(0, 0, 5070, "t.example.org")});
    zone.srv("_sip._udp.example.org", {srv(0, 0, 5080, "u.example.org")});
    zone.a("s.example.org", {"192.0.2.1"}).a("t.example.org", {"192.0.2.2"}).a("u.example.org", {"192.0.2.3"}).a("example.org", {"192.0.2.80"});
    return zone;
}

Failure failure_of(const Locating::Result& result) {
    REQUIRE_FALSE(result.has_value());
    return result.error();
}

}  // namespace

TEST_CASE("locating: a literal, a port or a transport leave out what they answer (RFC 3263 §4.1, §4.2)") {
    struct Row {
        Query query;
        Endpoints endpoints;
        std::vector<std::string> asked;
    };
    const std::vector<std::string> address_questions{"example.org/1", "example.org/28"};
    const std::vector<Row> rows{
        {{"192.0.2.9"}, {udp("192.0.2.9:5060")}, {}},
        {{"192.0.2.9", 5080}, {udp("192.0.2.9:5080")}, {}},
        {{"2001:db8::9"}, {udp("[2001:db8::9]:5060")}, {}},
        {{"192.0.2.9", 0, Service::tcp}, {tcp("192.0.2.9:5060")}, {}},
        {{"192.0.2.9", 0, Service::tls}, {tls("192.0.2.9:5061")}, {}},
        {{"192.0.2.9", 0, {}, true}, {tls("192.0.2.9:5061")}, {}},
        {{"192.0.2.9", 5090, Service::tcp, true}, {tls("192.0.2.9:5090")}, {}},
        {{"example.org", 5062}, {udp("192.0.2.80:5062")}, address_questions},
        {{"EXAMPLE.org.", 5062}, {udp("192.0.2.80:5062")}, address_questions},
        {{"example.org", 5062, Service::tcp}, {tcp("192.0.2.80:5062")}, address_questions},
        {{"example.org", 5062, {}, true}, {tls("192.0.2.80:5062")}, address_questions},
        {{"example.org", 0, Service::udp}, {udp("192.0.2.3:5080")}, {"_sip._udp.example.org/33", "u.example.org/1", "u.example.org/28"}},
        {{"example.org", 0, Service::tcp}, {tcp("192.0.2.2:5070")}, {"_sip._tcp.example.org/33", "t.example.org/1", "t.example.org/28"}},
        {{"example.org", 0, Service::tls}, {tls("192.0.2.1:5061")}, {"_sips._tcp.example.org/33", "s.example.org/1", "s.example.org/28"}},
        {{"example.org", 0, Service::tcp, true}, {tls("192.0.2.1:5061")}, {"_sips._tcp.example.org/33", "s.example.org/1", "s.example.org/28"}},
    };
    for (const auto& row : rows) {
        INFO(row.query.host << ' ' << row.query.port);
        auto zone = example();
        CHECK(zone.locate(row.query).value() == row.endpoints);
        CHECK(zone.asked == row.asked);
    }
}

TEST_CASE("locating: NAPTR by order, then preference, transports that we lack left out, sips taking SIPS only") {
    auto zone = example();
    CHECK(zone.locate({"example.org"}).value() == Endpoints{tls("192.0.2.1:5061"), tcp("192.0.2.2:5070"), udp("192.0.2.3:5080")});
    CHECK(zone.locate({"example.org", 0, {}, true}).value() == Endpoints{tls("192.0.2.1:5061")});
    CHECK(zone.asked == std::vector<std::string>{"example.org/35", "_sips._tcp.example.org/33", "s.example.org/1", "s.example.org/28"});
    zone.abilities.services = {Service::udp, Service::tcp};
    CHECK(zone.locate({"example.org"}).value() == Endpoints{tcp("192.0.2.2:5070"), udp("192.0.2.3:5080")});

    zone = example();
    zone.naptr("example.org", {naptr(1, 9, "SIP+D2U", "_sip._udp.example.org"), naptr(1, 8, "sip+d2t", "_sip._tcp.example.org", "S"), naptr(0, 1, "E2U+sip", "x.example.org", "u")});
    CHECK(zone.locate({"example.org"}).value() == Endpoints{tcp("192.0.2.2:5070"), udp("192.0.2.3:5080")});
}

TEST_CASE("locating: NAPTR that speaks of SIP but of nothing we can use is the domain's word") {
    auto zone = example();
    zone.naptr("example.org", {naptr(1, 1, "SIP+D2S", "_sip._sctp.example.org")});
    CHECK(failure_of(zone.locate({"example.org"})) == Failure::no_transport);
    zone.naptr("example.org", {naptr(1, 1, "SIP+D2U", "_sip._udp.example.org")});
    CHECK(failure_of(zone.locate({"example.org", 0, {}, true})) == Failure::no_transport);
    // What cannot be followed: a rewrite, another flag, no replacement.
    zone.naptr("example.org", {naptr(1, 1, "SIP+D2U", "_sip._udp.example.org", "s", "!.*!x!"), naptr(1, 2, "SIP+D2U", "u.example.org", "a"), naptr(1, 3, "SIP+D2U", "")});
    CHECK(failure_of(zone.locate({"example.org"})) == Failure::no_transport);
    // NAPTR that leads nowhere is not replaced by a guess.
    zone.naptr("example.org", {naptr(1, 1, "SIP+D2U", "_sip._udp.elsewhere.org")});
    CHECK(failure_of(zone.locate({"example.org"})) == Failure::no_address);
    // NAPTR of other applications only is none.
    zone.naptr("example.org", {naptr(1, 1, "E2U+sip", "", "u", "!.*!sip:x@y!"), std::string("broken")});
    CHECK(zone.locate({"example.org"}).value() == Endpoints{udp("192.0.2.3:5080"), tcp("192.0.2.2:5070")});
}

TEST_CASE("locating: without NAPTR the transports in our order; TLS only where sips or the parameter asks for it") {
    auto zone = example();
    zone.naptr("example.org", {});
    CHECK(zone.locate({"example.org"}).value() == Endpoints{udp("192.0.2.3:5080"), tcp("192.0.2.2:5070")});
    zone.abilities.services = {Service::tls, Service::tcp, Service::udp};
    CHECK(zone.locate({"example.org"}).value() == Endpoints{tcp("192.0.2.2:5070"), udp("192.0.2.3:5080")});
    CHECK(zone.locate({"example.org", 0, {}, true}).value() == Endpoints{tls("192.0.2.1:5061")});
    zone.fails("example.org", Type::naptr);  // some servers know no NAPTR
    CHECK(zone.locate({"example.org", 0, {}, true}).value() == Endpoints{tls("192.0.2.1:5061")});
}

TEST_CASE("locating: without SRV the host's own addresses at the usual port") {
    Zone zone;
    zone.a("example.org", {"192.0.2.80", "192.0.2.81"}).aaaa("example.org", {"2001:db8::80"});
    CHECK(zone.locate({"example.org"}).value() == Endpoints{udp("192.0.2.80:5060"), udp("192.0.2.81:5060"), udp("[2001:db8::80]:5060")});
    CHECK(zone.locate({"example.org", 0, {}, true}).value() == Endpoints{tls("192.0.2.80:5061"), tls("192.0.2.81:5061"), tls("[2001:db8::80]:5061")});
    CHECK(zone.locate({"example.org", 0, Service::tcp}).value().front() == tcp("192.0.2.80:5060"));
    zone.abilities.families = {base::Family::ipv6, base::Family::ipv4};
    CHECK(zone.locate({"example.org"}).value().front() == udp("[2001:db8::80]:5060"));
    zone.abilities.families = {base::Family::ipv6};
    CHECK(zone.locate({"example.org"}).value() == Endpoints{udp("[2001:db8::80]:5060")});
    CHECK(std::ranges::find(zone.asked, "example.org/1") == zone.asked.end());
    zone.abilities.services = {Service::tcp};
    CHECK(zone.locate({"example.org"}).value().front() == tcp("[2001:db8::80]:5060"));
}

TEST_CASE("locating: what can go wrong has a name") {
    Zone zone;
    zone.a("example.org", {"192.0.2.80"});
    CHECK(failure_of(zone.locate({"nowhere.org"})) == Failure::no_such_name);
    CHECK(zone.asked.size() == 1);
    CHECK(failure_of(zone.locate({"nowhere.org", 5060})) == Failure::no_such_name);
    CHECK(failure_of(zone.locate({"no host"})) == Failure::no_such_name);
    CHECK(zone.asked.empty());
    CHECK(failure_of(zone.locate({"example.org", 0, Service::udp, true})) == Failure::no_transport);
    zone.abilities.families = {base::Family::ipv6};
    CHECK(failure_of(zone.locate({"example.org", 5060})) == Failure::no_address);
    CHECK(failure_of(zone.locate({"192.0.2.1", 5060})) == Failure::no_address);
    zone.abilities.services = {Service::udp};
    CHECK(failure_of(zone.locate({"example.org", 5060, Service::tcp})) == Failure::no_transport);
    CHECK(failure_of(zone.locate({"example.org", 0, {}, true})) == Failure::no_transport);

    auto failing = example();
    failing.fails("_sip._udp.example.org", Type::srv).fails("example.org", Type::a);
    // Not the host's address when SRV cannot be learned.
    CHECK(failure_of(failing.locate({"example.org", 0, Service::udp})) == Failure::server_failure);
    CHECK(failing.asked.size() == 1);
    CHECK(failure_of(failing.locate({"example.org", 5060})) == Failure::server_failure);
    CHECK(failing.locate({"example.org"}).value().size() == 2);  // the other transports still serve

    auto silent = example();
    silent.is_silent("s.example.org", Type::aaaa).is_silent("t.example.org", Type::a);
    CHECK(silent.locate({"example.org"}).value() == Endpoints{tls("192.0.2.1:5061"), udp("192.0.2.3:5080")});
    CHECK(failure_of(silent.locate({"example.org", 0, Service::tcp})) == Failure::timeout);
}

TEST_CASE("locating: the root as SRV target says that there is no such service (RFC 2782)") {
    auto zone = example();
    zone.srv("_sip._udp.example.org", {srv(0, 0, 5060, "")});
    CHECK(failure_of(zone.locate({"example.org", 0, Service::udp})) == Failure::no_transport);
    CHECK(zone.asked.size() == 1);
    CHECK(zone.locate({"example.org"}).value() == Endpoints{tls("192.0.2.1:5061"), tcp("192.0.2.2:5070")});
}

TEST_CASE("locating: a name in the hosts file is not asked of DNS, nor is an SRV target that stands there") {
    auto zone = example();
    zone.hosts = Hosts("127.0.0.7 example.org\n127.0.0.8 u.example.org other");
    CHECK(zone.locate({"example.org"}).value() == Endpoints{udp("127.0.0.7:5060")});
    CHECK(zone.asked.empty());
    zone.hosts = Hosts("127.0.0.8 u.example.org");
    CHECK(zone.locate({"example.org", 0, Service::udp}).value() == Endpoints{udp("127.0.0.8:5080")});
    CHECK(zone.asked.size() == 1);
}

TEST_CASE("locating: SRV priorities in order, weights by chance (RFC 2782)") {
    Zone zone;
    std::vector<std::string> records;
    for (int i = 0; i < 4; ++i) {
        const auto name = "h" + std::to_string(i) + ".example.org";
        zone.a(name, {"192.0.2." + std::to_string(i)});
    }
    zone.srv("_sip._udp.example.org",
             {srv(20, 100, 5060, "h3.example.org"), srv(10, 60, 5060, "h0.example.org"), srv(10, 30, 5060, "h1.example.org"), srv(10, 0, 5060, "h2.example.org")});
    constexpr int kRuns = 4000;
    std::map<std::string, int> first, second;
    for (int i = 0; i < kRuns; ++i) {
        const auto endpoints = zone.locate({"example.org", 0, Service::udp}).value();
        REQUIRE(endpoints.size() == 4);
        CHECK(endpoints[3].address.text() == "192.0.2.3:5060");
        ++first[endpoints[0].address.ip.text()];
        ++second[endpoints[1].address.ip.text()];
    }
    // The draw is from 0 to the sum of weights, both included: 60, 30 and 1 in 91. Five standard deviations are 150.
    CHECK(std::abs(first["192.0.2.0"] - kRuns * 60 / 91) < 150);
    CHECK(std::abs(first["192.0.2.1"] - kRuns * 30 / 91) < 150);
    CHECK(std::abs(first["192.0.2.2"] - kRuns / 91) < 35);
    // Next in line after the 60: the 30 in 30 of 31, and so on.
    CHECK(std::abs(second["192.0.2.1"] - kRuns * (60.0 / 91 * 30 / 31 + 1.0 / 91 * 31 / 91)) < 150);
}

TEST_CASE("locating: hostile answers are bounded") {
    Zone zone;
    std::vector<std::string> records, naptrs, addresses;
    for (unsigned i = 0; i < 2000; ++i) {
        const auto name = "h" + std::to_string(i) + ".example.org";
        records.push_back(srv(2000 - i, 0, 5060, name));
        naptrs.push_back(naptr(i, 0, "SIP+D2U", "_sip._udp" + std::to_string(i) + ".example.org"));
    }
    for (unsigned i = 0; i < 100; ++i) addresses.push_back("10.1.1." + std::to_string(i));
    for (unsigned i = 0; i < 2000; ++i) zone.a("h" + std::to_string(i) + ".example.org", addresses);
    zone.srv("_sip._udp.example.org", records);
    auto endpoints = zone.locate({"example.org", 0, Service::udp}).value();
    CHECK(endpoints.size() == Locating::kEndpoints);
    CHECK(zone.asked.size() == 1 + 2 * Locating::kHosts);
    CHECK(zone.asked[1] == "h1999.example.org/1");  // the best priority is kept
    zone.naptr("example.org", naptrs);
    for (unsigned i = 0; i < 2000; ++i) zone.srv("_sip._udp" + std::to_string(i) + ".example.org", {records[i]});
    CHECK(zone.locate({"example.org"}).value().size() == Locating::kEndpoints);
    CHECK(zone.asked.size() <= 1 + 8 + 2 * Locating::kHosts);

    // Two records that lead to one place, and a NAPTR that names itself, end.
    zone = {};
    zone.naptr("loop.org", {naptr(1, 1, "SIP+D2U", "loop.org"), naptr(1, 1, "SIP+D2U", "loop.org")});
    zone.srv("loop.org", {srv(1, 1, 5060, "loop.org"), srv(2, 1, 5060, "loop.org")}).a("loop.org", {"192.0.2.1", "192.0.2.1"});
    CHECK(zone.locate({"loop.org"}).value() == Endpoints{udp("192.0.2.1:5060")});
    CHECK(zone.asked.size() == 4);
}

TEST_CASE("locating: answers nobody waits for change nothing") {
    auto zone = example();
    Locating locating({"example.org", 0, Service::udp}, zone.abilities, zone.hosts, zone.random);
    CHECK_FALSE(locating.start().empty());
    CHECK(locating.answer({"u.example.org", Type::a}, zone.answer({"u.example.org", Type::a})).empty());
    const Question question{"_sip._udp.example.org", Type::srv};
    CHECK(locating.answer(question, zone.answer(question)).size() == 2);
    CHECK(locating.answer(question, zone.answer(question)).empty());
    CHECK_FALSE(locating.is_done());
    CHECK(failure_of(locating.result()) == Failure::timeout);
    for (const auto type : {Type::a, Type::aaaa}) CHECK(locating.answer({"u.example.org", type}, zone.answer({"u.example.org", type})).empty());
    CHECK(locating.is_done());
    CHECK(locating.result().value() == Endpoints{udp("192.0.2.3:5080")});
}
