#include "conf-bridge/entry_rules.hpp"

#include "base/text.hpp"
#include "sip/grammar.hpp"

namespace confab::bridge {

using config::key;

config::Table entry_keys() {
    using R = EntryRules;
    config::Table keys = {
        key("wrong-passcode", &R::wrong_passcode, "reject",
            "What becomes of an INVITE with a wrong passcode. reject: wrong-passcode-code. prompt: the caller is asked. route: 302 to operator."),
        key("operator", &R::operator_uri, "", "SIP URI of those who help callers with a wrong passcode, for wrong-passcode = route.")
            .such_as("sip:operator@example.org"),
        key("wrong-leader-pin", &R::wrong_leader_pin, "prompt",
            "What becomes of an INVITE with a wrong leader PIN, or that claims to be the host without one. participant: it comes in without the role. "
            "refuse: wrong-passcode-code. prompt: the caller is asked."),
        key("wrong-security-code", &R::wrong_security_code, "prompt",
            "What becomes of an INVITE of a participant without the right security code. refuse: wrong-passcode-code. prompt: the caller is asked."),
        key("ask-leader-pin", &R::ask_leader_pin, "keyed",
            "Whether a caller who claims nothing is asked for the leader PIN, where the conference has one. keyed: those who were asked for something "
            "before. While he waits for the host anyone may key it."),
        key("host-claim", &R::host_claim, "believe",
            "Whether host-header alone makes a host where the conference has no leader PIN. A host by claim needs the security code like others, and a "
            "lock keeps him out. ignore: nobody is a host, until a command says so."),
        key("host-leaves", &R::host_leaves, "keep",
            "What becomes of a conference when its last host leaves, where the directory says nothing. end: everybody hears why, and the calls end."),
        key("host-wait", &R::host_wait, "1h", "Longest wait for the host, or in the lobby of a locked conference; then the call ends.").between(1'000, 86'400'000),
        key("announce", &R::announce, "none",
            "How members are told that somebody comes or goes, where the directory says nothing: tone, spoken, names (each caller is asked to say his name, "
            "which is played) or none. Conferences of more than 50 are not told."),
        key("name-length", &R::name_length, "4s", "Longest name that a caller may say, for announce = names; 16 KB of memory for each second and member.")
            .between(1'000, 10'000),
        key("name-pause", &R::name_pause, "1s", "Pause after which a caller has said his name.").between(200, 5'000),
        key("announce-count", &R::announce_count, "no", "Tell who comes in how many are there."),
        key("wrong-passcode-code", &R::wrong_passcode_code, "403", "Answer to a wrong passcode, leader PIN or security code.").between(400, 699),
        key("full-code", &R::full_code, "486", "Answer when the conference has all its members.").between(400, 699),
        key("locked-code", &R::locked_code, "403", "Answer when the conference is locked.").between(400, 699),
        key("not-started-code", &R::not_started_code, "480", "Answer before the conference's time.").between(400, 699),
        key("ended-code", &R::ended_code, "410", "Answer after the conference's time.").between(400, 699),
        key("passcode-tries", &R::tries, "3", "Wrong codes of all kinds in one call before it ends.").between(1, 100),
        key("passcode-length", &R::passcode_length, "32", "Longest code; a longer one is wrong.").between(1, 64),
        key("caller-misses", &R::misses, "20",
            "Wrong codes of one caller, in all calls within caller-misses-window; then his calls get wrong-passcode-code without a question.").between(1, 10'000),
        key("caller-misses-window", &R::misses_window, "10m", "How long wrong codes of one caller count.").between(1'000, 86'400'000),
        key("digit-timeout", &R::digit_timeout, "10s", "Longest pause before a code's next digit; then what was keyed counts.").between(500, 120'000),
        key("language", &R::language, "en", "What is spoken where neither the caller nor the directory tells a language that the bridge speaks."),
    };
    for (auto& row : keys) row.is_live();
    return keys;
}

void check_entry_rules(const EntryRules& rules, const config::Entries& entries, config::Problems& problems) {
    const bool routes = rules.wrong_passcode == WrongPasscode::route;
    const auto uri = sip::parse_uri(rules.operator_uri);
    const bool is_sip = uri && !uri->host.empty() && rules.operator_uri.find_first_of("<>\" \t") == std::string::npos;
    if (routes ? !is_sip : !rules.operator_uri.empty() && !is_sip)
        config::complain(entries, problems, "operator", "a sip: or sips: URI, since wrong-passcode = route leads there", rules.operator_uri);
}

}  // namespace confab::bridge

namespace confab::config {

using namespace bridge;

std::optional<WrongPasscode> Value<WrongPasscode>::parse(std::string_view text) {
    static constexpr Word<WrongPasscode> kWords[] = {
        {"reject", WrongPasscode::reject}, {"prompt", WrongPasscode::prompt}, {"route", WrongPasscode::route}};
    return parse_word(text, kWords);
}
std::optional<WrongLeaderPin> Value<WrongLeaderPin>::parse(std::string_view text) {
    static constexpr Word<WrongLeaderPin> kWords[] = {
        {"participant", WrongLeaderPin::participant}, {"refuse", WrongLeaderPin::refuse}, {"prompt", WrongLeaderPin::prompt}};
    return parse_word(text, kWords);
}
std::optional<WrongSecurityCode> Value<WrongSecurityCode>::parse(std::string_view text) {
    static constexpr Word<WrongSecurityCode> kWords[] = {{"refuse", WrongSecurityCode::refuse}, {"prompt", WrongSecurityCode::prompt}};
    return parse_word(text, kWords);
}
std::optional<AskLeaderPin> Value<AskLeaderPin>::parse(std::string_view text) {
    static constexpr Word<AskLeaderPin> kWords[] = {{"never", AskLeaderPin::never}, {"keyed", AskLeaderPin::keyed}, {"always", AskLeaderPin::always}};
    return parse_word(text, kWords);
}
std::optional<HostClaim> Value<HostClaim>::parse(std::string_view text) {
    static constexpr Word<HostClaim> kWords[] = {{"believe", HostClaim::believe}, {"ignore", HostClaim::ignore}};
    return parse_word(text, kWords);
}
std::optional<HostLeaves> Value<HostLeaves>::parse(std::string_view text) {
    static constexpr Word<HostLeaves> kWords[] = {{"keep", HostLeaves::keep}, {"end", HostLeaves::end}};
    return parse_word(text, kWords);
}
std::optional<Announce> Value<Announce>::parse(std::string_view text) {
    static constexpr Word<Announce> kWords[] = {{"tone", Announce::tone}, {"spoken", Announce::spoken}, {"names", Announce::names}, {"none", Announce::none}};
    return parse_word(text, kWords);
}

}  // namespace confab::config
