// A machine's whole table as test rows: every (state, input) pair has exactly one, and the machine does what it says.
#pragma once

#include <catch2/catch.hpp>
#include <span>
#include <string>

#include "sip/machine.hpp"

namespace confab::sip::test {

template <class Rules>
struct Row {
    typename Rules::State state;
    typename Rules::Input input;
    typename Rules::Step step;
};

template <class Rules>
void check_table(std::span<const Row<Rules>> rows, typename Rules::Input last_input) {
    using State = typename Rules::State;
    using Input = typename Rules::Input;
    for (auto s = 0; s <= static_cast<int>(State::terminated); ++s) {
        for (auto i = 0; i <= static_cast<int>(last_input); ++i) {
            const auto state = static_cast<State>(s);
            const auto input = static_cast<Input>(i);
            INFO(std::string(Rules::name(state)) + " + " + std::string(Rules::name(input)));
            int found = 0;
            for (const auto& row : rows) {
                if (row.state != state || row.input != input) continue;
                ++found;
                CHECK(Rules::transition(state, input) == row.step);
                CHECK(row.step.start.within(Rules::running(row.step.next)));
                CHECK(row.step.next >= state);
            }
            CHECK(found == 1);
        }
    }
    CHECK(rows.size() == static_cast<std::size_t>((static_cast<int>(State::terminated) + 1) * (static_cast<int>(last_input) + 1)));
}

}  // namespace confab::sip::test
