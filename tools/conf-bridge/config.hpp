// conf-bridge's configuration: every key that it knows, with type, default and help in one row each. Pure.
//
// Keys marked live are taken over by a reload; the rest need a restart. Units are in the values' text (200ms, 1h).
#pragma once

#include <string>
#include <vector>

#include "base/socket_address.hpp"
#include "base/time.hpp"
#include "conf-bridge/entry_rules.hpp"
#include "conf-bridge/menu.hpp"
#include "conf-bridge/outbound_keys.hpp"
#include "conf-bridge/agreement.hpp"
#include "conf-bridge/parameters.hpp"
#include "conf-bridge/subscriptions.hpp"
#include "conf-bridge/recording.hpp"
#include "config/signalling.hpp"

namespace confab::bridge {

// Whose calls an INVITE with Replaces (RFC 3891) may take over.
enum class ReplacesUse : std::uint8_t { off, caller, any };

struct NoiseLevel {
    std::optional<int> minus_dbov;  // empty: off
};

struct Config : config::Signalling, ParameterKeys, EntryRules, SubscriptionKeys, OutboundKeys, AgreementKeys {
    std::string name;
    config::Peer address;
    base::IpAddress media_address;
    config::PortRange media_ports;
    std::uint32_t media_threads = 1, media_dscp = 0, media_receive_buffer = 0;
    config::ControlAddress locate_control;
    base::milliseconds locate_timeout{2000}, beat_interval{1000};
    bool mask_numbers = false;
    base::milliseconds media_timeout{10'000}, rtcp_interval{5000};
    bool session_timer = true, early_announcements = false, attendee_takes_over = false;
    ReplacesUse replaces = ReplacesUse::caller;
    base::seconds session_expires{1800}, min_se{90};
    base::milliseconds max_delay{300};
    std::uint32_t loudest = 3, talk_level = 180;
    bool automatic_gain = false;
    NoiseLevel comfort_noise;
    std::string prompts;
    std::string recordings, sounds;
    RecordingFormat recording_format = RecordingFormat::wav;
    bool recording_announce = true;
    base::milliseconds recording_beep{0};
    std::uint32_t recording_rate = 16000, recording_limit = 100;
    std::string call_log;
    base::milliseconds call_log_sync{1000};
    std::vector<Menu> menus;
    base::milliseconds menu_timeout{2000};
    std::uint32_t menu_step = 4;
    std::vector<std::string> languages;  // no key: those of the prompts that were found
    std::uint32_t legs = 0, load_limit = 0, conferences = 0, members = 0;

    std::uint32_t port_pairs() const { return (static_cast<std::uint32_t>(media_ports.high) - media_ports.low + 1) / 2; }
};

const config::Table& keys();

// Types, then what one key says about another. Files are the shell's.
Config read_config(const config::Entries& entries, config::Problems& problems);

// Copies what a reload may change.
void take_live(Config& running, const Config& fresh);

}  // namespace confab::bridge

template <>
struct confab::config::Value<confab::bridge::NoiseLevel> {
    static std::string_view expected() { return "off or a whole number from 40 to 90"; }
    static std::optional<confab::bridge::NoiseLevel> parse(std::string_view text);
};

template <>
struct confab::config::Value<confab::bridge::RecordingFormat> {
    static std::string_view expected() { return "wav, flac or opus"; }
    static std::optional<confab::bridge::RecordingFormat> parse(std::string_view text);
};

template <>
struct confab::config::Value<confab::bridge::ReplacesUse> {
    static std::string_view expected() { return "off, caller or any"; }
    static std::optional<confab::bridge::ReplacesUse> parse(std::string_view text);
};
