#include "sip-proxy/route.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace confab;
using namespace confab::proxy;

namespace {

config::Listener listener(std::string_view text) { return *config::Value<config::Listener>::parse(text); }

OwnNames names() {
    return OwnNames({listener("udp:127.0.0.20:5060"), listener("tcp:127.0.0.20:5060"), listener("tcp:[::1]:5070"),
                     listener("udp:10.0.0.1:5060 advertise=192.0.2.9:6060")},
                    {"example.test", "other.test"});
}

std::string request(std::string_view uri, std::string_view routes) {
    std::string text = "BYE ";
    text += uri;
    text += " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9:5000;branch=z9hG4bKx\r\n";
    text += routes;
    text +=
        "From: <sip:a@example.test>;tag=1\r\nTo: <sip:b@example.test>;tag=2\r\nCall-ID: c1\r\nCSeq: 1 BYE\r\nMax-Forwards: "
        "70\r\nContent-Length: 0\r\n\r\n";
    return text;
}

sip::Uri uri(std::string_view text) { return *sip::parse_uri(text); }

}  // namespace

TEST_CASE("names that are ours") {
    const auto own = names();
    const struct {
        std::string_view uri;
        bool served, is_listener;
    } rows[] = {
        {"sip:1@example.test", true, false},  {"sip:1@EXAMPLE.TEST:5999", true, false}, {"sip:other.test", true, false},
        {"sip:1@127.0.0.20", true, true},     {"sip:1@127.0.0.20:5060", true, true},    {"sip:1@127.0.0.20:5061", false, false},
        {"sips:1@127.0.0.20", false, false},  {"sip:1@[::1]:5070", true, true},         {"sip:1@[0:0::1]:5070", true, true},
        {"sip:1@192.0.2.9:6060", true, true}, {"sip:1@10.0.0.1", true, true},           {"sip:1@example.test.evil", false, false},
        {"sip:1@evil.test", false, false},
    };
    for (const auto& row : rows) {
        INFO(row.uri);
        CHECK(own.serves(uri(row.uri)) == row.served);
        CHECK(own.is_listener(uri(row.uri)) == row.is_listener);
    }
    CHECK(own.domain_of(uri("sip:1@other.test")) == "other.test");
    CHECK(own.domain_of(uri("sip:1@127.0.0.20")) == "example.test");
}

TEST_CASE("the listener that sends fits transport and family, the receiving one first") {
    const auto own = names();
    const auto hop = [](std::string_view text) { return *hop_of(uri(text)); };
    CHECK(own.listener_towards(hop("sip:1@127.0.0.1"), 0) == 0);
    CHECK(own.listener_towards(hop("sip:1@127.0.0.1"), 3) == 3);
    CHECK(own.listener_towards(hop("sip:1@127.0.0.1;transport=tcp"), 0) == 1);
    CHECK(own.listener_towards(hop("sip:1@[::1];transport=tcp"), sip::kAnyListener) == 2);
    CHECK_FALSE(own.listener_towards(hop("sip:1@[::1]"), 2));
    CHECK_FALSE(own.listener_towards(hop("sips:1@127.0.0.1"), 0));
}

TEST_CASE("URIs of our own name the visible address and the listener's transport") {
    const auto own = names();
    const auto text = [&](std::uint16_t listener, std::string_view flow) {
        std::string out;
        own.append_uri(out, listener, flow);
        return out;
    };
    CHECK(text(0, "") == "sip:127.0.0.20:5060;lr");
    CHECK(text(1, "TOKEN") == "sip:TOKEN@127.0.0.20:5060;transport=tcp;lr");
    CHECK(text(2, "") == "sip:[::1]:5070;transport=tcp;lr");
    CHECK(text(3, "") == "sip:192.0.2.9:6060;lr");
    CHECK(own.sent_by(3) == "192.0.2.9:6060");
}

