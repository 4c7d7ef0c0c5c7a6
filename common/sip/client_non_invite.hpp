// The non-INVITE client transaction (RFC 3261 §17.1.2). Pure: a table, no time and no bytes.
#pragma once

#include <string_view>

#include "sip/machine.hpp"

namespace confab::sip {

struct ClientNonInvite {
    enum class State : std::uint8_t { trying, proceeding, completed, terminated };
    enum class Input : std::uint8_t { provisional, final_response, timer_e, timer_f, timer_k, transport_error };
    using Action = ClientAction;
    using Step = sip::Step<State, Action>;

    static Step start() { return {State::trying, {Action::send_request}, {Timer::e, Timer::f}}; }
    static Step transition(State state, Input input);
    static FlagSet<Timer> running(State state);
    static Input input_of(int status);
    static Input input_of(Timer timer);
    static std::string_view name(State state);
    static std::string_view name(Input input);
};

}  // namespace confab::sip
