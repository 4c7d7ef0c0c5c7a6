// What the options shared by all subcommands say, resolved: accounts, target, TLS.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "app/program.hpp"
#include "local/value.hpp"
#include "sip-probe/leg.hpp"

namespace confab::probe {

struct Settings {
    std::vector<Account> accounts;  // at least one
    std::vector<Target> targets;    // in the order to try; at least one
    std::optional<io::TlsContext> tls;
    base::milliseconds timeout{10'000};
    std::string headers;            // --header lines
    Codecs codecs;                  // in order of preference; at least one
    bool srtp = false;
    bool json = false;
    double lookup_ms = 0;           // what resolving the name took

    LegOptions leg(std::size_t number) const;  // towards the first target
};

struct Refusal {
    int exit_code;
    std::string sentence;
};

// `uri`: what is asked or called; it names the target unless --proxy does.
std::expected<Settings, Refusal> read_settings(const app::Invocation& invocation, std::string_view uri);

// A sound file of 8 kHz or of `rate`, at `rate`.
std::expected<std::vector<std::int16_t>, Refusal> read_voice(const std::string& path, std::uint32_t rate);

// Prints "sip-probe: sentence" and returns the code.
int complain(const Refusal& refusal);
// The refusal that a leg's failed operation amounts to.
Refusal explain(const Leg& leg, const Happening& happening, std::string_view what);

void print_json(const local::Value& value);
double since_ms(base::Instant from, base::Instant to);
local::Value phases_of(const Leg& leg, double lookup_ms);  // milliseconds from the start of the call, cumulative as curl prints them

}  // namespace confab::probe
