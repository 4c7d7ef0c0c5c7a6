// The INVITE client transaction (RFC 3261 §17.1.1, RFC 6026 §7.2). Pure: a table, no time and no bytes.
#pragma once

#include <string_view>

#include "sip/machine.hpp"

namespace confab::sip {

struct ClientInvite {
    enum class State : std::uint8_t { calling, proceeding, completed, accepted, terminated };
    enum class Input : std::uint8_t {
        provisional, final_2xx, final_300_699, timer_a, timer_b, timer_d, timer_m, transport_error,
        cancel,        // the user wants it cancelled (§9.1)
        timer_cancel,  // 64*T1 after the CANCEL without a final answer
    };
    using Action = ClientAction;
    using Step = sip::Step<State, Action>;

    static Step start() { return {State::calling, {Action::send_request}, {Timer::a, Timer::b}}; }
    static Step transition(State state, Input input);
    static FlagSet<Timer> running(State state);
    static Input input_of(int status);
    static Input input_of(Timer timer);
    static std::string_view name(State state);
    static std::string_view name(Input input);
};

}  // namespace confab::sip
