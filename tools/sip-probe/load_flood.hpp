// What an attacker sends: requests without credentials, with forged ones, and messages that are none. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sip-probe/load_plan.hpp"

namespace confab::probe {

inline constexpr std::uint64_t kFloodKinds = 8;

// Appends the flood's n-th message; the kinds take turns. `run`: a word that no other run uses.
void append_flood(std::string& out, const LoadPlan& plan, std::string_view user, std::string_view local, std::string_view run, std::uint64_t number);

}  // namespace confab::probe
