#include "base/socket_address.hpp"

#include <catch2/catch.hpp>

using namespace confab::base;

TEST_CASE("address: text forms") {
    struct Row {
        std::string_view in, out;
    };
    for (auto [in, out] :
         {Row{"192.0.2.1", "192.0.2.1"}, Row{"0.0.0.0", "0.0.0.0"}, Row{"255.255.255.255", "255.255.255.255"}, Row{"::", "::"},
          Row{"::1", "::1"}, Row{"[::1]", "::1"}, Row{"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
          Row{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, Row{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"}, Row{"2001:db8::", "2001:db8::"},
          Row{"::ffff:192.0.2.1", "::ffff:192.0.2.1"}, Row{"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"}, Row{"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
          Row{"2001:0:0:1:1:0:0:1", "2001::1:1:0:0:1"}}) {
        INFO(in);
        const auto ip = IpAddress::parse(in);
        REQUIRE(ip);
        CHECK(ip->text() == out);
        CHECK(IpAddress::parse(ip->text()) == ip);
        CHECK(IpAddress::parse(ip->host()) == ip);
    }
    CHECK(IpAddress::parse("::1")->host() == "[::1]");
    CHECK(IpAddress::parse("10.0.0.1")->host() == "10.0.0.1");
    CHECK(IpAddress::parse("::")->is_unspecified());
    CHECK_FALSE(IpAddress::parse("::1")->is_unspecified());
}

TEST_CASE("address: malformed") {
    for (std::string_view bad :
         {"",     "1.2.3",     "1.2.3.4.5",         "256.1.1.1",     "01.2.3.4",          "1.2.3.4 ", "1..3.4", "a.b.c.d", "-1.2.3.4",
          ":",    ":::",       "1::2::3",           "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::",  "g::",    "::1%lo",  "[::1",
          "::1]", "[1.2.3.4]", "1:2:3:4:5:6:7:8::", "::1.2.3",       "1.2.3.4::",         "1:",       ":1",     "[]"}) {
        INFO(bad);
        CHECK_FALSE(IpAddress::parse(bad));
    }
}

TEST_CASE("address: with port") {
    CHECK(SocketAddress::parse("192.0.2.1:5060")->text() == "192.0.2.1:5060");
    CHECK(SocketAddress::parse("[2001:db8::1]:5061")->text() == "[2001:db8::1]:5061");
    CHECK(SocketAddress::parse("192.0.2.1", 5060)->text() == "192.0.2.1:5060");
    CHECK(SocketAddress::parse("2001:db8::1", 5060)->text() == "[2001:db8::1]:5060");
    CHECK(SocketAddress::parse("[2001:db8::1]", 5060)->text() == "[2001:db8::1]:5060");
    CHECK(SocketAddress::parse("192.0.2.1:0")->port == 0);
    for (std::string_view bad :
         {"192.0.2.1", "[::1]", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:+1", "[::1]5060", "::1:5060:", "localhost:1"}) {
        INFO(bad);
        CHECK_FALSE(SocketAddress::parse(bad));
    }
    CHECK_FALSE(SocketAddress::parse("192.0.2.1:", 5060));
}

TEST_CASE("address: hash tells port and host apart") {
    const std::hash<SocketAddress> hash;
    const auto a = *SocketAddress::parse("192.0.2.1:5060");
    CHECK(hash(a) == hash(*SocketAddress::parse("192.0.2.1:5060")));
    CHECK(hash(a) != hash(*SocketAddress::parse("192.0.2.1:5061")));
    CHECK(hash(a) != hash(*SocketAddress::parse("192.0.2.2:5060")));
}

TEST_CASE("network: membership") {
    struct Row {
        std::string_view network, ip;
        bool inside;
    };
    for (auto [network, ip, inside] :
         {Row{"10.0.0.0/8", "10.255.0.1", true}, Row{"10.0.0.0/8", "11.0.0.1", false}, Row{"192.0.2.1", "192.0.2.1", true},
          Row{"192.0.2.1", "192.0.2.2", false}, Row{"0.0.0.0/0", "203.0.113.9", true}, Row{"0.0.0.0/0", "::1", false},
          Row{"192.0.2.128/25", "192.0.2.127", false}, Row{"192.0.2.128/25", "192.0.2.129", true},
          Row{"2001:db8::/33", "2001:db8:7fff::1", true}, Row{"2001:db8::/33", "2001:db8:8000::1", false}, Row{"::1", "::1", true}}) {
        INFO(network << " " << ip);
        CHECK(Network::parse(network)->contains(*IpAddress::parse(ip)) == inside);
    }
    CHECK(Network::parse("10.1.2.3/8")->text() == "10.0.0.0/8");
    CHECK(Network::parse("::1")->text() == "::1");
    for (std::string_view bad : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "x/8", "/8"}) CHECK_FALSE(Network::parse(bad));
}
