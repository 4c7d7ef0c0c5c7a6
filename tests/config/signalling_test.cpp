#include "config/signalling.hpp"

#include <catch2/catch.hpp>

using namespace confab;

namespace {

// The part does not stand at the front, so that a row which takes the whole for its part is seen.
struct Front {
    std::uint64_t guard = 0x5a5a5a5a;
    std::string text;
};
struct Config : Front, config::Signalling {
    std::uint32_t depth = 0;
};

const config::Table& keys() {
    static const config::Table kKeys = [] {
        config::Table table = {config::key<Config>("listen", &Config::listen, "", "Where."), config::key("depth", &Config::depth, "7", "How deep.")};
        config::append<Config, config::Signalling>(table, config::tls_keys());
        config::append<Config, config::Signalling>(table, config::signalling_keys());
        return table;
    }();
    return kKeys;
}

Config read(const std::string& text, config::Problems& problems) {
    const auto entries = config::split("x.conf", text, problems);
    auto config = config::read<Config>(keys(), entries, problems);
    config::check_tls(config, entries, problems);
    return config;
}

}  // namespace

TEST_CASE("signalling keys: an inherited part has its defaults and takes values") {
    config::Problems problems;
    const auto config = read("listen = udp:127.0.0.1:5060\nlisten = tls:[::1]:5061 trusted\ntls-certificate = a.pem\ntls-key = a.key\ntls-client-ca = ca.pem\n"
                             "tls-client-names = one.example.org\ntls-client-names = two.example.org\ntls-client-certificate = optional\nt1 = 100ms\n"
                             "authentication-timeout = 0s\n",
                             problems);
    CHECK(problems.empty());
    CHECK(config.guard == 0x5a5a5a5a);
    CHECK(config.depth == 7);
    REQUIRE(config.listen.size() == 2);
    CHECK(config.listen[1].trusted);
    CHECK(config.tls_client_names == std::vector<std::string>{"one.example.org", "two.example.org"});
    CHECK(config.tls_client_certificate == config::ClientCertificate::optional);
    CHECK(config.t1 == base::milliseconds(100));
    CHECK(config.t2 == base::seconds(4));
    CHECK(config.authentication_timeout.count() == 0);
    CHECK(config.connections == 10'000);
}

TEST_CASE("signalling keys: what TLS needs is told together") {
    struct Row {
        std::string text;
        std::vector<std::string> keys;
    };
    const Row rows[] = {{"listen = tls:127.0.0.1:5061\n", {"listen"}},
                        {"tls-certificate = a.pem\n", {"tls-key"}},
                        {"tls-key = a.key\n", {"tls-certificate"}},
                        {"listen = tls:127.0.0.1:5061\ntls-key = a.key\n", {"listen", "tls-certificate"}},
                        {"tls-client-names = edge.example.org\n", {"tls-client-names"}},
                        {"tls-client-certificate = perhaps\n", {"tls-client-certificate"}},
                        {"write-queue = 1\nidle-timeout = 1ms\n", {"write-queue", "idle-timeout"}}};
    for (const auto& row : rows) {
        CAPTURE(row.text);
        config::Problems problems;
        read(row.text, problems);
        std::vector<std::string> named;
        for (const auto& problem : problems) named.push_back(problem.key);
        CHECK(named == row.keys);
    }
}

TEST_CASE("signalling keys: a reload takes the live ones and leaves the others") {
    config::Problems problems;
    auto running = read("connections = 5\nretry-after = 1s\n", problems);
    const auto fresh = read("connections = 6\nretry-after = 2s\ntls-certificate = b.pem\ntls-key = b.key\n", problems);
    config::take_live(running, fresh);
    CHECK(running.connections == 5);
    CHECK(running.retry_after == base::seconds(2));
    CHECK(running.tls_certificate == "b.pem");
    for (const auto& row : config::signalling_keys()) CHECK(row.live == (row.name == "retry-after"));
    for (const auto& row : config::tls_keys()) CHECK(row.live);
}
