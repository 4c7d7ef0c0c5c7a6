#include "conf-bridge/entry.hpp"

#include <catch2/catch.hpp>

#include <functional>

#include "conf-bridge/attempts.hpp"

using namespace confab;
using namespace confab::bridge;
using S = EntryState;
using R = Refusal;
using P = PromptName;

namespace {

// One caller before one conference; each test changes what it is about.
struct Caller {
    Entry entry;
    Terms terms{.leader_pin = "4711", .security_code = "77"};
    Parameters given;
    Surroundings around{.now = 1000};
    EntryRules rules;

    void resolved(Verdict verdict) { entry.resolved(verdict, verdict == Verdict::right ? terms : Terms{}, given, around, rules); }
    void key(std::string_view digits) { entry.keyed(digits, given, around, rules); }
};

// A caller who stands in `state`.
Caller standing(EntryState state) {
    Caller caller;
    switch (state) {
        case S::resolving: break;
        case S::passcode: caller.resolved(Verdict::missing); break;
        case S::leader_pin:
            caller.given.host = true;
            caller.resolved(Verdict::right);
            break;
        case S::security_code: caller.resolved(Verdict::right); break;
        case S::waiting:
            caller.terms.wait_for_host = true;
            caller.given.security_code = "77";
            caller.resolved(Verdict::right);
            break;
        case S::lobby:
            caller.terms.lobby = caller.around.running = caller.around.locked = true;
            caller.resolved(Verdict::right);
            break;
        case S::inside:
            caller.given.security_code = "77";
            caller.resolved(Verdict::right);
            break;
        case S::refused: caller.resolved(Verdict::unknown); break;
    }
    REQUIRE(caller.entry.state() == state);
    return caller;
}

using Input = std::function<void(Caller&)>;
struct Row {
    const char* input;
    Input act;
    S after[8];  // from resolving, passcode, leader_pin, security_code, waiting, lobby, inside, refused
};

}  // namespace

TEST_CASE("every state takes every input", "[bridge][entry]") {
    const auto with = [](Verdict verdict) { return [verdict](Caller& caller) { caller.resolved(verdict); }; };
    const auto keyed = [](const char* digits) { return [digits](Caller& caller) { caller.key(digits); }; };
    constexpr S re = S::resolving, pa = S::passcode, pi = S::leader_pin, co = S::security_code, wa = S::waiting, lo = S::lobby, in = S::inside,
                no = S::refused;
    const Row rows[] = {
        {"right", with(Verdict::right), {co, pa, pi, co, wa, lo, in, no}},
        {"missing", with(Verdict::missing), {pa, pa, pi, co, wa, lo, in, no}},
        {"wrong", with(Verdict::wrong), {no, pa, pi, co, wa, lo, in, no}},
        {"unknown", with(Verdict::unknown), {no, pa, pi, co, wa, lo, in, no}},
        {"unavailable", with(Verdict::unavailable), {no, pa, pi, co, wa, lo, in, no}},
        {"submitted", [](Caller& caller) { caller.entry.submitted(); }, {re, re, pi, co, wa, lo, in, no}},
        {"the PIN", keyed("4711"), {re, pa, in, co, in, in, in, no}},
        {"the code", keyed("77"), {re, pa, pi, in, wa, lo, in, no}},
        {"nonsense", keyed("1"), {re, pa, pi, co, wa, lo, in, no}},
        {"nothing", keyed(""), {re, pa, co, co, wa, lo, in, no}},
        {"let in", [](Caller& caller) { caller.entry.let_in(); }, {in, in, in, in, in, in, in, no}},
        {"refused", [](Caller& caller) { caller.entry.refuse(R::attempts); }, {no, no, no, no, no, no, in, no}},
    };
    for (const auto& row : rows)
        for (int state = 0; state < 8; ++state) {
            CAPTURE(row.input, state);
            auto caller = standing(static_cast<S>(state));
            row.act(caller);
            CHECK(caller.entry.state() == row.after[state]);
        }
}

