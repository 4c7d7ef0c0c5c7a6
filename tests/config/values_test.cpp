#include "config/values.hpp"

#include <catch2/catch.hpp>

using namespace confab;
using namespace confab::config;

TEST_CASE("durations") {
    struct Row {
        std::string_view text;
        std::optional<std::int64_t> milliseconds;
    };
    const Row rows[] = {{"200ms", 200},
                        {"5s", 5'000},
                        {"2m", 120'000},
                        {"1h", 3'600'000},
                        {"1d", 86'400'000},
                        {"0s", 0},
                        {"5", {}},
                        {"s", {}},
                        {"", {}},
                        {"-5s", {}},
                        {"5 s", {}},
                        {"1.5s", {}},
                        {"1m30s", {}},
                        {"99999999999999999999s", {}},
                        {"18446744073709551615ms", {}}};
    for (const auto& row : rows) {
        INFO(row.text);
        const auto value = Value<base::milliseconds>::parse(row.text);
        CHECK((value ? std::optional(value->count()) : std::nullopt) == row.milliseconds);
    }
    CHECK(Value<base::seconds>::parse("2m") == base::seconds(120));
    CHECK(Value<base::seconds>::parse("1000ms") == base::seconds(1));
    CHECK_FALSE(Value<base::seconds>::parse("200ms"));
}

TEST_CASE("flags and numbers") {
    CHECK(Value<bool>::parse("yes") == true);
    CHECK(Value<bool>::parse("no") == false);
    CHECK_FALSE(Value<bool>::parse("true"));
    CHECK(Value<std::uint32_t>::parse("4294967295") == 4294967295u);
    for (auto text : {"4294967296", "-1", "+1", "1 ", "", "0x10"}) CHECK_FALSE(Value<std::uint32_t>::parse(text));
}

TEST_CASE("listeners and peers") {
    const auto listener = Value<Listener>::parse("udp:192.0.2.1:5060 trusted advertise=198.51.100.7:5070");
    REQUIRE(listener);
    CHECK(listener->trusted);
    CHECK(listener->visible().text() == "198.51.100.7:5070");
    CHECK(listener->text() == "udp:192.0.2.1:5060 trusted advertise=198.51.100.7:5070");
    CHECK(Value<Listener>::parse("tls:[::1]:0")->visible().text() == "[::1]:0");
    for (auto text : {"", "udp", "udp:", "sctp:192.0.2.1:5060", "udp:192.0.2.1", "udp:192.0.2.1:5060 trustd",
                      "udp:192.0.2.1:5060 trusted trusted", "udp:192.0.2.1:5060 advertise=x", "UDP:192.0.2.1:5060", "udp:example.org:5060"})
        CHECK_FALSE(Value<Listener>::parse(text));

    CHECK(Value<Peer>::parse("tcp:[2001:db8::1]:5060")->text() == "tcp:[2001:db8::1]:5060");
    for (auto text : {"tcp:192.0.2.1:0", "udp:0.0.0.0:5060", "tcp:192.0.2.1:5060 trusted"}) CHECK_FALSE(Value<Peer>::parse(text));
}

TEST_CASE("port ranges") {
    const auto range = Value<PortRange>::parse("20000-29999");
    REQUIRE(range);
    CHECK(range->low == 20000);
    CHECK(range->high == 29999);
    for (auto text : {"20000", "0-10", "10-9", "1-65536", "1-2-3", "-", "a-b"}) CHECK_FALSE(Value<PortRange>::parse(text));
}

TEST_CASE("control addresses") {
    struct Row {
        std::string_view text, normal;
    };
    const Row rows[] = {
        {"unix:/run/x.sock", "unix:/run/x.sock"},           {"/run/x.sock", "unix:/run/x.sock"}, {"./x", "unix:./x"}, {"unix:x", "unix:x"},
        {"tls:host.example:7000", "tls:host.example:7000"}, {"tls:[::1]:7000", "tls:[::1]:7000"}};
    for (const auto& row : rows) {
        const auto address = Value<ControlAddress>::parse(row.text);
        REQUIRE(address);
        CHECK(address->text() == row.normal);
    }
    for (auto text : {"", "x", "unix:", "tls:host", "tls:host:0", "tls::1", "tls:::1:7000", "tls:a/b:1"})
        CHECK_FALSE(Value<ControlAddress>::parse(text));
    CHECK_FALSE(Value<ControlAddress>::parse("/" + std::string(107, 'x')));
    CHECK(Value<ControlAddress>::parse("/" + std::string(106, 'x')));
}
