#include "sip/server_invite.hpp"

#include "base/check.hpp"

namespace confab::sip {
namespace {

using State = ServerInvite::State;
using Input = ServerInvite::Input;
using Step = ServerInvite::Step;
using enum ServerAction;

// §17.2.1. A retransmission before the user has said anything is quenched with 100 Trying at once: the caller is waiting already.
Step proceeding(Input input) {
    switch (input) {
        case Input::retransmission:
        case Input::provisional: return {State::proceeding, {send_response, stop_trying}};
        case Input::timer_trying: return {State::proceeding, {send_response}};
        case Input::final_2xx: return {State::accepted, {send_response}, {Timer::l}};
        case Input::final_300_699: return {State::completed, {send_response}, {Timer::g, Timer::h}};
        default: return {State::proceeding};
    }
}

Step completed(Input input) {
    switch (input) {
        case Input::retransmission: return {State::completed, {send_response}};
        case Input::timer_g: return {State::completed, {send_response}, {Timer::g}};
        case Input::timer_h: return {State::terminated, {tell_no_ack}};
        case Input::ack: return {State::confirmed, {}, {Timer::i}};
        default: return {State::completed};
    }
}

// RFC 6026 §7.1: the user owns the 2xx and its retransmission; INVITE retransmissions are absorbed, an ACK that matches goes up.
Step accepted(Input input) {
    switch (input) {
        case Input::final_2xx: return {State::accepted, {send_response}};
        case Input::ack: return {State::accepted, {pass_up}};
        case Input::timer_l: return {State::terminated, {tell_gone}};
        default: return {State::accepted};
    }
}

}  // namespace

ServerInvite::Step ServerInvite::transition(State state, Input input) {
    switch (state) {
        case State::proceeding: return proceeding(input);
        case State::completed: return completed(input);
        case State::confirmed: return {input == Input::timer_i ? State::terminated : State::confirmed};
        case State::accepted: return accepted(input);
        case State::terminated: break;
    }
    return {State::terminated};
}

FlagSet<Timer> ServerInvite::running(State state) {
    switch (state) {
        case State::proceeding: return {Timer::trying};
        case State::completed: return {Timer::g, Timer::h};
        case State::confirmed: return {Timer::i};
        case State::accepted: return {Timer::l};
        case State::terminated: break;
    }
    return {};
}

ServerInvite::Input ServerInvite::input_of(int status) {
    if (status < 200) return Input::provisional;
    return status < 300 ? Input::final_2xx : Input::final_300_699;
}

ServerInvite::Input ServerInvite::input_of(Timer timer) {
    switch (timer) {
        case Timer::g: return Input::timer_g;
        case Timer::h: return Input::timer_h;
        case Timer::i: return Input::timer_i;
        case Timer::l: return Input::timer_l;
        default: break;
    }
    CHECK(timer == Timer::trying, "not a timer of an INVITE server");
    return Input::timer_trying;
}

std::string_view ServerInvite::name(State state) {
    static constexpr std::string_view kNames[] = {"proceeding", "completed", "confirmed", "accepted", "terminated"};
    return kNames[static_cast<std::size_t>(state)];
}

std::string_view ServerInvite::name(Input input) {
    static constexpr std::string_view kNames[] = {"retransmission", "ack", "provisional", "final_2xx", "final_300_699", "timer_g",
                                                  "timer_h", "timer_i", "timer_l", "timer_trying"};
    return kNames[static_cast<std::size_t>(input)];
}

}  // namespace confab::sip
