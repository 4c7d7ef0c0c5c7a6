// Where a confirmed leg stands: in the lobby, keying its passcode, or in a conference.
#include <algorithm>

#include "conf-bridge/core.hpp"

namespace confab::bridge {

void Core::enter(Turn turn, Leg& leg) {
    if (!leg.in_lobby()) return join(turn, leg);
    attach(turn, leg);
    if (leg.outgoing.home) return refer_home(turn, leg, *std::exchange(leg.outgoing.home, std::nullopt));
    ask_for_keys(turn, leg);
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
    if (is_to_be_named(conference, leg)) return ask_for_name(turn, leg);
    attach(turn, leg);
    leg.member = ++conference.last_member;
    leg.joined_at = turn.now.wall;
    conference.members.emplace(leg.member, leg.id);
    count_dialled(leg);
    records_.placed(leg, turn.effects.records);
    settle_in(turn, leg);
    if (!leg.waiting) return arrive(turn, leg);
    publish(turn, "waiting", leg);
    if (leg.entry.state() == EntryState::lobby) call_hosts(turn, conference);
    wait(turn, leg);
}

// Into the mix: at once, or when one who waits is let in.
void Core::arrive(Turn turn, Leg& leg) {
    counters_.add(Metric::joined);
    publish(turn, "joined", leg);
    note(turn, base::Severity::info, leg, "leg joined conference=" + leg.conference + " member=" + std::to_string(leg.member));
    record_member(turn, *find_conference(leg.conference), leg);
    set_held(turn, leg);
    greet(turn, leg);
    plan_move(turn, leg);
}

void Core::leave(Turn turn, Leg& leg, Farewell farewell) {
    auto* conference = find_conference(leg.conference);
    if (!conference) return;
    const bool was_inside = leg.member != 0 && !leg.waiting;
    const auto number = conference->number;
    if (leg.member != 0) {
        set_talking(turn, leg, false);
        publish(turn, "left", leg, {{"reason", farewell.text}});
    }
    conference->seats.erase(leg.id);
    stop_recording_member(turn, *conference, leg);
    if (leg.member != 0) uncount_dialled(leg);
    conference->members.erase(leg.member);
    leg.conference.clear();
    leg.member = 0;
    if (was_inside) announce(turn, *conference, leg, PromptName::tone_out, PromptName::member_left);
    if (was_inside && leg.host && farewell != kMoved) host_went(turn, *conference);
    if (auto* rest = find_conference(number)) drop_if_empty(turn, *rest);
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
    if (leg.farewell || leg.outgoing.referral) return;
    if (leg.is_naming()) return digit == '#' ? end_naming(turn, leg) : void();
    if (leg.entry.wants_keys() || leg.entry.waits()) return key(turn, leg, digit);
    if (leg.member != 0) press(turn, leg, digit);
}

// A room lives on one thread: a leg that waited on another goes there with its ports and its path.
void Core::move_or_join(Turn turn, Leg& leg) {
    if (find_conference(leg.conference)->thread == leg.thread) return join(turn, leg);
    tell(turn, leg, CloseLeg{leg.id, true});
    --load_[leg.thread];
    leg.has_media = false;
    leg.attached = false;
    leg.moving = true;
}

void Core::play(Turn turn, const Leg& leg, std::vector<PromptName> prompts) { tell(turn, leg, PlayPrompt{leg.id, leg.language, std::move(prompts)}); }

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
        {{"conference", leg.conference}, {"member", leg.member}, {"identity", shown(leg)}, {"name", shown_name(leg)}, {"attendee", leg.given.attendee_id}});
    for (const auto& [name, value] : more) fields.set(name, value);
    turn.effects.publish.push_back({event, std::move(fields)});
    follow(turn, event, leg);
}

void Core::publish(Turn turn, std::string_view event, const Conference& conference) {
    turn.effects.publish.push_back({event, local::Value::object({{"conference", conference.number}, {"name", conference.name}})});
    follow(turn, event, conference);
}

}  // namespace confab::bridge
