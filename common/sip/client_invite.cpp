#include "sip/client_invite.hpp"

#include "base/check.hpp"

namespace confab::sip {
namespace {

using State = ClientInvite::State;
using Input = ClientInvite::Input;
using Step = ClientInvite::Step;
using enum ClientAction;

// §17.1.1.2; a cancel waits for the first provisional (§9.1: "If no provisional response has been received, the CANCEL request MUST NOT be sent").
Step calling(Input input) {
    switch (input) {
        case Input::provisional: return {State::proceeding, {pass_up}};
        case Input::final_2xx: return {State::accepted, {pass_up}, {Timer::m}};
        case Input::final_300_699: return {State::completed, {send_ack, pass_up}, {Timer::d}};
        case Input::timer_a: return {State::calling, {send_request}, {Timer::a}};
        case Input::timer_b: return {State::terminated, {tell_timeout}};
        case Input::transport_error: return {State::terminated, {tell_unreachable}};
        case Input::cancel: return {State::calling, {remember_cancel}};
        default: return {State::calling};
    }
}

// There is no limit on ringing here: Timer C is the proxy's, patience the user's.
Step proceeding(Input input) {
    switch (input) {
        case Input::provisional: return {State::proceeding, {pass_up}};
        case Input::final_2xx: return {State::accepted, {pass_up}, {Timer::m}};
        case Input::final_300_699: return {State::completed, {send_ack, pass_up}, {Timer::d}};
        case Input::transport_error: return {State::terminated, {tell_unreachable}};
        case Input::cancel: return {State::proceeding, {send_cancel}, {Timer::cancel}};
        case Input::timer_cancel: return {State::terminated, {tell_timeout}};
        default: return {State::proceeding};
    }
}

// The user has its answer already, so a transport error ends the wait without a word.
Step completed(Input input) {
    switch (input) {
        case Input::final_300_699: return {State::completed, {send_ack}};
        case Input::timer_d:
        case Input::transport_error: return {State::terminated};
        default: return {State::completed};
    }
}

// RFC 6026 §7.2: retransmitted and forked 2xx go up, the user acknowledges each; anything else is late and dropped.
Step accepted(Input input) {
    switch (input) {
        case Input::final_2xx: return {State::accepted, {pass_up}};
        case Input::timer_m: return {State::terminated};
        default: return {State::accepted};
    }
}

}  // namespace

ClientInvite::Step ClientInvite::transition(State state, Input input) {
    switch (state) {
        case State::calling: return calling(input);
        case State::proceeding: return proceeding(input);
        case State::completed: return completed(input);
        case State::accepted: return accepted(input);
        case State::terminated: break;
    }
    return {State::terminated};
}

FlagSet<Timer> ClientInvite::running(State state) {
    switch (state) {
        case State::calling: return {Timer::a, Timer::b};
        case State::proceeding: return {Timer::cancel};
        case State::completed: return {Timer::d};
        case State::accepted: return {Timer::m};
        case State::terminated: break;
    }
    return {};
}

ClientInvite::Input ClientInvite::input_of(int status) {
    if (status < 200) return Input::provisional;
    return status < 300 ? Input::final_2xx : Input::final_300_699;
}

ClientInvite::Input ClientInvite::input_of(Timer timer) {
    switch (timer) {
        case Timer::a: return Input::timer_a;
        case Timer::b: return Input::timer_b;
        case Timer::d: return Input::timer_d;
        case Timer::m: return Input::timer_m;
        default: break;
    }
    CHECK(timer == Timer::cancel, "not a timer of an INVITE client");
    return Input::timer_cancel;
}

std::string_view ClientInvite::name(State state) {
    static constexpr std::string_view kNames[] = {"calling", "proceeding", "completed", "accepted", "terminated"};
    return kNames[static_cast<std::size_t>(state)];
}

std::string_view ClientInvite::name(Input input) {
    static constexpr std::string_view kNames[] = {"provisional", "final_2xx", "final_300_699", "timer_a", "timer_b", "timer_d",
                                                  "timer_m", "transport_error", "cancel", "timer_cancel"};
    return kNames[static_cast<std::size_t>(input)];
}

}  // namespace confab::sip
