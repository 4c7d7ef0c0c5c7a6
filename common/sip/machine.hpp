// What the four transaction machines have in common (RFC 3261 §17 with RFC 6026).
//
// A machine is a pure table: (state, input) → next state, actions, timers to start. States are declared in the order in which the RFC's
// figures run downwards, so a machine never goes back; `become` holds it to that. Durations are not the machine's business: a timer that
// is not used on reliable transports is simply never armed, and one that is zero there fires at once (see transaction_timers.hpp).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace confab::sip {

// RFC 3261 Table 4 and RFC 6026 §7; `trying` is the 200 ms of §17.2.1, `cancel` the 64*T1 after a CANCEL of §9.1.
enum class Timer : std::uint8_t { a, b, d, m, e, f, k, g, h, i, l, j, trying, cancel };
inline constexpr std::size_t kTimerCount = 14;

template <class Element>
class FlagSet {
public:
    constexpr FlagSet() = default;
    constexpr FlagSet(std::initializer_list<Element> elements) {
        for (auto element : elements) bits_ |= bit(element);
    }
    constexpr bool has(Element element) const { return (bits_ & bit(element)) != 0; }
    constexpr bool empty() const { return bits_ == 0; }
    constexpr bool within(FlagSet other) const { return (bits_ & ~other.bits_) == 0; }
    constexpr bool operator==(const FlagSet&) const = default;

private:
    static constexpr std::uint32_t bit(Element element) { return std::uint32_t{1} << static_cast<unsigned>(element); }
    std::uint32_t bits_ = 0;
};

// Actions are carried out in the order in which they are declared here.
enum class ClientAction : std::uint8_t { send_request, send_ack, remember_cancel, send_cancel, pass_up, tell_timeout, tell_unreachable };
enum class ServerAction : std::uint8_t { send_response, stop_trying, pass_up, tell_no_ack, tell_gone };

template <class State, class Action>
struct Step {
    State next;
    FlagSet<Action> actions{};
    FlagSet<Timer> start{};
    bool operator==(const Step&) const = default;
};

// A step with the machine's own types taken off: what the transaction layer carries out.
template <class Action>
struct Reaction {
    FlagSet<Action> actions;
    FlagSet<Timer> start;
    FlagSet<Timer> running;  // timers that may run in the state reached; all others stop
    bool terminated;
};

// A step backwards is a bug in a table: aborts.
[[noreturn]] void refuse_step(std::string_view from, std::string_view to, std::string_view why);

// `Rules` names State, Input, Action, `transition`, `running` and `name`; the first enumerator of State is the initial state.
template <class Rules>
class Machine {
public:
    using Table = Rules;
    using State = typename Rules::State;
    using Input = typename Rules::Input;

    State state() const { return state_; }

    Reaction<typename Rules::Action> take(Input input) {
        const auto step = Rules::transition(state_, input);
        become(step.next, Rules::name(input));
        return {step.actions, step.start, Rules::running(state_), state_ == State::terminated};
    }

private:
    void become(State next, std::string_view why) {
        if (next < state_) [[unlikely]]
            refuse_step(Rules::name(state_), Rules::name(next), why);
        state_ = next;
    }

    State state_{};
};

}  // namespace confab::sip
