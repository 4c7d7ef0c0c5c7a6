// Names that callers say. Where a conference announces names, a caller has a seat and is asked for his name before he comes in, alone in a
// room of his own: nobody hears him there, and he may say nothing. The name goes with his place, to whoever takes it over, and ends with it.
#include <algorithm>

#include "conf-bridge/core.hpp"
#include "conf-bridge/name_tape.hpp"

namespace confab::bridge {

bool Core::is_to_be_named(const Conference& conference, const Leg& leg) const {
    return !leg.naming && conference.rules.announce == Announce::names && conference.members.size() < kLargestTold;
}

void Core::ask_for_name(Turn turn, Leg& leg) {
    leg.naming.emplace();
    leg.entry.speak();
    tell(turn, leg, AttachLeg{leg.id, ++last_room_, leg.agreed->remote, format_of(*leg.agreed)});
    leg.attached = true;
    play(turn, leg, {PromptName::say_name, PromptName::tone_recording});
    arm(leg.id, Alarm::digits, turn.now.steady + kLongestAnnouncement);
}

void Core::record_name(Turn turn, Leg& leg) {
    auto& naming = *leg.naming;
    naming.step = Naming::Step::recording;
    naming.ends = turn.now.steady + config_.name_length;
    naming.spoke = naming.talks;
    auto tape = std::make_shared<NameTape>(format_of(*leg.agreed).codec.rate, config_.name_length);
    leg.said_name = NameTape::sound_of(tape);
    tell(turn, leg, RecordLeg{leg.id, std::move(tape)});
    arm(leg.id, Alarm::digits, naming.ends);
}

void Core::end_naming(Turn turn, Leg& leg) {
    auto& naming = *leg.naming;
    naming.step = Naming::Step::over;
    if (!naming.spoke) leg.said_name = nullptr;
    disarm(leg.id, Alarm::digits);
    tell(turn, leg, RecordLeg{leg.id, nullptr});
    join(turn, leg);
}

void Core::on_naming_due(Turn turn, Leg& leg) { leg.naming->step == Naming::Step::asked ? record_name(turn, leg) : end_naming(turn, leg); }

// A pause ends the name, and so does the hash key.
bool Core::on_naming(Turn turn, Leg& leg, const MediaEvent& event) {
    auto& naming = *leg.naming;
    switch (event.kind) {
        case MediaEvent::Kind::prompt_ended:
            if (naming.step == Naming::Step::asked) record_name(turn, leg);
            return true;
        case MediaEvent::Kind::talking:
        case MediaEvent::Kind::silent:
            naming.talks = event.kind == MediaEvent::Kind::talking;
            if (naming.step != Naming::Step::recording) return true;
            naming.spoke = naming.spoke || naming.talks;
            arm(leg.id, Alarm::digits, naming.talks ? naming.ends : std::min(naming.ends, turn.now.steady + config_.name_pause));
            return true;
        default: return false;
    }
}

}  // namespace confab::bridge
