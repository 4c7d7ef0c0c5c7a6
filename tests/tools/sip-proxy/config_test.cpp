#include "sip-proxy/config.hpp"

#include <catch2/catch.hpp>

using namespace confab;
using namespace confab::proxy;

namespace {

config::Problems problems_of(std::string_view text) {
    config::Problems problems;
    const auto entries = config::split("proxy.conf", text, problems);
    read_config(entries, problems);
    return problems;
}

constexpr std::string_view kGood =
    "listen = udp:127.0.0.1:5060 trusted\nlisten = tcp:127.0.0.1:5060\ndomains = example.test\nregistrar = udp:127.0.0.1:5070\n"
    "nonce-secret-file = /dev/null\n";

}  // namespace

TEST_CASE("a good file, with defaults") {
    config::Problems problems;
    const auto config = read_config(config::split("proxy.conf", kGood, problems), problems);
    for (const auto& problem : problems) UNSCOPED_INFO(problem.text());
    REQUIRE(problems.empty());
    CHECK(config.listen.size() == 2);
    CHECK(config.listen[0].trusted);
    CHECK(config.authenticate == std::vector<std::string>{"INVITE", "MESSAGE", "SUBSCRIBE", "REFER", "PUBLISH"});
    CHECK(config.attempt_timeout == base::seconds(4));
    CHECK(config.timer_c == base::seconds(180));
    CHECK(sip::algorithms_of(config.digest_algorithms).size() == 2);
}

TEST_CASE("each bad value is one problem that names its line") {
    const struct {
        std::string_view line, key;
    } rows[] = {
        {"listen = tls:127.0.0.1:5061", "listen"},
        {"listen = udp:0.0.0.0:5060", "listen"},
        {"registrar = tls:127.0.0.1:5061", "registrar"},
        {"authenticate = ACK", "authenticate"},
        {"authenticate = DANCE", "authenticate"},
        {"digest-algorithms = MD5 MD5", "digest-algorithms"},
        {"digest-algorithms = ROT13", "digest-algorithms"},
        {"locate-control = tls:host:1", "locate-control"},
        {"attempt-timeout = 50ms", "attempt-timeout"},
        {"attempt-timeout = soon", "attempt-timeout"},
        {"colour = red", "colour"},
        {"wrong-passcode = route nowhere", "wrong-passcode"},
        {"wrong-passcode = perhaps", "wrong-passcode"},
        {"interpret = both", "interpret"},
        {"emergency-numbers = 112 help", "emergency-numbers"},
        {"emergency-route = nowhere", "emergency-route"},
        {"passcode-header = X Passcode", "passcode-header"},
        {"call-record-headers = X-A X:B", "call-record-headers"},
        {"[route a]", "action"},
        {"[group a]", "member"},
        {"[room a]", "[room a]"},
    };
    for (const auto& row : rows) {
        INFO(row.line);
        const auto problems = problems_of(std::string(kGood) + std::string(row.line) + "\n");
        REQUIRE(problems.size() == 1);
        CHECK(problems[0].key == row.key);
        CHECK(problems[0].place.line == 6);
    }
}

TEST_CASE("an advertised address makes an unspecified one usable, and missing keys are told all at once") {
    CHECK(problems_of(std::string(kGood) + "listen = udp:0.0.0.0:5062 advertise=192.0.2.1:5062\n").empty());
    CHECK(problems_of("").size() == 4);
}

TEST_CASE("a reload takes over the live keys and no other") {
    config::Problems problems;
    auto running = read_config(config::split("a", kGood, problems), problems);
    const auto fresh = read_config(
        config::split(
            "b",
            std::string(kGood) +
                "timer-c = 10s\nattempt-timeout = 1s\nauthenticate = none\nretry-after = 9s\ntrusted = 10.0.0.0/8\ncontexts = 3\n",
            problems),
        problems);
    REQUIRE(problems.empty());
    take_live(running, fresh);
    CHECK(running.timer_c == base::seconds(10));
    CHECK(running.attempt_timeout == base::seconds(1));
    CHECK(running.retry_after == base::seconds(9));
    CHECK(running.authenticate == std::vector<std::string>{"none"});
    CHECK(running.trusted.size() == 1);
    CHECK(running.contexts == 50'000);
}

TEST_CASE("sections, and what they say about each other") {
    config::Problems problems;
    const auto config = read_config(config::split("proxy.conf",
                                                  std::string(kGood) + "emergency-route = sos\nwrong-passcode = route desk\nemergency-numbers = 112 110\n"
                                                                       "[route sos]\naction = uri sip:192.0.2.112\n[route desk]\naction = registrar\n"
                                                                       "[route rest]\nmethod = INVITE\naction = group g\n"
                                                                       "[group g]\nmember = udp:192.0.2.1:5060 limit=10\n",
                                                  problems),
                                    problems);
    for (const auto& problem : problems) UNSCOPED_INFO(problem.text());
    REQUIRE(problems.empty());
    CHECK(config.routes.size() == 3);
    CHECK(config.groups.at(0).members.at(0).uri == "sip:192.0.2.1:5060;transport=udp");
    CHECK(config.emergency_numbers == std::vector<std::string>{"112", "110"});
    CHECK(config.keeps_calls());  // a limit counts calls

    problems = problems_of(std::string(kGood) + "emergency-route = a\n[route a]\naction = home\n[route b]\naction = group nowhere\n");
    REQUIRE(problems.size() == 2);
    CHECK(problems[0].text() == "proxy.conf:10: action: expected the name of a group, got nowhere");
    CHECK(problems[1].text() == "proxy.conf:6: emergency-route: expected the name of a route whose action is group, uri, redirect or reject, got a");
}
