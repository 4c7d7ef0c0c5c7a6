#include "sip-probe/settings.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/text.hpp"
#include "io/file.hpp"
#include "io/resolver.hpp"
#include "io/sound_file.hpp"
#include "io/source_address.hpp"
#include "media/resample.hpp"
#include "sip/grammar.hpp"

namespace confab::probe {
namespace {

// "@FILE" holds a header that must not stand on the command line: a passcode, a PIN.
std::expected<std::string, Refusal> header_lines(const std::vector<std::string>& headers) {
    std::string lines;
    for (std::string header : headers) {
        if (header.starts_with('@')) {
            auto secret = io::read_secret(header.substr(1));
            if (!secret) return std::unexpected(Refusal{io::kConfig, secret.error()});
            header = *secret;
        }
        const auto colon = header.find(':');
        if (colon == std::string::npos || colon == 0 || header.find_first_of("\r\n") != std::string::npos)
            return std::unexpected(Refusal{io::kUsage, "--header: expected 'Name: value', got '" + header + "'"});
        lines += header + "\r\n";
    }
    return lines;
}

std::expected<std::vector<Account>, Refusal> read_accounts(const app::Invocation& invocation, const base::SocketAddress& target) {
    auto addresses = invocation.all("from");
    const auto files = invocation.all("password-file");
    if (files.size() > 1 && files.size() != addresses.size())
        return std::unexpected(Refusal{io::kUsage, "--password-file: expected one, or one for each --from"});
    if (addresses.empty()) addresses.push_back("sip:probe@" + io::source_towards(target).host());
    std::vector<Account> accounts;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const auto uri = sip::parse_uri(addresses[i]);
        if (!uri || uri->user.empty()) return std::unexpected(Refusal{io::kUsage, "--from: expected sip:USER@DOMAIN, got '" + addresses[i] + "'"});
        Account account{addresses[i], std::string(invocation.has("user") ? invocation.text("user") : uri->user), {}};
        if (!files.empty()) {
            const auto& file = files.size() == 1 ? files[0] : files[i];
            auto password = file == "-" ? std::expected<std::string, std::string>(io::read_line_from_standard_input()) : io::read_secret(file);
            if (!password) return std::unexpected(Refusal{io::kConfig, password.error()});
            account.password = *password;
        }
        accounts.push_back(std::move(account));
    }
    return accounts;
}

std::expected<io::Resolver::Options, Refusal> resolver_options(const app::Invocation& invocation, base::Duration budget) {
    io::Resolver::Options options;
    options.budget = budget;
    if (invocation.has("ipv4")) options.abilities.families = {base::Family::ipv4};
    if (invocation.has("ipv6")) options.abilities.families = {base::Family::ipv6};
    for (const auto& text : invocation.all("dns")) {
        const auto server = base::SocketAddress::parse(text, 53);
        if (!server) return std::unexpected(Refusal{io::kUsage, "--dns: expected ADDRESS[:PORT], got '" + text + "'"});
        options.servers.push_back(*server);
    }
    return options;
}

// Where the text leads, in the order to try, and how long it took to find out.
std::expected<void, Refusal> locate(const app::Invocation& invocation, std::string_view text, Settings& settings) {
    const auto query = parse_target(text);
    if (!query) return std::unexpected(Refusal{io::kUsage, query.error()});
    const auto options = resolver_options(invocation, settings.timeout);
    if (!options) return std::unexpected(options.error());
    io::Loop loop;
    io::Resolver resolver(loop, *options);
    dns::Locating::Result found = std::unexpected(dns::Failure::timeout);
    const auto begun = loop.now().steady;
    resolver.resolve(*query, [&](dns::Locating::Result result) {
        found = std::move(result);
        loop.stop();
    });
    loop.run();
    settings.lookup_ms = std::chrono::duration<double, std::milli>(loop.now().steady - begun).count();
    if (!found) return std::unexpected(Refusal{app::kDns, query->host + ": " + std::string(dns::failure_text(found.error()))});
    for (const auto& endpoint : *found) settings.targets.push_back(Target::of(endpoint, *query));
    return {};
}

}  // namespace

