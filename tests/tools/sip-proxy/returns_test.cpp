#include "sip-proxy/returns.hpp"

#include <catch2/catch.hpp>

using namespace confab;
using namespace confab::proxy;

namespace {

std::string client(std::string_view via_text, std::string_view address = "192.0.2.7") {
    sip::TopVia via;
    REQUIRE(sip::read_via(via_text, via));
    return Returns::name_of(via, *base::IpAddress::parse(address));
}

sip::Hop connection(std::uint64_t flow) { return {sip::Transport::tcp, *base::SocketAddress::parse("192.0.2.7:4000"), {flow}, 1}; }

}  // namespace

TEST_CASE("a client is known by transport, sent-by and address") {
    const auto one = client("SIP/2.0/TCP Phone.test:5060;branch=z9hG4bKa");
    CHECK(one == client("SIP/2.0/tcp phone.test:5060;branch=z9hG4bKb;received=10.0.0.1"));
    CHECK(one != client("SIP/2.0/TLS phone.test:5060;branch=z9hG4bKa"));
    CHECK(one != client("SIP/2.0/TCP phone.test;branch=z9hG4bKa"));
    CHECK(one != client("SIP/2.0/TCP phone.test:5060;branch=z9hG4bKa", "192.0.2.8"));
}

TEST_CASE("answers wait for the client's next connection, each once") {
    Returns returns;
    sip::Outbox out;
    const auto one = client("SIP/2.0/TCP phone.test:5060;branch=a"), two = client("SIP/2.0/TCP other.test:5060;branch=a");
    returns.hold(one, "200 for one");
    returns.hold(one, "200 for one");
    returns.hold(two, "200 for two");
    CHECK(returns.held() == 2);
    CHECK(returns.find(one) == nullptr);
    returns.came(one, connection(1), out);
    REQUIRE(out.entries().size() == 1);
    CHECK(out.bytes(out.entries()[0]) == "200 for one");
    CHECK(out.entries()[0].to == connection(1));
    returns.came(one, connection(1), out);
    CHECK(out.entries().size() == 1);
    REQUIRE(returns.find(one) != nullptr);
    returns.came(one, connection(2), out);
    CHECK(*returns.find(one) == connection(2));
    returns.clear();
    CHECK((returns.held() == 0 && returns.find(one) == nullptr));
}

TEST_CASE("what waits is bounded") {
    Returns returns;
    for (int i = 0; i < 10'010; ++i) returns.hold("client", "answer " + std::to_string(i));
    CHECK(returns.held() == 10'000);
}
