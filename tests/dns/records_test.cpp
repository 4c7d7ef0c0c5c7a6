#include "dns/records.hpp"

#include <catch2/catch.hpp>

#include "zone.hpp"

using namespace confab;
using namespace confab::dns;

TEST_CASE("records: SRV and NAPTR as on the wire, names in lower case") {
    const auto srv = read_srv(test::srv(10, 60, 5060, "Edge-1.Example.ORG"));
    REQUIRE(srv);
    CHECK(srv->priority == 10);
    CHECK(srv->weight == 60);
    CHECK(srv->port == 5060);
    CHECK(srv->target == "edge-1.example.org");
    CHECK(read_srv(test::srv(0, 0, 0, ""))->target.empty());

    const auto naptr = read_naptr(test::naptr(50, 65535, "SIPS+D2T", "_sips._tcp.example.org", "S", "!a!b!"));
    REQUIRE(naptr);
    CHECK(naptr->order == 50);
    CHECK(naptr->preference == 65535);
    CHECK(naptr->flags == "S");
    CHECK(naptr->service == "SIPS+D2T");
    CHECK(naptr->regexp == "!a!b!");
    CHECK(naptr->replacement == "_sips._tcp.example.org");
}

TEST_CASE("records: every shortened or lengthened rdata is no record") {
    const auto srv = test::srv(10, 60, 5060, "edge.example.org");
    const auto naptr = test::naptr(1, 1, "SIP+D2U", "_sip._udp.example.org");
    for (std::size_t size = 0; size < srv.size(); ++size) CHECK_FALSE(read_srv(srv.substr(0, size)));
    for (std::size_t size = 0; size < naptr.size(); ++size) CHECK_FALSE(read_naptr(naptr.substr(0, size)));
    CHECK_FALSE(read_srv(srv + 'x'));
    CHECK_FALSE(read_naptr(naptr + 'x'));
    for (const std::size_t size : {0u, 3u, 5u, 16u}) CHECK_FALSE(read_address(Type::a, std::string(size, 'x')));
    for (const std::size_t size : {0u, 4u, 15u, 17u}) CHECK_FALSE(read_address(Type::aaaa, std::string(size, 'x')));
    CHECK(read_address(Type::a, test::address("192.0.2.7"))->text() == "192.0.2.7");
    CHECK(read_address(Type::aaaa, test::address("2001:db8::7"))->text() == "2001:db8::7");
}

TEST_CASE("records: hostile names are refused") {
    const auto of_name = [](const std::string& wire) { return read_srv(test::wire(1u) + test::wire(1u) + test::wire(5060u) + wire).has_value(); };
    CHECK(of_name(test::wire_name("a.b")));
    CHECK_FALSE(of_name("\xc0\x0c"));                                    // a compression pointer
    CHECK_FALSE(of_name(std::string("\x03" "a.b\0", 5)));                // a dot inside a label would change the name
    CHECK_FALSE(of_name(std::string("\x03" "a\0b\0", 5)));
    CHECK_FALSE(of_name(std::string("\x03" "a\r\n\0", 5)));
    CHECK(of_name(test::wire(std::string(63, 'a')) + '\0'));
    CHECK_FALSE(of_name(test::wire(std::string(64, 'a')) + '\0'));
    std::string longest;
    for (int i = 0; i < 127; ++i) longest += test::wire("a");
    CHECK(of_name(longest + '\0'));
    CHECK_FALSE(of_name(longest + test::wire("a") + '\0'));
}

TEST_CASE("host names: what may be asked of DNS") {
    CHECK(host_name("SIP.Example.org.") == "sip.example.org");
    CHECK(host_name("localhost") == "localhost");
    CHECK(host_name(std::string(63, 'a') + ".b") == std::string(63, 'a') + ".b");
    for (const std::string bad : {"", ".", "a..b", ".a", "a b", "a\nb", "exämple.org", "a/b", "%00"}) CHECK_FALSE(host_name(bad));
    CHECK_FALSE(host_name(std::string(64, 'a') + ".b"));
    std::string too_long = "a";
    while (too_long.size() <= 253) too_long += ".a";
    CHECK_FALSE(host_name(too_long));
}

TEST_CASE("hosts file: several names a line, both families, comments and nonsense passed over") {
    const Hosts hosts("127.0.0.1 localhost\n\n# 192.0.2.9 hidden\n192.0.2.1\tSip.Example.org  sip # first\r\n2001:db8::1 sip\nnonsense sip\n192.0.2.1 sip\n"
                      "192.0.2.3 bad/name good");
    REQUIRE(hosts.find("sip"));
    CHECK(hosts.find("sip")->size() == 2);
    CHECK(hosts.find("sip")->at(1).text() == "2001:db8::1");
    CHECK(hosts.find("sip.example.org")->front().text() == "192.0.2.1");
    CHECK(hosts.find("good")->front().text() == "192.0.2.3");
    CHECK(hosts.find("hidden") == nullptr);
    CHECK(hosts.find("first") == nullptr);
}
