// Any bytes as a configuration file: split, override, apply, report. What was accepted is accepted again when it is written down.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "config/table.hpp"

using namespace confab;

namespace {

struct Everything {
    std::string text;
    std::vector<std::string> texts;
    bool flag = false;
    std::uint32_t number = 0;
    base::milliseconds wait{};
    base::seconds age{};
    base::SocketAddress address;
    base::IpAddress ip;
    std::vector<base::Network> trusted;
    std::vector<config::Listener> listen;
    config::Peer peer;
    config::PortRange ports;
    config::ControlAddress control;
};

const config::Table& keys() {
    using config::key;
    static const config::Table kKeys = {
        key("text", &Everything::text, "", "").is_required(),
        key("texts", &Everything::texts, "a b", ""),
        key("flag", &Everything::flag, "no", ""),
        key("number", &Everything::number, "5", "").between(1, 100),
        key("wait", &Everything::wait, "1s", "").between(10, 60'000),
        key("age", &Everything::age, "1m", ""),
        key("address", &Everything::address, "127.0.0.1:1", ""),
        key("ip", &Everything::ip, "::1", ""),
        key("trusted", &Everything::trusted, "", ""),
        key("listen", &Everything::listen, "", ""),
        key("peer", &Everything::peer, "udp:127.0.0.1:5060", ""),
        key("ports", &Everything::ports, "1000-2000", ""),
        key("control", &Everything::control, "unix:/x", ""),
    };
    return kKeys;
}

void check_values(const Everything& values) {
    CHECK(values.number >= 1 && values.number <= 100, "a number out of its bounds");
    CHECK(values.wait.count() >= 10 && values.wait.count() <= 60'000, "a wait out of its bounds");
    CHECK(values.ports.low > 0 && values.ports.low <= values.ports.high, "an impossible range");
    for (const auto& listener : values.listen)
        CHECK(config::Value<config::Listener>::parse(listener.text()), "not read again: " + listener.text());
    CHECK(config::Value<config::Peer>::parse(values.peer.text()), "not read again: " + values.peer.text());
    CHECK(config::Value<config::ControlAddress>::parse(values.control.text()), "not read again: " + values.control.text());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    config::Problems problems;
    auto entries = config::split("fuzz.conf", text, problems);
    config::override_with(entries, text.substr(0, text.find('\n')), problems);
    const auto values = config::read<Everything>(keys(), entries, problems);
    for (const auto& problem : problems)
        for (char c : problem.text()) CHECK(static_cast<unsigned char>(c) >= 0x20, "a problem with a control character");
    check_values(values);
    if (!problems.empty()) return 0;

    std::string again;
    for (const auto& [key, value] : config::effective(keys(), entries)) again += std::string(key) + " = " + value + "\n";
    const auto repeated = config::split("fuzz.conf", again, problems);
    (void)config::read<Everything>(keys(), repeated, problems);
    CHECK(problems.empty(), "accepted, written down, refused: " + problems.front().text());
    return 0;
}
