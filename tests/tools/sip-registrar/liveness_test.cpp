// Bindings are asked by OPTIONS whether they are there.
#include <map>

#include "phone.hpp"

namespace confab::registrar {
namespace {

Config probing_config(UnreachablePolicy policy) {
    auto config = test_config();
    config.liveness_interval = base::seconds(60);
    config.liveness_failures = 2;
    config.unreachable = policy;
    config.max_expires = base::seconds(100'000);
    return config;
}

// One second after the other; each OPTIONS goes to `answer`, whose status is sent back, 0: none.
template <class Answer>
std::size_t run(Bench& bench, int seconds, Answer answer) {
    std::size_t probes = 0;
    for (int i = 0; i < seconds; ++i) {
        bench.advance(base::seconds(1));
        std::vector<std::pair<sip::Hop, std::string>> sent;
        for (const auto& entry : bench.effects.transmit.entries()) sent.emplace_back(entry.to, bench.effects.transmit.bytes(entry));
        for (const auto& [to, text] : sent) {
            sip::Message message;
            REQUIRE(sip::split(text, message) == sip::ParseError::none);
            if (message.method != sip::Method::options) continue;
            const int status = answer(to, message);
            ++probes;
            if (status == 0) continue;
            bench.deliver("SIP/2.0 " + std::to_string(status) + " Whatever\r\nVia: " + std::string(message.via.value) + "\r\nFrom: " + std::string(message.from) +
                          "\r\nTo: " + std::string(message.to) + ";tag=x\r\nCall-ID: " + std::string(message.call_id) + "\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
        }
    }
    return probes;
}

const std::string kContacts = "Contact: <sip:here@192.0.2.9:5060>;expires=90000, <sip:gone@192.0.2.9:5060>;expires=90000\r\n";

bool is_reachable(const Bench& bench, std::string_view contact) {
    for (const auto binding : bench.core.bindings().find(bench.now, "sip:alice@example.org"))
        if (binding.contact == contact) return binding.is_reachable;
    FAIL("the binding is gone");
    return false;
}

TEST_CASE("a binding that does not answer is marked, and reachable again when it does", "[registrar][liveness]") {
    Bench bench(probing_config(UnreachablePolicy::mark));
    REQUIRE(Bench::status(bench.send({.headers = kContacts})) == 200);
    bool back = false;
    const auto answer = [&](const sip::Hop& to, const sip::Message& probe) {
        CHECK(to.peer == bench.source.peer);
        return probe.uri.starts_with("sip:here") ? 404 : back ? 200 : 0;  // any answer is a sign of life
    };
    run(bench, 60, answer);
    CHECK(is_reachable(bench, "sip:gone@192.0.2.9:5060"));
    run(bench, 140, answer);
    CHECK(is_reachable(bench, "sip:here@192.0.2.9:5060"));
    CHECK_FALSE(is_reachable(bench, "sip:gone@192.0.2.9:5060"));
    CHECK(bench.core.counters().get(Metric::unreachable) == 1);
    back = true;
    run(bench, 90, answer);
    CHECK(is_reachable(bench, "sip:gone@192.0.2.9:5060"));
}

TEST_CASE("where it is wanted such a binding goes", "[registrar][liveness]") {
    Bench bench(probing_config(UnreachablePolicy::remove));
    REQUIRE(Bench::status(bench.send({.headers = kContacts})) == 200);
    run(bench, 200, [](const sip::Hop&, const sip::Message& probe) { return probe.uri.starts_with("sip:here") ? 200 : 480; });
    CHECK(bench.core.bindings().size() == 1);
    CHECK(is_reachable(bench, "sip:here@192.0.2.9:5060"));
}

TEST_CASE("each binding is asked once in the interval, over its Path", "[registrar][liveness]") {
    auto config = probing_config(UnreachablePolicy::mark);
    config.contacts_per_address = 60;
    Bench bench(config);
    bench.source.peer = *base::SocketAddress::parse("192.0.2.20:5060");
    std::string contacts = "Contact: <sip:0@h>";
    for (int i = 1; i < 50; ++i) contacts += ", <sip:" + std::to_string(i) + "@h>";
    REQUIRE(Bench::status(bench.send({.headers = contacts + "\r\nPath: <sip:token@192.0.2.10:5066;transport=tcp;lr>\r\n"})) == 200);
    std::map<std::string, int, std::less<>> asked;
    const auto probes = run(bench, 120, [&](const sip::Hop& to, const sip::Message& probe) {
        CHECK(to.transport == sip::Transport::tcp);
        CHECK(to.peer.text() == "192.0.2.10:5066");
        CHECK(probe.value(sip::HeaderName::route) == "<sip:token@192.0.2.10:5066;transport=tcp;lr>");
        ++asked[std::string(probe.uri)];
        return 200;
    });
    CHECK((probes >= 98 && probes <= 102));
    CHECK(asked.size() == 50);
}

}  // namespace
}  // namespace confab::registrar
