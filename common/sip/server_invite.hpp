// The INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1). Pure: a table, no time and no bytes.
#pragma once

#include <string_view>

#include "sip/machine.hpp"

namespace confab::sip {

struct ServerInvite {
    enum class State : std::uint8_t { proceeding, completed, confirmed, accepted, terminated };
    // The first two come from the network, the next three are the user's answers.
    enum class Input : std::uint8_t {
        retransmission, ack, provisional, final_2xx, final_300_699, timer_g, timer_h, timer_i, timer_l, timer_trying
    };
    using Action = ServerAction;
    using Step = sip::Step<State, Action>;

    static Step start() { return {State::proceeding, {}, {Timer::trying}}; }
    static Step transition(State state, Input input);
    static FlagSet<Timer> running(State state);
    static Input input_of(int status);
    static Input input_of(Timer timer);
    static std::string_view name(State state);
    static std::string_view name(Input input);
};

}  // namespace confab::sip
