// The voice prompts and sounds that callers may hear, by the names of their files (prompts/<language>/NAME.wav), and which language a
// caller gets. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace confab::bridge {

enum class PromptName : std::uint8_t {
    enter_passcode, wrong_passcode, enter_leader_pin, wrong_leader_pin, enter_security_code, wrong_security_code, not_admitted, conference_full,
    conference_locked, not_started, conference_over, unavailable, wait_for_host, wait_for_admission, joined, alone, participants, member_joined,
    member_left, muted, unmuted, all_muted, all_unmuted, hand_raised, hand_lowered, locked, unlocked, somebody_waits, no_such_choice, conference_ends, moving, press_one,
    recording_on, recording_off, louder, softer, level_limit, cannot_record, say_name, has_joined, has_left, tone_in, tone_out, tone_recording, music,
    number_0, number_20 = number_0 + 20, count_
};
inline constexpr auto kPromptCount = static_cast<std::size_t>(PromptName::count_);

inline constexpr std::array<std::string_view, kPromptCount> kPromptFiles = {
    "enter-passcode", "wrong-passcode", "enter-leader-pin", "wrong-leader-pin", "enter-security-code", "wrong-security-code", "not-admitted",
    "conference-full", "conference-locked", "not-started", "conference-over", "unavailable", "wait-for-host", "wait-for-admission", "joined",
    "alone", "participants", "member-joined", "member-left", "muted", "unmuted", "all-muted", "all-unmuted", "hand-raised", "hand-lowered",
    "locked", "unlocked", "somebody-waits", "no-such-choice", "conference-ends", "moving", "press-one", "recording-on", "recording-off", "louder", "softer", "level-limit",
    "cannot-record", "say-name", "has-joined", "has-left", "tone-in", "tone-out", "tone-recording", "music", "0", "1", "2", "3", "4", "5", "6", "7",
    "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20",
};
static_assert(!kPromptFiles.back().empty());

// A number as it is spoken: up to 20 by its word, above digit by digit.
std::vector<PromptName> spoken(std::uint64_t number);

// Where `wish` (RFC 3261 §20.3, Accept-Language: de-CH, en;q=0.8) names a language of `known`, its index: the best wish wins, and de
// serves de-CH. Otherwise `known.size()`.
std::size_t language_of(std::string_view wish, std::span<const std::string> known);

}  // namespace confab::bridge
