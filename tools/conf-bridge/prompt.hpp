// The voice prompts that a caller may hear, by the names of their files (prompts/en/NAME.wav, 8 kHz mono).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace confab::bridge {

enum class PromptName : std::uint8_t { enter_passcode, wrong_passcode, not_admitted, conference_full, conference_locked, unavailable, joined, press_one, count_ };

inline constexpr std::array<std::string_view, static_cast<std::size_t>(PromptName::count_)> kPromptFiles = {
    "enter-passcode", "wrong-passcode", "not-admitted", "conference-full", "conference-locked", "unavailable", "joined", "press-one",
};

}  // namespace confab::bridge