TEST_CASE("the directory's refusals have reasons and prompts", "[bridge][entry]") {
    struct Case {
        Verdict verdict;
        R refusal;
        P prompt;
    };
    for (const auto& one : {Case{Verdict::unknown, R::unknown, P::not_admitted}, Case{Verdict::wrong, R::passcode, P::not_admitted},
                            Case{Verdict::unavailable, R::unavailable, P::unavailable}}) {
        Caller caller;
        caller.resolved(one.verdict);
        CHECK(caller.entry.refusal() == one.refusal);
        CHECK(caller.entry.prompt() == one.prompt);
    }
}

TEST_CASE("who brings everything hears nothing", "[bridge][entry]") {
    Caller caller;
    caller.given.leader_pin = "4711";
    caller.resolved(Verdict::right);
    CHECK(caller.entry.state() == S::inside);
    CHECK(caller.entry.is_host());
    CHECK_FALSE(caller.entry.prompt());
    CHECK_FALSE(caller.entry.was_spoken_to());
}

TEST_CASE("roles by claim and PIN", "[bridge][entry]") {
    struct Case {
        const char *name, *pin_of_conference, *given_pin;
        std::optional<bool> claim;
        WrongLeaderPin wrong;
        AskLeaderPin ask;
        HostClaim believe;
        S state;
        bool host;
    };
    using W = WrongLeaderPin;
    using A = AskLeaderPin;
    using H = HostClaim;
    const Case cases[] = {
        {"nothing given", "4711", "", {}, W::prompt, A::keyed, H::believe, S::inside, false},
        {"always asked", "4711", "", {}, W::prompt, A::always, H::believe, S::leader_pin, false},
        {"right", "4711", "4711", {}, W::prompt, A::keyed, H::believe, S::inside, true},
        {"right, but a participant", "4711", "4711", false, W::prompt, A::always, H::believe, S::inside, false},
        {"wrong, prompt", "4711", "1", {}, W::prompt, A::never, H::believe, S::leader_pin, false},
        {"wrong, participant", "4711", "1", {}, W::participant, A::never, H::believe, S::inside, false},
        {"wrong, refuse", "4711", "1", {}, W::refuse, A::never, H::believe, S::refused, false},
        {"prefix", "4711", "471", {}, W::refuse, A::never, H::believe, S::refused, false},
        {"claim without PIN, prompt", "4711", "", true, W::prompt, A::never, H::believe, S::leader_pin, false},
        {"claim without PIN, participant", "4711", "", true, W::participant, A::never, H::believe, S::inside, false},
        {"claim without PIN, refuse", "4711", "", true, W::refuse, A::never, H::believe, S::refused, false},
        {"claim, no PIN wanted", "", "", true, W::refuse, A::always, H::believe, S::inside, true},
        {"claim ignored", "", "", true, W::refuse, A::always, H::ignore, S::inside, false},
        {"a PIN where none is wanted", "", "4711", {}, W::refuse, A::always, H::believe, S::inside, false},
    };
    for (const auto& one : cases) {
        CAPTURE(one.name);
        Caller caller;
        caller.terms = {.leader_pin = one.pin_of_conference, .security_code = ""};
        caller.given.leader_pin = one.given_pin;
        caller.given.host = one.claim;
        caller.rules.wrong_leader_pin = one.wrong;
        caller.rules.ask_leader_pin = one.ask;
        caller.rules.host_claim = one.believe;
        caller.resolved(Verdict::right);
        CHECK(caller.entry.state() == one.state);
        CHECK(caller.entry.is_host() == one.host);
    }
}

TEST_CASE("who was asked for the passcode is asked for the leader PIN", "[bridge][entry]") {
    Caller caller;
    caller.terms.security_code.clear();
    caller.resolved(Verdict::missing);
    CHECK(caller.entry.prompt() == P::enter_passcode);
    caller.entry.submitted();
    caller.resolved(Verdict::right);
    REQUIRE(caller.entry.state() == S::leader_pin);
    CHECK(caller.entry.prompt() == P::enter_leader_pin);
    SECTION("a participant presses hash") {
        caller.key("");
        CHECK(caller.entry.state() == S::inside);
        CHECK_FALSE(caller.entry.is_host());
        CHECK(caller.entry.prompt() == P::joined);
    }
    SECTION("the leader") {
        caller.key("1");
        CHECK(caller.entry.prompt() == P::wrong_leader_pin);
        CHECK(caller.entry.missed());
        caller.key("4711");
        CHECK(caller.entry.state() == S::inside);
        CHECK(caller.entry.is_host());
    }
}

