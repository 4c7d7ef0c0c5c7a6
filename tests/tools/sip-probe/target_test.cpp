#include <catch2/catch.hpp>

#include "sip-probe/target.hpp"

using namespace confab;
using namespace confab::probe;
using dns::Service;

TEST_CASE("targets are hops or URIs") {
    struct Row {
        const char* text;
        dns::Query query;
    };
    const Row rows[] = {
        {"udp:127.0.0.1:5070", {"127.0.0.1", 5070, Service::udp}},
        {"tcp:127.0.0.1", {"127.0.0.1", 0, Service::tcp}},
        {"TLS:edge.example.org", {"edge.example.org", 0, Service::tls}},
        {"tls:[::1]:15061", {"::1", 15061, Service::tls}},
        {"sip:1234@127.0.0.1", {"127.0.0.1"}},
        {"sip:1234@host:5080;transport=tcp", {"host", 5080, Service::tcp}},
        {"sip:1234@host;maddr=[2001:db8::1]", {"2001:db8::1"}},
        {"sips:host", {"host", 0, {}, true}},
        {"sips:host;transport=tcp", {"host", 0, Service::tcp, true}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        const auto query = parse_target(row.text);
        REQUIRE(query);
        CHECK(*query == row.query);
    }
    for (const auto* text : {"", "udp", "udp:", "udp:host:99999", "udp:a@host", "http://x", "sip:", "sip:a@h;transport=sctp", "127.0.0.1:5060"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_target(text));
    }
}

TEST_CASE("a target is an endpoint and the name that led there") {
    const auto target = Target::of({Service::tls, *base::SocketAddress::parse("[2001:db8::1]:5061")}, {"example.org", 0, {}, true});
    CHECK(target.text() == "tls:[2001:db8::1]:5061");
    CHECK(target.host == "example.org");
    CHECK(Target::of({Service::tcp, {}}, {}).transport == sip::Transport::tcp);
    CHECK(Target::of({Service::udp, {}}, {}).transport == sip::Transport::udp);
}
