// How one caller gets into a conference: passcode, role, security code, and waiting for a host or for admission. A pure machine.
//
//   resolving ─► passcode ─► resolving ─► leader_pin ─► security_code ─► waiting | lobby ─► inside          any ─► refused
//
// What the INVITE brought is taken first, and a state that it satisfies is skipped, so that a caller who brings everything hears nothing.
// While `resolving` the directory is asked; `passcode`, `leader_pin` and `security_code` want keys; `waiting` and `lobby` have a seat, and
// a leader PIN that is keyed there opens. The focus acts on each state; an input that does not fit a state changes nothing. Misses are
// counted over the whole call. Codes are compared in constant time and forgotten as soon as they are not needed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conf-bridge/entry_rules.hpp"
#include "conf-bridge/parameters.hpp"
#include "conf-bridge/prompt.hpp"
#include "local/value.hpp"

namespace confab::bridge {

// Who claims to be the host of a conference without a leader PIN is one to everybody, but opens no lock and no code with it.
enum class Role : std::uint8_t { participant, claimed_host, host };

enum class EntryState : std::uint8_t { resolving, passcode, leader_pin, security_code, waiting, lobby, inside, refused };

enum class Refusal : std::uint8_t { none, unknown, passcode, pin, code, attempts, unavailable, not_started, ended, locked, full, busy };

enum class Verdict : std::uint8_t { right, missing, wrong, unknown, unavailable };  // the directory's about number and passcode

// What the directory says of the conference whose passcode was right.
struct Terms {
    std::string leader_pin, security_code;
    bool wait_for_host = false, lobby = false;
    std::int64_t starts = 0, ends = 0;  // seconds since 1970, 0: always
    static Terms of(const local::Value& answer);
};

// How things stand at the moment when a caller could take his place.
struct Surroundings {
    std::int64_t now = 0;           // seconds since 1970
    bool running = false;
    std::string_view security_code{};  // of the running conference
    bool hosted = false, locked = false, full = false, busy = false;
};

// What a running conference keeps of what the directory said. A host's call may set another security code, which lasts as long as it runs.
struct HouseRules {
    std::string security_code;
    HostLeaves host_leaves = HostLeaves::keep;
    Announce announce = Announce::none;
    std::size_t language = 0;
    static HouseRules of(const local::Value& answer, const EntryRules& rules);
};

class Entry {
public:
    EntryState state() const { return state_; }
    Refusal refusal() const { return refusal_; }
    bool is_host() const { return role_ != Role::participant; }
    Role role() const { return role_; }
    bool wants_keys() const { return state_ == EntryState::passcode || state_ == EntryState::leader_pin || state_ == EntryState::security_code; }
    bool waits() const { return state_ == EntryState::waiting || state_ == EntryState::lobby; }
    bool was_spoken_to() const { return spoken_; }
    bool missed() const { return why_ == Why::missed; }  // the last input was a wrong code
    std::optional<PromptName> prompt() const;            // that opens the state

    void resolved(Verdict verdict, Terms terms, Parameters& given, const Surroundings& around, const EntryRules& rules);
    void keyed(std::string_view digits, Parameters& given, const Surroundings& around, const EntryRules& rules);
    // A ticket or this bridge itself speaks for the caller: he is asked for nothing that the directory wants. A security code that a host has
    // set since is another matter.
    void vouch(Role role);
    void submitted();  // a keyed passcode went to the directory
    void let_in();
    void speak() { spoken_ = true; }  // to the caller, about something else
    void refuse(Refusal why);

private:
    enum class Why : std::uint8_t { begun, asked, missed, right, seated };
    struct Turn {
        Parameters& given;
        const Surroundings& around;
        const EntryRules& rules;
    };

    void become(EntryState state, Why why);
    void miss(const Turn& turn, Refusal refusal, EntryState again, bool is_silence = false);
    void settle_role(const Turn& turn);
    void unproven(const Turn& turn);
    void settle_code(const Turn& turn);
    void take_place(const Turn& turn);
    void key_pin(const Turn& turn, std::string_view digits);

    EntryState state_ = EntryState::resolving;
    Why why_ = Why::begun;
    Refusal refusal_ = Refusal::none;
    Role role_ = Role::participant;
    bool spoken_ = false, vouched_ = false;
    std::uint32_t misses_ = 0;
    Terms terms_;
};

}  // namespace confab::bridge