TEST_CASE("security codes: the running conference's counts, hosts need none", "[bridge][entry]") {
    struct Case {
        const char *given, *running;
        bool host;
        WrongSecurityCode wrong;
        S state;
    };
    using W = WrongSecurityCode;
    const Case cases[] = {
        {"", nullptr, false, W::prompt, S::security_code}, {"77", nullptr, false, W::prompt, S::inside},
        {"78", nullptr, false, W::prompt, S::security_code}, {"", nullptr, false, W::refuse, S::refused},
        {"78", nullptr, false, W::refuse, S::refused},     {"", nullptr, true, W::refuse, S::inside},
        {"77", "88", false, W::refuse, S::refused},        {"88", "88", false, W::refuse, S::inside},
        {"", "", false, W::refuse, S::inside},             {"1", "88", true, W::refuse, S::inside},
    };
    for (const auto& one : cases) {
        CAPTURE(one.given, one.host);
        Caller caller;
        caller.given.security_code = one.given;
        if (one.host) caller.given.leader_pin = "4711";
        caller.around.running = one.running != nullptr;
        caller.around.security_code = one.running ? one.running : "";
        caller.rules.wrong_security_code = one.wrong;
        caller.resolved(Verdict::right);
        CHECK(caller.entry.state() == one.state);
    }
    auto caller = standing(S::security_code);
    CHECK(caller.entry.prompt() == P::enter_security_code);
    caller.key("1");
    CHECK(caller.entry.prompt() == P::wrong_security_code);
    caller.key("");
    CHECK(caller.entry.prompt() == P::enter_security_code);
    caller.key("2");
    CHECK(caller.entry.refusal() == R::code);
}

TEST_CASE("a host by claim alone is one inside, but opens no lock and no code", "[bridge][entry]") {
    struct Case {
        const char *given, *running;
        bool locked;
        S state;
    };
    const Case cases[] = {
        {"66", nullptr, false, S::security_code}, {"77", nullptr, false, S::inside}, {"66", "", false, S::inside}, {"66", "88", false, S::security_code},
        {"88", "88", false, S::inside},           {"88", "88", true, S::refused},
    };
    for (const auto& one : cases) {
        CAPTURE(one.given, one.locked);
        Caller caller;
        caller.terms.leader_pin.clear();
        caller.given.host = true;
        caller.given.security_code = one.given;
        caller.around = {.now = 1000, .running = one.running != nullptr, .locked = one.locked};
        caller.around.security_code = one.running ? one.running : "";
        caller.resolved(Verdict::right);
        CHECK(caller.entry.state() == one.state);
        CHECK(caller.entry.is_host());
        CHECK(caller.entry.role() == Role::claimed_host);
    }
}

TEST_CASE("who is vouched for is asked for what a host has set since, and for nothing else", "[bridge][entry]") {
    struct Case {
        Role role;
        const char* running;
        bool locked;
        S state;
    };
    const Case cases[] = {
        {Role::participant, nullptr, false, S::inside},  {Role::participant, "77", false, S::inside}, {Role::participant, "88", false, S::security_code},
        {Role::claimed_host, "77", false, S::inside},    {Role::claimed_host, "77", true, S::refused}, {Role::claimed_host, "88", false, S::security_code},
        {Role::host, "88", true, S::inside},
    };
    for (const auto& one : cases) {
        CAPTURE(static_cast<int>(one.role), one.locked);
        Caller caller;
        caller.around = {.now = 1000, .running = one.running != nullptr, .locked = one.locked};
        caller.around.security_code = one.running ? one.running : "";
        caller.entry.vouch(one.role);
        caller.resolved(Verdict::right);
        CHECK(caller.entry.state() == one.state);
        CHECK(caller.entry.role() == one.role);
    }
}

