#include <catch2/catch.hpp>

#include "sip-registrar/config.hpp"

namespace confab::registrar {
namespace {

const std::string kGood = "listen = udp:192.0.2.30:5070\ndomains = Example.org\n";

std::vector<std::string> problems_of(const std::string& text) {
    config::Problems problems;
    const auto entries = config::split("r.conf", text, problems);
    (void)read_config(entries, problems);
    std::vector<std::string> keys;
    for (const auto& problem : problems) keys.push_back(problem.key);
    return keys;
}

TEST_CASE("keys that contradict each other are found", "[registrar][config]") {
    struct Row {
        std::string text;
        std::vector<std::string> keys;
    };
    const Row rows[] = {
        {kGood, {}},
        {"", {"listen", "domains"}},
        {kGood + "listen = tls:192.0.2.30:5061\n", {"listen"}},
        {kGood + "durability = sometimes\n", {"durability"}},
        {kGood + "digest-algorithms = MD5 ROT13\n", {"digest-algorithms"}},
        {kGood + "digest-algorithms = MD5 MD5\n", {"digest-algorithms"}},
        {kGood + "max-expires = 30s\n", {"max-expires"}},
        {kGood + "default-expires = 2h\n", {"default-expires"}},
        {kGood + "domains = alice@example.org\n", {"domains"}},
        {kGood + "realm = \"x\"\n", {"realm"}},
        {kGood + "min-expires = 0s\n", {"min-expires"}},
        {kGood + "authenticate = REGISTER INVITE\n", {"authenticate"}},
        {kGood + "authenticate = none\nservice-route = sip:192.0.2.20;lr\nservice-route = sip:[::1]:5080;lr\n", {}},
        {kGood + "service-route = <sip:192.0.2.20;lr>\n", {"service-route"}},
        {kGood + "service-route = nowhere\n", {"service-route"}},
        {kGood + "outbound = maybe\ncontact-policy = replace\nunreachable = yes\n", {"outbound", "contact-policy", "unreachable"}},
        {kGood + "outbound = lenient\ncontact-policy = replace-oldest\nunreachable = remove\n", {}},
        {kGood + "expires-spread = 51\n", {"expires-spread"}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        CHECK(problems_of(row.text) == row.keys);
    }
}

TEST_CASE("defaults and what a reload takes over", "[registrar][config]") {
    config::Problems problems;
    const auto read = [&](const std::string& text) { return read_config(config::split("r.conf", text, problems), problems); };
    auto running = read(kGood);
    CHECK(running.domains == std::vector<std::string>{"example.org"});
    CHECK(running.durability == Durability::batched);
    CHECK(read("listen = udp:[::1]:5070\ndomains = ::1\ndomains = 192.0.2.1\n").domains == std::vector<std::string>{"[::1]", "192.0.2.1"});
    CHECK(running.authenticate == std::vector<std::string>{"REGISTER", "SUBSCRIBE"});
    CHECK(read(kGood + "authenticate = OPTIONS REGISTER\n").authenticate == std::vector<std::string>{"OPTIONS", "REGISTER"});
    CHECK(running.verifier >= sip::kConfiguredVerifiers);  // drawn
    take_live(running, read(kGood + "max-expires = 2h\ndurability = strict\noutbound = off\ncontact-policy = replace-unreachable\n"));
    CHECK(running.max_expires == base::seconds(7200));
    CHECK(running.outbound == OutboundPolicy::off);
    CHECK(running.contact_policy == sip::WhenFull::replace_unreachable);
    CHECK(running.durability == Durability::batched);
    CHECK(problems.empty());
}

}  // namespace
}  // namespace confab::registrar
