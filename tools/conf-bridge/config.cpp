#include "conf-bridge/config.hpp"

#include <algorithm>

#include "media/mixer.hpp"

namespace confab::bridge {
namespace {

using config::key;

config::Table make_keys() {
    config::Table keys = {
        key<Config>("listen", &Config::listen, "", "Where calls are received: udp or tcp.").is_required().such_as("udp:127.0.0.40:5080"),
        key("name", &Config::name, "bridge", "This bridge's name in the directory; each bridge has its own."),
        key("address", &Config::address, "",
            "Where the directory sends calls; without it the first udp listener, or else the first listener.")
            .such_as("udp:127.0.0.40:5080"),
        key("media-address", &Config::media_address, "", "Address at which RTP is received.").is_required().such_as("127.0.0.40"),
        key("media-ports", &Config::media_ports, "20000-29999",
            "Ports of RTP and RTCP; each leg takes an even one and the next. Threads share them evenly."),
        key("media-threads", &Config::media_threads, "1", "Threads that mix; a conference stays on one of them.").between(1, 64),
        key("media-dscp", &Config::media_dscp, "46",
            "Differentiated services code point of RTP; 46 is expedited forwarding.").between(0, 63),
        key("media-receive-buffer", &Config::media_receive_buffer, "0",
            "Octets of each RTP socket's receive buffer, 0 for the kernel's default.")
            .between(0, 1 << 24),
        key("locate-control", &Config::locate_control, "unix:/run/confab/conf-locate.sock", "Control socket of the directory."),
        key("locate-timeout", &Config::locate_timeout, "2s",
            "How long an answer of the directory may take; then the caller gets 503.").between(50, 30'000),
        key("beat-interval", &Config::beat_interval, "1s", "How often the directory hears that this bridge is alive, and with what load.")
            .between(100, 60'000)
            .is_live(),
        key<Config>("trusted", &Config::trusted, "",
            "Networks of the proxies whose calls are taken and whose P-Asserted-Identity is believed; others get 403.")
            .is_required()
            .such_as("127.0.0.0/8")
            .is_live(),
        key("mask-numbers", &Config::mask_numbers, "no",
            "Show members who call from a phone number as anonymous-N; who withholds his identity is shown so in any case.")
            .is_live(),
        key("media-timeout", &Config::media_timeout, "10s",
            "A leg that sends neither RTP nor RTCP for so long is ended, unless it is held.").between(500, 3'600'000),
        key("session-timer", &Config::session_timer, "yes",
            "Whether calls end whose sessions nobody refreshes (RFC 4028); the bridge refreshes where the caller's device cannot.")
            .is_live(),
        key("session-expires", &Config::session_expires, "30m", "How long a session lives without a refresh; a caller may ask for less.")
            .between(90'000, 86'400'000)
            .is_live(),
        key("min-se", &Config::min_se, "90s", "Shortest session interval that a caller may ask for; a shorter one is answered 422.")
            .between(90'000, 86'400'000)
            .is_live(),
        key("rtcp-interval", &Config::rtcp_interval, "5s",
            "How often a leg is sent an RTCP report, on average; each leg's pauses vary around it.").between(100, 60'000),
        key("max-delay", &Config::max_delay, "300ms",
            "Most sound that is held back to even out the network's jitter; what piles up beyond is left out.").between(60, 500),
        key("replaces", &Config::replaces, "caller",
            "Whose call an INVITE with Replaces (RFC 3891) may take over. caller: that of the same identity, or of the one whom Referred-By names. "
            "any: that of anybody whose dialog it knows. off: nobody's.")
            .is_live(),
        key("attendee-takes-over", &Config::attendee_takes_over, "no",
            "Whether a call with the attendee ID of a member takes that member's place, instead of a place of its own.")
            .is_live(),
        key("early-announcements", &Config::early_announcements, "no",
            "Whether a refused caller hears why, as early media, before the refusal's code; the code then comes as many seconds later.")
            .is_live(),
        key("loudest", &Config::loudest, "3", "How many talkers are mixed at a time.").between(1, 64),
        key("talk-level", &Config::talk_level, "180", "Mean magnitude of 16-bit samples that counts as talking.").between(1, 32'767),
        key("automatic-gain", &Config::automatic_gain, "no", "Brings talkers to one loudness, slowly and within 12 dB."),
        key("comfort-noise", &Config::comfort_noise, "off",
            "What members hear while nobody talks: soft noise at this level in -dBov (RFC 3389), or off for digital silence."),
        key("prompts", &Config::prompts, "",
            "Directory with recordings of one's own, LANGUAGE/NAME.wav and sounds/NAME.wav, 8 kHz; what it lacks is taken from share/confab/prompts beside "
            "the program's bin directory, whose files also tell the names."),
        key("recordings", &Config::recordings, "", "Directory of the recordings; without it nothing is recorded.")
            .such_as("/var/lib/confab/conf-bridge/recordings"),
        key("recording-format", &Config::recording_format, "wav", "wav, flac or opus (in Ogg).").is_live(),
        key("recording-rate", &Config::recording_rate, "16000", "Samples a second of recordings: 8000, 16000, 24000 or 48000.").between(8000, 48'000).is_live(),
        key("recording-announce", &Config::recording_announce, "yes", "Whether members hear that a recording begins and ends, and who comes later that it is on.")
            .is_live(),
        key("recording-beep", &Config::recording_beep, "0s", "How often members of a recorded conference hear a beep; 0s for never.")
            .between(0, 3'600'000)
            .is_live(),
        key("recording-limit", &Config::recording_limit, "100", "Bound on files that are written at a time; one more is refused.").between(1, 1000),
        key("sounds", &Config::sounds, "", "Directory of the sounds that play may play; without it there are none.")
            .such_as("/usr/local/share/confab/sounds"),
        key("call-log", &Config::call_log, "",
            "File that gets a JSON line for each answered call and each call of its own; its journal stands beside it. Move it away and reload to rotate it.")
            .such_as("/var/log/confab/legs.ndjson"),
        key("call-log-sync", &Config::call_log_sync, "1s", "How often the disk is asked to keep call records for good; 0s for never.")
            .between(0, 60'000),
        key("menu-timeout", &Config::menu_timeout, "2s", "Longest pause before a menu's next key, where one more could make another choice.")
            .between(200, 60'000)
            .is_live(),
        key("menu-step", &Config::menu_step, "4", "Decibels by which a menu's choice makes a member louder or softer.").between(1, 20).is_live(),
        config::section("menu", &Config::menus,
            "What the keys of members do, hosts by [menu host] and others by [menu participant]. Without a section everybody has *6 mute-toggle, *5 "
            "hand-toggle, *4 count, *06 volume-up, *04 volume-down, *09 gain-up and *07 gain-down, and hosts have *1 mute-all, *2 unmute-all, *3 admit-all, "
            "*7 lock-toggle, *8 record-toggle and *99 end as well.",
            menu_keys()),
        key("legs", &Config::legs, "2000",
            "Bound on legs, also the capacity that the directory sees; one more is answered 503, or with full-code where its conference runs here. Calls that take "
            "the place of another may exceed it by an eighth while both live.").between(1, 100'000),
        key("load-limit", &Config::load_limit, "90",
            "Percent of a processor from which a media thread takes no new conference. With all of them there the bridge is full: those that run go on and take "
            "callers, for others it answers 503, and the directory is told so with the next beat. 100: no bound.").between(1, 100).is_live(),
        key("conferences", &Config::conferences, "1000", "Bound on running conferences; one more is answered 503.").between(1, 100'000),
        key("members", &Config::members, "1000",
            "Most members of a conference for which the directory names no bound.").between(1, 4'096).is_live(),
    };
    config::append<Config, ParameterKeys>(keys, parameter_keys());
    config::append<Config, SubscriptionKeys>(keys, subscription_keys());
    config::append<Config, EntryRules>(keys, entry_keys());
    config::append<Config, OutboundKeys>(keys, outbound_keys());
    config::append<Config, AgreementKeys>(keys, agreement_keys());
    config::append<Config, config::Signalling>(keys, config::signalling_keys());
    return keys;
}

bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || std::string_view("-.!%*_+`'~").contains(c);
    });
}

config::Peer default_address(const std::vector<config::Listener>& listeners) {
    const auto udp = std::ranges::find(listeners, "udp", &config::Listener::transport);
    if (listeners.empty()) return {};
    const auto& chosen = udp == listeners.end() ? listeners.front() : *udp;
    return {chosen.transport, chosen.visible()};
}

void check_media(const Config& config, const config::Entries& entries, config::Problems& problems) {
    if (config.media_address.is_unspecified())
        complain(entries, problems, "media-address", "one address of this machine, since callers are told it", config.media_address.text());
    if (config.port_pairs() < config.media_threads)
        complain(entries, problems, "media-ports", "at least two ports for each of media-threads", std::to_string(config.port_pairs() * 2) + " ports");
}

}  // namespace

const config::Table& keys() {
    static const config::Table kKeys = make_keys();
    return kKeys;
}

Config read_config(const config::Entries& entries, config::Problems& problems) {
    auto config = config::read<Config>(keys(), entries, problems);
    for (const auto& listener : config.listen) {
        if (listener.transport == "tls") complain(entries, problems, "listen", "udp or tcp (TLS ends at sbc-edge)", listener.text());
        if (listener.visible().ip.is_unspecified())
            complain(entries, problems, "listen", "an address that callers can reach, or advertise=address:port", listener.text());
    }
    if (config.address.transport.empty()) config.address = default_address(config.listen);
    if (!is_token(config.name)) complain(entries, problems, "name", "letters, digits and -._", config.name);
    check_parameters(config, entries, problems);
    check_entry_rules(config, entries, problems);
    check_menus(config.menus, entries, problems);
    check_outbound(config, entries, problems);
    check_agreement(config, entries, problems);
    if (config.locate_control.kind != config::ControlAddress::Kind::unix_path)
        complain(entries, problems, "locate-control", "unix:PATH", config.locate_control.text());
    check_subscriptions(config, entries, problems);
    check_media(config, entries, problems);
    if (std::ranges::find(media::kRates, config.recording_rate) == media::kRates.end())
        complain(entries, problems, "recording-rate", "8000, 16000, 24000 or 48000", std::to_string(config.recording_rate));
    if (config.session_expires < config.min_se)
        complain(entries, problems, "session-expires", "at least min-se", std::to_string(config.session_expires.count()) + "s");
    return config;
}

void take_live(Config& running, const Config& fresh) {
    config::take_live(running, fresh);
    take_live(static_cast<OutboundKeys&>(running), fresh);
    running.beat_interval = fresh.beat_interval;
    static_cast<ParameterKeys&>(running) = fresh;
    static_cast<EntryRules&>(running) = fresh;
    running.menus = fresh.menus;
    running.menu_timeout = fresh.menu_timeout;
    running.menu_step = fresh.menu_step;
    static_cast<AgreementKeys&>(running) = fresh;
    running.session_timer = fresh.session_timer;
    running.replaces = fresh.replaces;
    running.attendee_takes_over = fresh.attendee_takes_over;
    running.early_announcements = fresh.early_announcements;
    running.session_expires = fresh.session_expires;
    running.min_se = fresh.min_se;
    running.members = fresh.members;
    running.load_limit = fresh.load_limit;
    running.recording_format = fresh.recording_format;
    running.recording_rate = fresh.recording_rate;
    running.recording_announce = fresh.recording_announce;
    running.recording_beep = fresh.recording_beep;
    running.mask_numbers = fresh.mask_numbers;
    running.roster_watchers = fresh.roster_watchers;
}

}  // namespace confab::bridge

namespace confab::config {

std::optional<bridge::NoiseLevel> Value<bridge::NoiseLevel>::parse(std::string_view text) {
    constexpr std::uint32_t kLoudest = 40, kSoftest = 90;  // −dBov
    if (text == "off") return bridge::NoiseLevel{};
    const auto level = Value<std::uint32_t>::parse(text);
    if (!level || *level < kLoudest || *level > kSoftest) return std::nullopt;
    return bridge::NoiseLevel{static_cast<int>(*level)};
}

std::optional<bridge::ReplacesUse> Value<bridge::ReplacesUse>::parse(std::string_view text) {
    using bridge::ReplacesUse;
    static constexpr Word<ReplacesUse> kWords[] = {{"off", ReplacesUse::off}, {"caller", ReplacesUse::caller}, {"any", ReplacesUse::any}};
    return parse_word(text, kWords);
}

std::optional<bridge::RecordingFormat> Value<bridge::RecordingFormat>::parse(std::string_view text) {
    using bridge::RecordingFormat;
    static constexpr Word<RecordingFormat> kWords[] = {{"wav", RecordingFormat::wav}, {"flac", RecordingFormat::flac}, {"opus", RecordingFormat::opus}};
    return parse_word(text, kWords);
}

}  // namespace confab::config
