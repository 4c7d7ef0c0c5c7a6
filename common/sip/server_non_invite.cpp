#include "sip/server_non_invite.hpp"

#include "base/check.hpp"

namespace confab::sip {
namespace {

using State = ServerNonInvite::State;
using Input = ServerNonInvite::Input;
using Step = ServerNonInvite::Step;
using enum ServerAction;

// §17.2.2: "once in the Trying state, any further request retransmissions are discarded"; proceeding repeats the last provisional.
Step waiting(State state, Input input) {
    switch (input) {
        case Input::retransmission: return state == State::trying ? Step{state} : Step{state, {send_response}};
        case Input::provisional: return {State::proceeding, {send_response}};
        case Input::final_response: return {State::completed, {send_response}, {Timer::j}};
        case Input::timer_j: break;
    }
    return {state};
}

// "Any other final responses passed by the TU to the server transaction MUST be discarded while in the Completed state."
Step completed(Input input) {
    switch (input) {
        case Input::retransmission: return {State::completed, {send_response}};
        case Input::timer_j: return {State::terminated};
        default: return {State::completed};
    }
}

}  // namespace

ServerNonInvite::Step ServerNonInvite::transition(State state, Input input) {
    switch (state) {
        case State::trying:
        case State::proceeding: return waiting(state, input);
        case State::completed: return completed(input);
        case State::terminated: break;
    }
    return {State::terminated};
}

FlagSet<Timer> ServerNonInvite::running(State state) {
    if (state == State::completed) return {Timer::j};
    return {};
}

ServerNonInvite::Input ServerNonInvite::input_of(int status) { return status < 200 ? Input::provisional : Input::final_response; }

ServerNonInvite::Input ServerNonInvite::input_of(Timer timer) {
    CHECK(timer == Timer::j, "not a timer of a non-INVITE server");
    return Input::timer_j;
}

std::string_view ServerNonInvite::name(State state) {
    static constexpr std::string_view kNames[] = {"trying", "proceeding", "completed", "terminated"};
    return kNames[static_cast<std::size_t>(state)];
}

std::string_view ServerNonInvite::name(Input input) {
    static constexpr std::string_view kNames[] = {"retransmission", "provisional", "final_response", "timer_j"};
    return kNames[static_cast<std::size_t>(input)];
}

}  // namespace confab::sip
