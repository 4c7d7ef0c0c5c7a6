// Where a confirmed leg stands: in the lobby, keying its passcode, or in a conference.
#include <algorithm>

#include "conf-bridge/core.hpp"

namespace confab::bridge {

void Core::enter(Turn turn, Leg& leg) {
    if (!leg.in_lobby()) return join(turn, leg);
    attach(turn, leg);
    if (leg.outgoing.home) return refer_home(turn, leg, *std::exchange(leg.outgoing.home, std::nullopt));
    play(turn, leg, leg.tries > 0 ? PromptName::wrong_passcode : PromptName::enter_passcode);
    arm(leg.id, Alarm::digits, turn.now.steady + config_.digit_timeout);
}

void Core::attach(Turn turn, Leg& leg) {
    const auto* conference = find_conference(leg.conference);
    AttachLeg what{leg.id, conference ? conference->room : kLobby, leg.agreed->remote, format_of(*leg.agreed), leg.muted, leg.waiting};
    tell(turn, leg, std::move(what));
    if (leg.deaf) tell(turn, leg, DeafenLeg{leg.id, true});
    if (leg.gain != 0) tell(turn, leg, GainLeg{leg.id, leg.gain});
    if (leg.volume != 0) tell(turn, leg, VolumeLeg{leg.id, leg.volume});
    leg.attached = true;
}

void Core::join(Turn turn, Leg& leg) {
    auto& conference = *find_conference(leg.conference);
    attach(turn, leg);
    leg.member = ++conference.last_member;
    leg.joined_at = turn.now.wall;
    conference.members.emplace(leg.member, leg.id);
    if (leg.waiting) return publish(turn, "waiting", leg);
    arrive(turn, leg);
}

// Into the mix: at once, or when one who waits is let in.
void Core::arrive(Turn turn, Leg& leg) {
    counters_.add(Metric::joined);
    publish(turn, "joined", leg);
    note(turn, base::Severity::info, leg, "leg joined conference=" + leg.conference + " member=" + std::to_string(leg.member));
    record_member(turn, *find_conference(leg.conference), leg);
    set_held(turn, leg);
    if (leg.digit_count > 0) play(turn, leg, PromptName::joined);
}

void Core::leave(Turn turn, Leg& leg, Farewell farewell) {
    auto* conference = find_conference(leg.conference);
    if (!conference) return;
    if (leg.member != 0) {
        set_talking(turn, leg, false);
        publish(turn, "left", leg, {{"reason", farewell.text}});
    }
    conference->seats.erase(leg.id);
    stop_recording_member(turn, *conference, leg);
    conference->members.erase(leg.member);
    leg.conference.clear();
    leg.member = 0;
    drop_if_empty(turn, *conference);
}

// Calls of ours that nobody has joined by keep no conference alive: they end with it.
void Core::drop_if_empty(Turn turn, Conference& conference) {
    const auto only_called = [this](media::LegId id) {
        const Leg* leg = find(id);
        return leg && leg->outgoing.dial != 0 && leg->member == 0;
    };
    if (!std::ranges::all_of(conference.seats, only_called)) return;
    end_dials(turn, conference.number);
    const auto calls = std::exchange(conference.seats, {});
    stop_recording(turn, conference);
    publish(turn, "conference-ended", conference);
    conferences_.erase(conferences_.find(conference.number));
    for (const auto id : calls) {
        Leg* leg = find(id);
        if (!leg) continue;
        leg->conference.clear();
        hang_up(turn, *leg, kConferenceEnded);
    }
}

// Digits are secrets: subscribers learn that they came, not which.
void Core::on_digit(Turn turn, Leg& leg, char digit) {
    publish(turn, "digits", leg, {{"digits", "*"}});
    if (leg.outgoing.confirming) return on_confirm_digit(turn, leg, digit);
    if (!leg.in_lobby() || leg.asking || leg.farewell || leg.outgoing.referral) return;
    if (digit == '#') return submit(turn, leg);
    if (leg.digit_count++ < config_.passcode_length) leg.digits += digit;
    play(turn, leg, std::nullopt);
    arm(leg.id, Alarm::digits, turn.now.steady + config_.digit_timeout);
}

void Core::on_digit_timeout(Turn turn, Leg& leg) {
    if (leg.farewell) return hang_up(turn, leg, *leg.farewell);
    if (leg.in_lobby() && !leg.asking) submit(turn, leg);
}

void Core::submit(Turn turn, Leg& leg) {
    disarm(leg.id, Alarm::digits);
    if (leg.digit_count == 0) return try_again(turn, leg, PromptName::enter_passcode);
    if (leg.digit_count > config_.passcode_length) return try_again(turn, leg, PromptName::wrong_passcode);
    leg.asking = true;
    resolve(turn, leg, std::exchange(leg.digits, {}));
}

void Core::try_again(Turn turn, Leg& leg, PromptName prompt) {
    leg.digits.clear();
    leg.digit_count = 0;
    count_refusal(Entry::wrong_passcode);
    if (++leg.tries >= config_.passcode_tries) return turn_away(turn, leg, Entry::wrong_passcode);
    play(turn, leg, prompt);
    arm(leg.id, Alarm::digits, turn.now.steady + config_.digit_timeout);
}

void Core::on_keyed(Turn turn, Leg& leg, const Answer& answer) {
    leg.asking = false;
    auto entry = judge(answer, true);
    if (auto home = home_for(leg, answer, entry)) return send_home(turn, leg, std::move(*home));
    if (entry == Entry::wrong_passcode) return try_again(turn, leg, PromptName::wrong_passcode);
    if (entry == Entry::admitted) entry = take_seat(turn, leg, *answer);
    if (entry == Entry::admitted) return move_or_join(turn, leg);
    count_refusal(entry);
    turn_away(turn, leg, entry);
}

// A room lives on one thread: a leg that waited on another goes there with its ports.
void Core::move_or_join(Turn turn, Leg& leg) {
    if (find_conference(leg.conference)->thread == leg.thread) return join(turn, leg);
    tell(turn, leg, CloseLeg{leg.id});
    --load_[leg.thread];
    leg.has_media = false;
    leg.attached = false;
    leg.moving = true;
}

// The caller hears why, then BYE follows; the alarm is for prompts that do not end.
void Core::turn_away(Turn turn, Leg& leg, Entry entry) {
    PromptName prompt = PromptName::unavailable;
    if (entry == Entry::wrong_passcode) prompt = PromptName::not_admitted;
    if (entry == Entry::full) prompt = PromptName::conference_full;
    if (entry == Entry::locked) prompt = PromptName::conference_locked;
    leg.farewell = entry == Entry::unavailable ? kNoDirectory : kNotAdmitted;
    play(turn, leg, prompt);
    arm(leg.id, Alarm::digits, turn.now.steady + config_.digit_timeout);
}

void Core::on_prompt_ended(Turn turn, Leg& leg) {
    if (leg.farewell) return hang_up(turn, leg, *leg.farewell);
    if (leg.outgoing.confirming) play(turn, leg, PromptName::press_one);  // a voicemail's greeting may have drowned it
}

void Core::play(Turn turn, const Leg& leg, std::optional<PromptName> prompt) { tell(turn, leg, PlayPrompt{leg.id, prompt}); }

void Core::set_held(Turn turn, Leg& leg) {
    if (leg.held == leg.agreed->held) return;
    if (leg.agreed->held) set_talking(turn, leg, false);
    leg.held = leg.agreed->held;
    publish(turn, leg.held ? "held" : "resumed", leg);
}

void Core::set_talking(Turn turn, Leg& leg, bool talking) {
    if (leg.talking == talking || (talking && (leg.member == 0 || leg.waiting || leg.muted || leg.held))) return;
    leg.talking = talking;
    if (talking) {
        leg.talks_since = turn.now.steady;
        return publish(turn, "talking", leg);
    }
    const auto spell = turn.now.steady - leg.talks_since;
    leg.talked += spell;
    publish(turn, "silent", leg, {{"spell_ms", std::chrono::duration_cast<base::milliseconds>(spell).count()}, {"talked_ms", talked_ms(turn.now, leg)}});
}

void Core::publish(Turn turn, std::string_view event, const Leg& leg, std::initializer_list<local::Value::Member> more) {
    auto fields = local::Value::object(
        {{"conference", leg.conference}, {"member", leg.member}, {"identity", shown(leg)}, {"name", shown_name(leg)}});
    for (const auto& [name, value] : more) fields.set(name, value);
    turn.effects.publish.push_back({event, std::move(fields)});
    follow(turn, event, leg);
}

void Core::publish(Turn turn, std::string_view event, const Conference& conference) {
    turn.effects.publish.push_back({event, local::Value::object({{"conference", conference.number}, {"name", conference.name}})});
    follow(turn, event, conference);
}

}  // namespace confab::bridge