TEST_CASE("places: time, lock, seats, hosts", "[bridge][entry]") {
    struct Case {
        const char* name;
        Surroundings around;
        std::int64_t starts, ends;
        bool waits, lobby, host;
        S state;
        R refusal;
    };
    const Surroundings running{.now = 1000, .running = true};
    auto hosted = running, locked = running, full = running, full_hosted = running, busy = running, locked_full = running;
    hosted.hosted = locked.locked = full.full = full_hosted.full = full_hosted.hosted = busy.busy = locked_full.locked = locked_full.full = true;
    const Case cases[] = {
        {"at the hour", running, 1000, 1001, false, false, false, S::inside, R::none},
        {"a second early", running, 1001, 0, false, false, true, S::refused, R::not_started},
        {"over", running, 0, 1000, false, false, false, S::refused, R::ended},
        {"waits", running, 0, 0, true, false, false, S::waiting, R::none},
        {"the host waits for nobody", running, 0, 0, true, false, true, S::inside, R::none},
        {"hosted", hosted, 0, 0, true, false, false, S::inside, R::none},
        {"locked", locked, 0, 0, false, false, false, S::refused, R::locked},
        {"locked, host", locked, 0, 0, false, false, true, S::inside, R::none},
        {"locked, lobby", locked, 0, 0, true, true, false, S::lobby, R::none},
        {"locked and full", locked_full, 0, 0, false, false, false, S::refused, R::locked},
        {"locked and full, lobby", locked_full, 0, 0, false, true, false, S::refused, R::full},
        {"full", full, 0, 0, false, false, false, S::refused, R::full},
        {"full, its first host", full, 0, 0, false, false, true, S::inside, R::none},
        {"full, a second host", full_hosted, 0, 0, false, false, true, S::refused, R::full},
        {"busy", busy, 0, 0, false, false, true, S::refused, R::busy},
    };
    for (const auto& one : cases) {
        CAPTURE(one.name);
        Caller caller;
        caller.terms = {.leader_pin = "4711", .security_code = "", .wait_for_host = one.waits, .lobby = one.lobby, .starts = one.starts, .ends = one.ends};
        caller.around = one.around;
        if (one.host) caller.given.leader_pin = "4711";
        caller.resolved(Verdict::right);
        CHECK(caller.entry.state() == one.state);
        CHECK(caller.entry.refusal() == one.refusal);
    }
}

TEST_CASE("misses of all kinds count together", "[bridge][entry]") {
    Caller caller;
    caller.resolved(Verdict::missing);
    caller.key("");
    CHECK(caller.entry.prompt() == P::enter_passcode);
    CHECK_FALSE(caller.entry.missed());
    caller.entry.submitted();
    caller.resolved(Verdict::right);
    caller.key("1");
    CHECK(caller.entry.state() == S::leader_pin);
    caller.key("2");
    CHECK(caller.entry.state() == S::refused);
    CHECK(caller.entry.refusal() == R::pin);

    Caller prompted;
    prompted.rules.wrong_passcode = WrongPasscode::prompt;
    prompted.resolved(Verdict::wrong);
    CHECK(prompted.entry.prompt() == P::wrong_passcode);
    prompted.entry.submitted();
    prompted.resolved(Verdict::wrong);
    prompted.entry.submitted();
    prompted.resolved(Verdict::wrong);
    CHECK(prompted.entry.refusal() == R::passcode);
}

TEST_CASE("wrong codes of one caller count over his calls, for a while", "[bridge][entry]") {
    Attempts attempts;
    const base::Instant begin{base::seconds(100)};
    const base::seconds window(60);
    attempts.miss(begin, "sip:a@b", window);
    CHECK_FALSE(attempts.is_barred(begin, "sip:a@b", 2));
    attempts.miss(begin + base::seconds(59), "sip:a@b", window);
    CHECK(attempts.is_barred(begin + base::seconds(59), "sip:a@b", 2));
    CHECK_FALSE(attempts.is_barred(begin + base::seconds(59), "sip:c@d", 1));
    CHECK_FALSE(attempts.is_barred(begin + base::seconds(60), "sip:a@b", 2));
    attempts.miss(begin + base::seconds(61), "sip:a@b", window);
    CHECK_FALSE(attempts.is_barred(begin + base::seconds(61), "sip:a@b", 2));
    for (std::size_t i = 0; i < Attempts::kMost + 100; ++i) attempts.miss(begin + base::seconds(62), std::to_string(i), window);
    CHECK(attempts.size() <= Attempts::kMost);
}
