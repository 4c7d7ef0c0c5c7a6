#include "sip/client_non_invite.hpp"

#include "base/check.hpp"

namespace confab::sip {
namespace {

using State = ClientNonInvite::State;
using Input = ClientNonInvite::Input;
using Step = ClientNonInvite::Step;
using enum ClientAction;

// §17.1.2.2: trying and proceeding differ only in Timer E's interval, which the layer knows.
Step waiting(State state, Input input) {
    switch (input) {
        case Input::provisional: return {State::proceeding, {pass_up}};
        case Input::final_response: return {State::completed, {pass_up}, {Timer::k}};
        case Input::timer_e: return {state, {send_request}, {Timer::e}};
        case Input::timer_f: return {State::terminated, {tell_timeout}};
        case Input::transport_error: return {State::terminated, {tell_unreachable}};
        case Input::timer_k: break;
    }
    return {state};
}

}  // namespace

ClientNonInvite::Step ClientNonInvite::transition(State state, Input input) {
    switch (state) {
        case State::trying:
        case State::proceeding: return waiting(state, input);
        case State::completed: return {input == Input::timer_k ? State::terminated : State::completed};
        case State::terminated: break;
    }
    return {State::terminated};
}

FlagSet<Timer> ClientNonInvite::running(State state) {
    switch (state) {
        case State::trying:
        case State::proceeding: return {Timer::e, Timer::f};
        case State::completed: return {Timer::k};
        case State::terminated: break;
    }
    return {};
}

ClientNonInvite::Input ClientNonInvite::input_of(int status) { return status < 200 ? Input::provisional : Input::final_response; }

ClientNonInvite::Input ClientNonInvite::input_of(Timer timer) {
    if (timer == Timer::e) return Input::timer_e;
    if (timer == Timer::f) return Input::timer_f;
    CHECK(timer == Timer::k, "not a timer of a non-INVITE client");
    return Input::timer_k;
}

std::string_view ClientNonInvite::name(State state) {
    static constexpr std::string_view kNames[] = {"trying", "proceeding", "completed", "terminated"};
    return kNames[static_cast<std::size_t>(state)];
}

std::string_view ClientNonInvite::name(Input input) {
    static constexpr std::string_view kNames[] = {"provisional", "final_response", "timer_e", "timer_f", "timer_k", "transport_error"};
    return kNames[static_cast<std::size_t>(input)];
}

}  // namespace confab::sip
