// The Signalling that a program's settings ask for (config/signalling.hpp): the one place where keys become sockets, bounds and certificates.
#pragma once

#include <vector>

#include "config/signalling.hpp"
#include "io/signalling.hpp"

namespace confab::io {

struct SignallingSetup {
    std::vector<Signalling::Listener> listeners;  // in the order of `listen`
    Signalling::Options options;
};

SignallingSetup setup_of(const config::Signalling& settings);  // throws StartupError where a certificate does not do
// The listeners as configured, with the ports that were bound for port 0.
std::vector<config::Listener> bound_listeners(const config::Signalling& settings, const Signalling& signalling);
// What -t can know of the files that TLS keys name; `certificate_key` is what the tool calls its certificate's key.
void check_certificates(const config::Signalling& settings, std::string_view certificate_key, const config::Entries& entries, config::Problems& problems);

}  // namespace confab::io
