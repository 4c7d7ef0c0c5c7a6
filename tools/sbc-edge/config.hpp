// sbc-edge's configuration: every key that it knows, with type, default and help in one row each. Pure.
//
// Keys marked live are taken over by a reload; the rest need a restart. Files that keys name are checked by the shell.
#pragma once

#include <string>
#include <vector>

#include "base/socket_address.hpp"
#include "base/time.hpp"
#include "config/signalling.hpp"

namespace confab::edge {

// `listen` has the outside listeners first, then the inside ones: the core tells the sides apart by this order.
struct Config : config::Signalling {
    std::vector<config::Listener> outside, inside;
    config::Peer next_hop;
    std::vector<base::Network> inside_peers;
    base::IpAddress media_outside, media_inside;
    config::PortRange outside_ports, inside_ports;
    std::vector<std::string> srtp_suites;
    std::string token_secret_file;
    config::ControlAddress registrar_control;
    base::milliseconds media_timeout{300'000};
    std::uint32_t calls = 0, dscp = 0;
};

const config::Table& keys();

// Types, then what one key says about another.
Config read_config(const config::Entries& entries, config::Problems& problems);

// Copies what a reload may change.
void take_live(Config& running, const Config& fresh);

}  // namespace confab::edge
