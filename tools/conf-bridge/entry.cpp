#include "conf-bridge/entry.hpp"

#include <utility>

#include "base/text.hpp"

namespace confab::bridge {

Terms Terms::of(const local::Value& answer) {
    return {.leader_pin = std::string(answer.text("leader_pin")),
            .security_code = std::string(answer.text("security_code")),
            .wait_for_host = answer.flag("wait_for_host"),
            .lobby = answer.flag("lobby"),
            .starts = answer.integer("starts"),
            .ends = answer.integer("ends")};
}

HouseRules HouseRules::of(const local::Value& answer, const EntryRules& rules) {
    return {.security_code = std::string(answer.text("security_code")),
            .host_leaves = config::Value<HostLeaves>::parse(answer.text("host_leaves")).value_or(rules.host_leaves),
            .announce = config::Value<Announce>::parse(answer.text("announce")).value_or(rules.announce)};
}

void Entry::become(EntryState state, Why why) {
    state_ = state;
    why_ = why;
    spoken_ = spoken_ || wants_keys() || waits();
    if (state == EntryState::inside || state == EntryState::refused) terms_ = {};
}

void Entry::refuse(Refusal why) {
    if (state_ == EntryState::inside || state_ == EntryState::refused) return;
    refusal_ = why;
    become(EntryState::refused, why_);
}

// Silence is asked again, and counts like a wrong code.
void Entry::miss(const Turn& turn, Refusal refusal, EntryState again, bool is_silence) {
    become(again, is_silence ? Why::asked : Why::missed);
    if (++misses_ >= turn.rules.tries) refuse(refusal);
}

void Entry::vouch(Role role) {
    vouched_ = true;
    role_ = role;
}

void Entry::submitted() {
    if (state_ == EntryState::passcode) become(EntryState::resolving, Why::asked);
}

void Entry::resolved(Verdict verdict, Terms terms, Parameters& given, const Surroundings& around, const EntryRules& rules) {
    if (state_ != EntryState::resolving) return;
    const Turn turn{given, around, rules};
    switch (verdict) {
        case Verdict::unavailable: return refuse(Refusal::unavailable);
        case Verdict::unknown: return refuse(Refusal::unknown);
        case Verdict::missing: return become(EntryState::passcode, Why::asked);
        case Verdict::wrong:
            if (spoken_ || rules.wrong_passcode == WrongPasscode::prompt) return miss(turn, Refusal::passcode, EntryState::passcode);
            why_ = Why::missed;
            return refuse(Refusal::passcode);
        case Verdict::right:
            terms_ = std::move(terms);
            return settle_role(turn);
    }
}

void Entry::settle_role(const Turn& turn) {
    const auto& given = turn.given;
    if (terms_.starts != 0 && turn.around.now < terms_.starts) return refuse(Refusal::not_started);
    if (terms_.ends != 0 && turn.around.now >= terms_.ends) return refuse(Refusal::ended);
    if (vouched_) return settle_code(turn);
    if (given.host == false) return settle_code(turn);
    if (terms_.leader_pin.empty()) {
        if (given.host == true && turn.rules.host_claim == HostClaim::believe) role_ = Role::claimed_host;
        return settle_code(turn);
    }
    if (base::equal_in_constant_time(given.leader_pin, terms_.leader_pin)) {
        role_ = Role::host;
        return settle_code(turn);
    }
    if (given.host == true || !given.leader_pin.empty()) return unproven(turn);
    const bool asks = turn.rules.ask_leader_pin == AskLeaderPin::always || (turn.rules.ask_leader_pin == AskLeaderPin::keyed && spoken_);
    return asks ? become(EntryState::leader_pin, Why::asked) : settle_code(turn);
}

// A wrong PIN, or a claim to be the host without one.
void Entry::unproven(const Turn& turn) {
    const bool is_wrong = !turn.given.leader_pin.empty();
    turn.given.leader_pin.clear();
    switch (turn.rules.wrong_leader_pin) {
        case WrongLeaderPin::participant: return settle_code(turn);
        case WrongLeaderPin::refuse: why_ = Why::missed; return refuse(Refusal::pin);
        case WrongLeaderPin::prompt:
            return is_wrong ? miss(turn, Refusal::pin, EntryState::leader_pin) : become(EntryState::leader_pin, Why::asked);
    }
}

void Entry::settle_code(const Turn& turn) {
    const auto needed = turn.around.running ? turn.around.security_code : std::string_view(terms_.security_code);
    const bool is_vouched = vouched_ && needed == terms_.security_code;
    if (role_ == Role::host || is_vouched || needed.empty() || base::equal_in_constant_time(turn.given.security_code, needed)) return take_place(turn);
    const bool is_wrong = !turn.given.security_code.empty();
    turn.given.security_code.clear();
    if (turn.rules.wrong_security_code == WrongSecurityCode::refuse) {
        why_ = Why::missed;
        return refuse(Refusal::code);
    }
    if (is_wrong) return miss(turn, Refusal::code, EntryState::security_code);
    become(EntryState::security_code, Why::asked);
}

// A host may come into his locked conference, and into a full one that has none; but a claim alone opens nothing.
void Entry::take_place(const Turn& turn) {
    const auto& around = turn.around;
    if (around.busy) return refuse(Refusal::busy);
    const bool barred = around.locked && role_ != Role::host;
    if (barred && !terms_.lobby) return refuse(Refusal::locked);
    if (around.full && (!is_host() || around.hosted)) return refuse(Refusal::full);
    if (barred) return become(EntryState::lobby, Why::seated);
    const bool waits = terms_.wait_for_host && !is_host() && !around.hosted;
    become(waits ? EntryState::waiting : EntryState::inside, Why::seated);
}

void Entry::key_pin(const Turn& turn, std::string_view digits) {
    if (base::equal_in_constant_time(digits, terms_.leader_pin)) {
        role_ = Role::host;
        return waits() ? become(EntryState::inside, Why::right) : settle_code(turn);
    }
    miss(turn, Refusal::pin, state_);
}

void Entry::keyed(std::string_view digits, Parameters& given, const Surroundings& around, const EntryRules& rules) {
    const Turn turn{given, around, rules};
    switch (state_) {
        case EntryState::passcode: return miss(turn, Refusal::passcode, state_, digits.empty());  // nothing that a directory could judge
        case EntryState::leader_pin: return digits.empty() ? settle_code(turn) : key_pin(turn, digits);
        case EntryState::security_code:
            given.security_code = digits;
            return digits.empty() ? miss(turn, Refusal::code, state_, true) : settle_code(turn);
        case EntryState::waiting:
        case EntryState::lobby:
            if (!digits.empty() && !terms_.leader_pin.empty()) key_pin(turn, digits);
            return;
        default: return;
    }
}

void Entry::let_in() {
    if (state_ != EntryState::refused) become(EntryState::inside, Why::right);
}

std::optional<PromptName> Entry::prompt() const {
    const bool again = why_ == Why::missed;
    switch (state_) {
        case EntryState::resolving: return std::nullopt;
        case EntryState::passcode: return again ? PromptName::wrong_passcode : PromptName::enter_passcode;
        case EntryState::leader_pin: return again ? PromptName::wrong_leader_pin : PromptName::enter_leader_pin;
        case EntryState::security_code: return again ? PromptName::wrong_security_code : PromptName::enter_security_code;
        case EntryState::waiting: return again ? PromptName::wrong_leader_pin : PromptName::wait_for_host;
        case EntryState::lobby: return again ? PromptName::wrong_leader_pin : PromptName::wait_for_admission;
        case EntryState::inside: return spoken_ ? std::optional(PromptName::joined) : std::nullopt;
        case EntryState::refused: break;
    }
    switch (refusal_) {
        case Refusal::not_started: return PromptName::not_started;
        case Refusal::ended: return PromptName::conference_over;
        case Refusal::locked: return PromptName::conference_locked;
        case Refusal::full: return PromptName::conference_full;
        case Refusal::unavailable:
        case Refusal::busy: return PromptName::unavailable;
        default: return PromptName::not_admitted;
    }
}

}  // namespace confab::bridge
