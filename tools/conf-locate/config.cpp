#include "conf-locate/config.hpp"

namespace confab::locate {
namespace {

using config::key;

config::Table make_keys() {
    return {
        key("realm", &Config::realm, "example.org", "Whose conferences these are; several realms may share one database."),
        key("state", &Config::state, "/var/lib/confab/conf-locate", "Directory of the database with conferences, access numbers and bridges."),
        key("bridge-timeout", &Config::bridge_timeout, "5s", "A bridge without a beat for so long gets no calls.").between(100, 600'000).is_live(),
        key("assignment-hold", &Config::assignment_hold, "10s",
            "How long the bridge named to a conference's first caller is kept for the next ones, until its beat says that the conference runs there.")
            .between(0, 600'000)
            .is_live(),
        key("settle-time", &Config::settle_time, "1500ms",
            "After a start, a lookup waits so long at most for the beats of the bridges that were alive before: they know where conferences run.")
            .between(0, 30'000),
        key("conferences", &Config::conferences, "1000000", "Bound on conferences.").between(1, 100'000'000),
        key("access-numbers", &Config::access_numbers, "100000", "Bound on access numbers.").between(1, 100'000'000),
        key("bridges", &Config::bridges, "1000", "Bound on bridges; a new one replaces the one that has been silent longest.").between(1, 100'000),
        key("running", &Config::running, "10000", "Bound on the running conferences that one beat may name; more are not noticed.").between(1, 1'000'000),
        key("waiting", &Config::waiting, "10000", "Bound on changes waiting for the disk and on lookups waiting for beats; one more is refused.")
            .between(1, 1'000'000),
    };
}

}  // namespace

const config::Table& keys() {
    static const config::Table kKeys = make_keys();
    return kKeys;
}

Config read_config(const config::Entries& entries, config::Problems& problems) {
    auto config = config::read<Config>(keys(), entries, problems);
    if (config.realm.empty()) problems.push_back({config::place_of(entries, "realm"), "realm", "a name", "nothing"});
    return config;
}

void take_live(Config& running, const Config& fresh) {
    running.bridge_timeout = fresh.bridge_timeout;
    running.assignment_hold = fresh.assignment_hold;
}

}  // namespace confab::locate
