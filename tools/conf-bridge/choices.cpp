// What a member keys inside a conference: the menus' choices turned into the same deeds that commands do, and told to the one who chose.
#include <algorithm>

#include "conf-bridge/core.hpp"

namespace confab::bridge {

void Core::press(Turn turn, Leg& leg, char digit) {
    const auto result = leg.menu.press(digit, menu_for(config_.menus, leg.host));
    if (result.kind != MenuKeys::Kind::pending) return choose(turn, leg, result);
    arm(leg.id, Alarm::digits, turn.now.steady + config_.menu_timeout);
}

void Core::choose(Turn turn, Leg& leg, MenuKeys::Result result) {
    disarm(leg.id, Alarm::digits);
    if (result.kind != MenuKeys::Kind::chosen) return play(turn, leg, {PromptName::no_such_choice});
    auto& conference = *find_conference(leg.conference);
    switch (result.action) {
        case MenuAction::mute_toggle:
            set_muted(turn, leg, !leg.muted);
            return play(turn, leg, {leg.muted ? PromptName::muted : PromptName::unmuted});
        case MenuAction::hand_toggle:
            set_hand(turn, leg, !leg.hand);
            return play(turn, leg, {leg.hand ? PromptName::hand_raised : PromptName::hand_lowered});
        case MenuAction::count: return tell_count(turn, leg, {});
        case MenuAction::volume_up: return shift_level(turn, leg, true, leg.volume, &Core::set_volume);
        case MenuAction::volume_down: return shift_level(turn, leg, false, leg.volume, &Core::set_volume);
        case MenuAction::gain_up: return shift_level(turn, leg, true, leg.gain, &Core::set_gain);
        case MenuAction::gain_down: return shift_level(turn, leg, false, leg.gain, &Core::set_gain);
        case MenuAction::mute_all:
            set_all_muted(turn, conference, true);
            return play(turn, leg, {PromptName::all_muted});
        case MenuAction::unmute_all:
            set_all_muted(turn, conference, false);
            return play(turn, leg, {PromptName::all_unmuted});
        case MenuAction::lock_toggle:
            set_locked(turn, conference, !conference.locked);
            return play(turn, leg, {conference.locked ? PromptName::locked : PromptName::unlocked});
        case MenuAction::admit_all: admit_all(turn, conference); return;
        case MenuAction::record_toggle: return toggle_recording(turn, leg, conference);
        case MenuAction::end: end(turn, conference); return;
    }
}

void Core::shift_level(Turn turn, Leg& leg, bool up, int from, bool (Core::*set)(Turn, Leg&, int)) {
    const int step = static_cast<int>(config_.menu_step), to = std::clamp(up ? from + step : from - step, media::Room::kLeastGain, media::Room::kMostGain);
    const bool changed = (this->*set)(turn, leg, to);
    play(turn, leg, {!changed ? PromptName::level_limit : up ? PromptName::louder : PromptName::softer});
}

// Where all are told, so is the one who chose.
void Core::toggle_recording(Turn turn, Leg& leg, Conference& conference) {
    const bool stops = conference.recording.is_on();
    const auto done = stops ? stop_recording(turn, conference) : start_recording(turn, conference, false);
    if (!done) return play(turn, leg, {PromptName::cannot_record});
    if (!config_.recording_announce) play(turn, leg, {stops ? PromptName::recording_off : PromptName::recording_on});
}

// After `prompts`. Those who wait are not counted.
void Core::tell_count(Turn turn, Leg& leg, std::vector<PromptName> prompts) {
    const auto inside = [this](const auto& entry) { return !find(entry.second)->waiting; };
    const auto count = static_cast<std::uint64_t>(std::ranges::count_if(find_conference(leg.conference)->members, inside));
    prompts.push_back(count == 1 ? PromptName::alone : PromptName::participants);
    if (count > 1) std::ranges::copy(spoken(count), std::back_inserter(prompts));
    play(turn, leg, std::move(prompts));
}

}  // namespace confab::bridge