std::expected<Settings, Refusal> read_settings(const app::Invocation& invocation, std::string_view uri) {
    Settings settings;
    settings.json = invocation.has("json");
    settings.srtp = invocation.has("srtp");
    auto codecs = read_codecs(invocation.all("codec"), static_cast<unsigned>(invocation.integer("ptime", 10, 60, 20)));
    if (!codecs) return std::unexpected(Refusal{io::kUsage, "--codec: " + codecs.error()});
    settings.codecs = std::move(*codecs);
    settings.timeout = invocation.duration("timeout", settings.timeout);
    if (const auto located = locate(invocation, invocation.has("proxy") ? invocation.text("proxy") : uri, settings); !located)
        return std::unexpected(located.error());
    auto lines = header_lines(invocation.all("header"));
    if (!lines) return std::unexpected(lines.error());
    settings.headers = *lines;
    if (std::ranges::any_of(settings.targets, [](const Target& target) { return target.transport == sip::Transport::tls; })) {
        auto tls = io::TlsContext::client(std::string(invocation.text("ca")), !invocation.has("insecure"), std::string(invocation.text("certificate")),
                                          std::string(invocation.text("private-key")));
        if (!tls) return std::unexpected(Refusal{io::kConfig, tls.error()});
        settings.tls = *tls;
    }
    auto accounts = read_accounts(invocation, settings.targets.front().address);
    if (!accounts) return std::unexpected(accounts.error());
    settings.accounts = std::move(*accounts);
    return settings;
}

LegOptions Settings::leg(std::size_t number) const {
    LegOptions options;
    options.account = accounts[number % accounts.size()];
    options.target = targets.front();
    options.tls = tls;
    options.srtp = srtp;
    options.codecs = codecs;
    options.rate = audio_rate(codecs);
    // The operator's patience is the transaction's: Timer B and F are 64·T1.
    options.timers.t1 = std::min(options.timers.t1, base::milliseconds(timeout.count() / 64 + 1));
    return options;
}

std::expected<std::vector<std::int16_t>, Refusal> read_voice(const std::string& path, std::uint32_t rate) {
    auto sound = io::read_sound(path, static_cast<int>(rate));
    if (sound) return std::move(*sound);
    auto narrow = io::read_sound(path, 8000);
    if (!narrow) return std::unexpected(Refusal{io::kIoError, narrow.error()});
    narrow->resize((narrow->size() + 159) / 160 * 160);
    std::vector<std::int16_t> wide(narrow->size() * rate / 8000);
    media::Resampler(8000, rate).run(*narrow, wide);
    return wide;
}

int complain(const Refusal& refusal) {
    fmt::print(stderr, "sip-probe: {}\n", refusal.sentence);
    return refusal.exit_code;
}

Refusal explain(const Leg& leg, const Happening& happening, std::string_view what) {
    switch (happening.kind) {
        case Happening::Kind::silent: return {app::kNoAnswer, fmt::format("{}: no answer in time", what)};
        case Happening::Kind::unreachable:
            return {leg.failed_in_tls() ? app::kTls : app::kTransport, fmt::format("{}: {}", what, leg.failure().empty() ? "unreachable" : leg.failure())};
        case Happening::Kind::ended:
            return {app::kWrongAnswer, fmt::format("{}: the peer ended the call{}{}", what, happening.reason.empty() ? "" : ": ", happening.reason)};
        default: break;
    }
    if ((happening.status == 401 || happening.status == 407) && leg.account().password.empty())
        return {app::kAuthentication, fmt::format("{}: {} {}; a password is needed: --password-file", what, happening.status, happening.reason)};
    // Credentials are refused with the plain phrase; a conference that refuses says why in its own words.
    const bool forbidden = happening.status == 403 && happening.reason == "Forbidden" && leg.phases().challenged;
    const bool authentication = happening.status == 401 || happening.status == 407 || forbidden;
    return {authentication ? app::kAuthentication : app::kWrongAnswer, fmt::format("{}: {} {}", what, happening.status, happening.reason)};
}

void print_json(const local::Value& value) {
    fmt::print("{}\n", local::to_json(value));
    std::fflush(stdout);
}

double since_ms(base::Instant from, base::Instant to) {
    return std::round(std::chrono::duration<double, std::milli>(to - from).count() * 1000) / 1000;
}

local::Value phases_of(const Leg& leg, double lookup_ms) {
    const auto& phases = leg.phases();
    auto value = local::Value::object({{"lookup_ms", std::round(lookup_ms * 1000) / 1000}});
    const auto put = [&](std::string_view name, const std::optional<base::Instant>& at) {
        if (at) value.set(name, since_ms(phases.started, *at) + std::round(lookup_ms * 1000) / 1000);
    };
    put("connected_ms", phases.connected);
    put("challenged_ms", phases.challenged);
    put("ringing_ms", phases.ringing);
    put("answered_ms", phases.answered);
    put("media_ms", phases.media);
    return value;
}

}  // namespace confab::probe
