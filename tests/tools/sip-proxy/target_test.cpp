#include "sip-proxy/target.hpp"

#include <catch2/catch.hpp>

using namespace confab;
using namespace confab::proxy;

namespace {
local::Value json(std::string_view text) { return *local::parse_json(text); }
}  // namespace

TEST_CASE("bridges are tried one after the other, unusable addresses are left out") {
    const auto targets = targets_of_number(json(
        R"({"known":true,"targets":[{"address":"udp:127.0.0.40:5080"},{"address":"nonsense"},{"address":"tls:127.0.0.1:5061"},{"address":"tcp:[::1]:5080"},{}]})"));
    REQUIRE(targets.size() == 3);
    CHECK(targets[0].hop.peer.text() == "127.0.0.40:5080");
    CHECK(targets[0].hop.transport == sip::Transport::udp);
    CHECK(targets[0].request_uri.empty());
    CHECK(targets[1].hop.transport == sip::Transport::tls);
    CHECK(targets[2].hop.peer.text() == "[::1]:5080");
    CHECK(targets[2].hop.transport == sip::Transport::tcp);
    CHECK(targets[0].group != targets[1].group);
}

TEST_CASE("contacts are grouped by q, highest first, and reached through their Path") {
    const auto targets = targets_of_address(json(R"({"known":true,"contacts":[
        {"contact":"sip:b@127.0.0.3","q":100},
        {"contact":"sip:b@127.0.0.1:5070;transport=tcp","q":1000},
        {"contact":"sip:b@10.1.1.1;transport=tls","q":1000,"path":"<sip:TOKEN@127.0.0.10:5060;lr>, <sip:127.0.0.11;lr>"},
        {"contact":"sip:b@phone.test:5070;transport=tcp","q":1000},
        {"contact":"sip:b@phone.test;transport=sctp","q":1000},
        {"contact":"sip:b@127.0.0.4","q":1000,"path":"not a path"}]})"));
    REQUIRE(targets.size() == 4);
    CHECK(targets[0].request_uri == "sip:b@127.0.0.1:5070;transport=tcp");
    CHECK(targets[0].hop.transport == sip::Transport::tcp);
    CHECK(targets[0].flow.empty());
    CHECK(targets[1].hop.peer.text() == "127.0.0.10:5060");
    CHECK(targets[1].route == "<sip:TOKEN@127.0.0.10:5060;lr>, <sip:127.0.0.11;lr>");
    CHECK(targets[1].flow == "TOKEN");
    CHECK(targets[1].group == targets[0].group);
    CHECK_FALSE(targets[1].query);
    CHECK(targets[2].query == dns::Query{"phone.test", 5070, dns::Service::tcp, false});
    CHECK(targets[3].group == targets[0].group + 1);
}

TEST_CASE("the number of targets is bounded") {
    auto contacts = local::Value::array();
    for (int i = 0; i < 100; ++i) contacts.push(json(R"({"contact":"sip:b@127.0.0.1","q":500})"));
    CHECK(targets_of_address(local::Value::object({{"contacts", contacts}})).size() == Target::kMost);
    CHECK(targets_of_address(json("{}")).empty());
    CHECK(targets_of_number(json(R"({"targets":7})")).empty());
}