TEST_CASE("own Routes on top go, the rest stays as it was") {
    const auto own = names();
    const struct {
        std::string_view uri, routes;
        bool malformed;
        std::size_t own_routes;
        std::string_view request_uri, token, next, left;
    } rows[] = {
        {"sip:b@127.0.0.9", "", false, 0, "sip:b@127.0.0.9", "", "", ""},
        {"sip:b@127.0.0.9", "Route: <sip:127.0.0.20;lr;d=T1>\r\n", false, 1, "sip:b@127.0.0.9", "T1", "", ""},
        {"sip:b@127.0.0.9", "Route: <sip:127.0.0.20;lr;d=T1>,<sip:[::1]:5070;lr;d=T2> , <sip:127.0.0.10;lr>\r\n", false, 2,
         "sip:b@127.0.0.9", "T1", "sip:127.0.0.10;lr", "Route: <sip:127.0.0.10;lr>\r\n"},
        {"sip:b@127.0.0.9", "Route: <sip:127.0.0.20;lr;d=T1>\r\nRoute: <sip:example.test;lr>, <sip:x@127.0.0.10;lr>\r\n", false, 2,
         "sip:b@127.0.0.9", "T1", "sip:x@127.0.0.10;lr", "Route: <sip:x@127.0.0.10;lr>\r\n"},
        {"sip:b@127.0.0.9", "Route: <sip:127.0.0.10;lr>,<sip:127.0.0.20;lr;d=T1>\r\n", false, 0, "sip:b@127.0.0.9", "", "sip:127.0.0.10;lr",
         "Route: <sip:127.0.0.10;lr>,<sip:127.0.0.20;lr;d=T1>\r\n"},
        {"sip:127.0.0.20:5060;lr;d=T1", "Route: <sip:x@127.0.0.10;lr>, <sip:b@127.0.0.9>\r\n", false, 0, "sip:b@127.0.0.9", "T1",
         "sip:x@127.0.0.10;lr", "Route: <sip:x@127.0.0.10;lr>\r\n"},
        {"sip:127.0.0.20:5060;lr;d=T1", "Route: <sip:b@127.0.0.9>\r\n", false, 0, "sip:b@127.0.0.9", "T1", "", ""},
        {"sip:b@127.0.0.9", "Route: what is this\r\n", true, 0, "", "", "", ""},
        {"sip:b@127.0.0.9", "Route: <tel:123>\r\n", true, 0, "", "", "", ""},
    };
    for (const auto& row : rows) {
        INFO(row.uri << " " << row.routes);
        const auto text = request(row.uri, row.routes);
        sip::Message message;
        REQUIRE(sip::split(text, message) == sip::ParseError::none);
        const auto plan = plan_route(message, own);
        CHECK(plan.malformed == row.malformed);
        if (plan.malformed) continue;
        CHECK(plan.own_routes == row.own_routes);
        CHECK(plan.request_uri == row.request_uri);
        CHECK(plan.token == row.token);
        CHECK(plan.next == row.next);
        sip::Splice splice(message);
        remove_own_routes(splice, message, plan);
        std::string out;
        splice.write(out);
        CHECK(out == request(row.uri, row.left));
    }
}

TEST_CASE("more own Routes than a splice has room for are refused") {
    std::string routes;
    for (std::size_t i = 0; i <= RoutePlan::kMaxOwnRoutes; ++i) routes += "Route: <sip:127.0.0.20;lr>\r\n";
    const auto text = request("sip:b@127.0.0.9", routes);
    sip::Message message;
    REQUIRE(sip::split(text, message) == sip::ParseError::none);
    CHECK(plan_route(message, names()).malformed);
}

TEST_CASE("what Route says of the next hop") {
    const auto own = names();
    const struct {
        std::string_view uri, routes, flow;
        bool strict;
    } rows[] = {
        {"sip:b@127.0.0.9", "Route: <sip:T1@127.0.0.20;lr;d=x>, <sip:T2@127.0.0.20;transport=tcp;lr;d=x>\r\n", "T2", false},
        {"sip:b@127.0.0.9", "Route: <sip:T1@127.0.0.20;lr;d=x>, <sip:127.0.0.20;lr;d=x>\r\n", "", false},
        {"sip:b@127.0.0.9", "Route: <sip:127.0.0.20;lr>, <sip:127.0.0.10>\r\n", "", true},
        {"sip:b@127.0.0.9", "Route: <sip:127.0.0.10;lr>\r\n", "", false},
        {"sip:T1@127.0.0.20:5060;lr;d=T1", "Route: <sip:127.0.0.10>, <sip:b@127.0.0.9>\r\n", "T1", true},
        {"sip:alice@127.0.0.20:5060;lr", "Route: <sip:127.0.0.10;lr>\r\n", "", false},
    };
    for (const auto& row : rows) {
        INFO(row.uri << " " << row.routes);
        const auto text = request(row.uri, row.routes);
        sip::Message message;
        REQUIRE(sip::split(text, message) == sip::ParseError::none);
        const auto plan = plan_route(message, own);
        CHECK(plan.flow == row.flow);
        CHECK(plan.next_is_strict == row.strict);
    }
}

TEST_CASE("numbers to dial") {
    const struct {
        std::string_view uri, number;
    } rows[] = {
        {"sip:1234@x", "1234"}, {"sip:+49301234@x", "+49301234"},
        {"sip:%239*@x", "#9*"}, {"sip:%31@x", "1"},
        {"sip:alice@x", ""},    {"sip:12a4@x", ""},
        {"sip:x", ""},          {"sip:%3@x", ""},
        {"sip:12%zz@x", ""},    {"sip:1234;passcode=5678@x", "1234"},
        {"sip:;a=1@x", ""},     {"sip:12%3B3@x", ""},
    };
    for (const auto& row : rows) {
        INFO(row.uri);
        const auto parsed = sip::parse_uri(row.uri);
        CHECK((parsed ? number_of(*parsed).value_or("") : "") == row.number);
    }
    CHECK_FALSE(number_of(uri("sip:" + std::string(65, '1') + "@x")));
}

TEST_CASE("hops are addresses, never names") {
    CHECK(hop_of(uri("sip:1@127.0.0.1"))->peer.text() == "127.0.0.1:5060");
    CHECK(hop_of(uri("sip:1@[::1]:99;transport=tcp"))->transport == sip::Transport::tcp);
    CHECK(hop_of(uri("sips:1@127.0.0.1"))->peer.port == 5061);
    CHECK_FALSE(hop_of(uri("sip:1@phone.example.test")));
    CHECK_FALSE(hop_of(uri("sip:1@127.0.0.1;transport=sctp")));
}
