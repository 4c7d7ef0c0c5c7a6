// Transactions over a link that loses, doubles, delays and reorders: whatever happens, each ends once and nothing stays.
#include <catch2/catch.hpp>
#include <chrono>

#include "sim/pair.hpp"

using namespace confab;
using base::milliseconds;
using sim::Outcome;
using sim::Plan;

namespace {

constexpr std::uint64_t kSeeds = 200;
constexpr sim::LinkQuality kBad{.jitter = milliseconds(200), .loss = 0.3, .duplication = 0.1, .reordering = 0.1, .held_back = milliseconds(900)};

Outcome play(const Plan& plan, std::uint64_t seed) { return sim::Pair(plan, seed).run(); }

// What holds however bad the link is.
void check_ending(const Outcome& outcome) {
    CHECK(outcome.first_finals + outcome.timeouts == 1);
    CHECK(outcome.requests <= 1);
    CHECK(outcome.live_at_end == 0);
    // The callee starts at the latest when Timer B ends, then Timers H or L, then I.
    CHECK(outcome.lasted < milliseconds(32'000 + 32'000 + 5'000 + 5'000));
}

}  // namespace

TEST_CASE("sim: on a good link one request, one answer and no repetition") {
    for (const bool invite : {true, false}) {
        for (const int status : {200, 486}) {
            INFO(invite << " " << status);
            const auto outcome = play({.invite = invite, .status = status, .ringing = milliseconds(20), .link = {}}, 1);
            check_ending(outcome);
            CHECK(outcome.last_status == status);
            CHECK(outcome.repeated_finals == 0);
            CHECK(outcome.requests == 1);
            CHECK(outcome.acks == (invite && status == 200 ? 1 : 0));
            CHECK(outcome.gone == (invite && status == 200 ? 1 : 0));
            CHECK(outcome.no_acks == 0);
            CHECK(outcome.strays == 0);
        }
    }
}

TEST_CASE("sim: INVITE accepted over 30 % loss") {
    int answered = 0, repeated = 0;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        INFO("seed " << seed);
        const auto outcome = play({.status = 200, .ringing = milliseconds(100), .answering = milliseconds(2000), .link = kBad}, seed);
        check_ending(outcome);
        if (outcome.first_finals == 1) CHECK(outcome.last_status == 200);
        CHECK(outcome.gone == outcome.requests);
        CHECK(outcome.no_acks == 0);
        answered += outcome.first_finals;
        repeated += outcome.repeated_finals > 0;
    }
    CHECK(answered > 195);
    CHECK(repeated > 20);  // the link was bad enough for the absorbing to matter
}

TEST_CASE("sim: INVITE refused over 30 % loss") {
    int answered = 0;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        INFO("seed " << seed);
        const auto outcome = play({.status = 486, .answering = milliseconds(300), .link = kBad}, seed);
        check_ending(outcome);
        CHECK(outcome.repeated_finals == 0);  // the layer absorbs them
        CHECK(outcome.acks == 0);
        CHECK(outcome.gone == 0);
        answered += outcome.first_finals;
    }
    CHECK(answered > 195);
}

TEST_CASE("sim: non-INVITE over 30 % loss") {
    int answered = 0;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        INFO("seed " << seed);
        const auto outcome = play({.invite = false, .status = 200, .answering = milliseconds(10), .link = kBad}, seed);
        check_ending(outcome);
        CHECK(outcome.repeated_finals == 0);
        answered += outcome.first_finals;
    }
    CHECK(answered > 195);
}

TEST_CASE("sim: INVITE cancelled over 30 % loss, before or after the answer") {
    int cancelled = 0, crossed = 0;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        INFO("seed " << seed);
        const auto outcome = play({.status = 200, .ringing = milliseconds(100), .answering = milliseconds(3000),
                                   .cancelling = milliseconds(200 + 20 * static_cast<int>(seed)), .link = kBad}, seed);
        check_ending(outcome);
        CHECK(outcome.cancels <= 1);
        if (outcome.last_status == 487) CHECK(outcome.cancels == 1);
        cancelled += outcome.last_status == 487;
        crossed += outcome.last_status == 200;
    }
    CHECK(cancelled > 50);
    CHECK(crossed > 20);
}

TEST_CASE("sim: over a dead link every transaction times out after 64*T1") {
    for (const bool invite : {true, false}) {
        const auto outcome = play({.invite = invite, .cancelling = milliseconds(invite ? 100 : 0), .link = {.loss = 1}}, 3);
        check_ending(outcome);
        CHECK(outcome.timeouts == 1);
        CHECK(outcome.requests == 0);
        CHECK(outcome.lasted == milliseconds(32'000));
    }
}

TEST_CASE("sim: the same seed plays the same run") {
    const Plan plan{.status = 486, .link = kBad};
    const auto first = play(plan, 77), second = play(plan, 77);
    CHECK(first.lasted == second.lasted);
    CHECK(first.strays == second.strays);
}
