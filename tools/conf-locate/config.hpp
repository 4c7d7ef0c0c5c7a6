// conf-locate's configuration: every key that it knows, with type, default and help in one row each. Pure.
#pragma once

#include <string>

#include "base/time.hpp"
#include "config/table.hpp"

namespace confab::locate {

struct Config {
    std::string realm;
    std::string state;
    base::milliseconds bridge_timeout{5000}, assignment_hold{10'000}, settle_time{1500};
    std::uint32_t conferences = 0, access_numbers = 0, bridges = 0, running = 0, waiting = 0;
};

const config::Table& keys();

// Types, then what one key says about another. Files are the shell's.
Config read_config(const config::Entries& entries, config::Problems& problems);

// Copies what a reload may change.
void take_live(Config& running, const Config& fresh);

}  // namespace confab::locate
