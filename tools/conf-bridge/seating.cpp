// From what a caller gives to a seat: the entry machine's states turned into questions, answers, prompts and codes.
#include <algorithm>

#include "conf-bridge/core.hpp"

namespace confab::bridge {
namespace {

std::int64_t seconds(base::WallTime time) { return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count(); }

}  // namespace

// Who withholds his identity counts by the address that he calls from.
std::string_view Core::caller_of(const Leg& leg, std::string& scratch) const {
    if (!leg.identity.empty()) return leg.identity;
    scratch = leg.source.peer.ip.text();
    return scratch;
}

void Core::begin_entry(Turn turn, Leg& leg) {
    std::string scratch;
    if (!attempts_.is_barred(turn.now.steady, caller_of(leg, scratch), config_.misses))
        return resolve(turn, leg, std::exchange(leg.given.passcode, {}));
    leg.entry.refuse(Refusal::attempts);
    refuse_entry(turn, leg);
}

// A passcode that nobody can have is wrong, and the directory need not see it; an empty question still tells whether the number is known.
void Core::resolve(Turn turn, Leg& leg, std::string passcode) {
    const bool given = !passcode.empty();
    if (passcode.size() > config_.passcode_length) passcode.clear();
    const auto id = ++last_question_;
    questions_.emplace(id, Pending{leg.id, given});
    turn.effects.ask.push_back({id, "resolve", local::Value::object({{"number", leg.number}, {"passcode", std::move(passcode)}})});
}

Verdict Core::judge(const Answer& answer, bool passcode_given) const {
    if (!answer) return Verdict::unavailable;
    if (answer->flag("valid")) return answer->text("conference").empty() ? Verdict::unavailable : Verdict::right;
    if (!answer->flag("passcode_required")) return Verdict::unknown;
    return passcode_given ? Verdict::wrong : Verdict::missing;
}

// The caller's wish goes before the number's and the conference's language, and those before the operator's.
void Core::choose_language(Leg& leg, std::string_view directory) const {
    for (const std::string_view wish : {std::string_view(leg.given.language), directory, std::string_view(config_.language)}) {
        leg.language = language_of(wish, config_.languages);
        if (leg.language < config_.languages.size()) return;
    }
    leg.language = 0;
}

Surroundings Core::surroundings(Turn turn, const Leg& leg) {
    Surroundings around{.now = seconds(turn.now.wall)};
    const auto* conference = leg.found ? find_conference(leg.found->text("conference")) : find_conference(leg.conference);
    around.running = conference != nullptr;
    around.busy = !conference && (leg.found ? lacks_room(leg, *leg.found) : !takes_rooms());
    if (!conference) return around;
    around.security_code = conference->rules.security_code;
    around.hosted = is_hosted(*conference);
    around.locked = conference->locked;
    around.full = conference->seats.size() >= conference->max_members;
    return around;
}

bool Core::takes_rooms() const { return !draining_ && !is_overloaded() && conferences_.size() < config_.conferences; }

// Its own number, or one by which a member came: whoever dials it most likely wants what others reached by it.
bool Core::is_running(std::string_view number) const { return conferences_.contains(number) || dialled_.contains(number); }

void Core::count_dialled(const Leg& leg) { ++dialled_[leg.number]; }

void Core::uncount_dialled(const Leg& leg) {
    if (const auto found = dialled_.find(leg.number); found != dialled_.end() && --found->second == 0) dialled_.erase(found);
}

// A bridge that sends the caller on needs no room for him.
bool Core::lacks_room(const Leg& leg, const local::Value& found) const { return !takes_rooms() && !elsewhere(leg, found); }

void Core::on_resolved(Turn turn, Leg& leg, const Answer& answer, bool passcode_given) {
    const auto verdict = judge(answer, passcode_given);
    if (answer) choose_language(leg, answer->text("language"));
    if (verdict == Verdict::missing && !is_running(leg.number) && lacks_room(leg, *answer)) leg.entry.refuse(Refusal::busy);
    if (verdict == Verdict::right) leg.found = *answer;
    leg.entry.resolved(verdict, verdict == Verdict::right ? Terms::of(*answer) : Terms{}, leg.given, surroundings(turn, leg), config_);
    if (auto home = home_for(leg, answer)) return send_home(turn, leg, std::move(*home));
    proceed(turn, leg);
}

void Core::note_miss(Turn turn, Leg& leg) {
    if (!leg.entry.missed()) return;
    std::string scratch;
    const auto caller = caller_of(leg, scratch);
    counters_.add(Metric::refused_passcode);
    attempts_.miss(turn.now.steady, caller, config_.misses_window);
    if (attempts_.is_barred(turn.now.steady, caller, config_.misses)) leg.entry.refuse(Refusal::attempts);
}

void Core::proceed(Turn turn, Leg& leg) {
    note_miss(turn, leg);
    const bool answered = leg.is_confirmed();
    if (leg.entry.state() == EntryState::refused) {
        if (!answered) return refuse_entry(turn, leg);
        count_refusal(leg.entry.refusal());
        return turn_away(turn, leg, *leg.entry.prompt(), farewell_for(leg.entry.refusal()));
    }
    if (leg.entry.wants_keys()) return answered ? ask_for_keys(turn, leg) : ask_for_media(turn, leg);
    take_seat(turn, leg);
    answered ? move_or_join(turn, leg) : ask_for_media(turn, leg);
}

void Core::take_seat(Turn turn, Leg& leg) {
    const auto found = *std::exchange(leg.found, std::nullopt);
    const std::string number(found.text("conference"));
    auto* known = find_conference(number);
    auto& conference = known ? *known : open_conference(turn, leg, number, found);
    conference.seats.insert(leg.id);
    leg.conference = number;
    leg.host = leg.entry.is_host();
    leg.waiting = leg.entry.waits();
    if (leg.host && !leg.given.security_code.empty()) conference.rules.security_code = leg.given.security_code;
    leg.given.leader_pin.clear();
    leg.given.security_code.clear();
}

Conference& Core::open_conference(Turn turn, const Leg& leg, const std::string& number, const local::Value& found) {
    Conference conference;
    conference.number = number;
    conference.name = found.text("name");
    const auto most = found.integer("max_members");
    constexpr auto kRoom = static_cast<std::int64_t>(media::Room::kMaxLegs);
    conference.max_members = most > 0 ? static_cast<std::uint32_t>(std::min(most, kRoom)) : config_.members;
    conference.rules = HouseRules::of(found, config_);
    const auto language = language_of(found.text("language"), config_.languages);
    conference.rules.language = language < config_.languages.size() ? language : leg.language;
    conference.room = ++last_room_;
    conference.thread = leg.has_media && used_[leg.thread] < config_.load_limit ? leg.thread : least_loaded();
    conference.started = turn.now.wall;
    publish(turn, "conference-started", conference);
    return conferences_.emplace(number, std::move(conference)).first->second;
}

void Core::refuse_entry(Turn turn, Leg& leg) {
    count_refusal(leg.entry.refusal());
    auto answer = refusal_of(leg.entry.refusal());
    const bool is_heard = answer.status >= 400 && answer.status != 404;
    refuse(turn, leg, std::move(answer), is_heard ? leg.entry.prompt() : std::nullopt);
}

FinalAnswer Core::refusal_of(Refusal refusal) const {
    if (refusal == Refusal::unavailable || refusal == Refusal::busy) return {503, retry_after()};
    if (refusal == Refusal::passcode && config_.wrong_passcode == WrongPasscode::route)
        return {302, "Contact: <" + config_.operator_uri + ">\r\n"};
    const auto farewell = farewell_for(refusal);
    return {farewell.cause, {}, std::string(farewell.text)};
}

// An answered call cannot be routed elsewhere by its refusal.
Farewell Core::farewell_for(Refusal refusal) const {
    const auto with = [](std::uint32_t code, std::string_view text) { return Farewell{static_cast<int>(code), text}; };
    switch (refusal) {
        case Refusal::unknown: return {404, "Not Found"};
        case Refusal::passcode: return with(config_.wrong_passcode_code, "Wrong Passcode");
        case Refusal::pin: return with(config_.wrong_passcode_code, "Wrong Leader PIN");
        case Refusal::code: return with(config_.wrong_passcode_code, "Wrong Security Code");
        case Refusal::attempts: return with(config_.wrong_passcode_code, "Too Many Wrong Codes");
        case Refusal::full: return with(config_.full_code, "Conference Full");
        case Refusal::locked: return with(config_.locked_code, "Conference Locked");
        case Refusal::not_started: return with(config_.not_started_code, "Conference Not Started");
        case Refusal::ended: return with(config_.ended_code, "Conference Over");
        case Refusal::busy: return {503, "No New Conferences"};
        default: return kNoDirectory;
    }
}

// Wrong codes were counted when they came.
void Core::count_refusal(Refusal refusal) {
    switch (refusal) {
        case Refusal::unknown: return counters_.add(Metric::refused_unknown);
        case Refusal::attempts: return counters_.add(Metric::refused_attempts);
        case Refusal::not_started:
        case Refusal::ended: return counters_.add(Metric::refused_time);
        case Refusal::full: return counters_.add(Metric::refused_full);
        case Refusal::locked: return counters_.add(Metric::refused_locked);
        case Refusal::busy: return counters_.add(Metric::overloaded);
        default: return;
    }
}

void Core::ask_for_keys(Turn turn, Leg& leg) {
    leg.digits.clear();
    play(turn, leg, {*leg.entry.prompt()});
    arm(leg.id, Alarm::digits, turn.now.steady + config_.digit_timeout);
}

// One more than a code may have makes it wrong: the rest is not kept, and buys no more time, or who goes on keying stayed for ever.
void Core::key(Turn turn, Leg& leg, char digit) {
    if (digit == '#') return submit(turn, leg);
    if (leg.digits.size() > config_.passcode_length) return;
    leg.digits += digit;
    play(turn, leg, {});
    arm(leg.id, Alarm::digits, turn.now.steady + config_.digit_timeout);
}

void Core::submit(Turn turn, Leg& leg) {
    disarm(leg.id, Alarm::digits);
    auto digits = std::exchange(leg.digits, {});
    const bool fits = !digits.empty() && digits.size() <= config_.passcode_length;
    if (leg.entry.state() == EntryState::passcode && fits) {
        leg.entry.submitted();
        return resolve(turn, leg, std::move(digits));
    }
    leg.entry.keyed(digits, leg.given, surroundings(turn, leg), config_);
    if (!leg.waiting) return proceed(turn, leg);
    if (leg.entry.waits()) note_miss(turn, leg);
    if (leg.entry.state() == EntryState::refused) return turn_away(turn, leg, *leg.entry.prompt(), farewell_for(leg.entry.refusal()));
    if (leg.entry.waits()) return wait(turn, leg);
    set_host(turn, leg, true);
}

void Core::on_digit_timeout(Turn turn, Leg& leg) {
    if (leg.farewell) return hang_up(turn, leg, *leg.farewell);
    if (leg.is_naming()) return on_naming_due(turn, leg);
    if (leg.entry.wants_keys()) return submit(turn, leg);
    if (!leg.waiting) return choose(turn, leg, leg.menu.timed_out(menu_for(config_.menus, leg.host)));
    if (turn.now.steady >= leg.wait_ends) return turn_away(turn, leg, PromptName::not_admitted, kNotAdmitted);
    submit(turn, leg);
}

// Between the seat and the room a host may have come. Who got a seat another way needs no entry.
void Core::settle_in(Turn turn, Leg& leg) {
    if (leg.waiting && leg.entry.state() == EntryState::waiting && is_hosted(*find_conference(leg.conference))) {
        leg.waiting = false;
        tell(turn, leg, AdmitLeg{leg.id});
    }
    leg.wait_ends = turn.now.steady + config_.host_wait;
    if (!leg.waiting) leg.entry.let_in();
}

void Core::wait(Turn turn, Leg& leg) {
    leg.hears_music = false;
    play(turn, leg, {*leg.entry.prompt()});
    arm(leg.id, Alarm::digits, leg.wait_ends);
}

void Core::greet(Turn turn, Leg& leg) {
    leg.entry.let_in();
    disarm(leg.id, Alarm::digits);
    std::vector<PromptName> prompts;
    if (const auto prompt = leg.entry.prompt()) prompts.push_back(*prompt);
    if (config_.recording_announce && find_conference(leg.conference)->recording.is_on()) prompts.push_back(PromptName::recording_on);
    if (config_.announce_count)
        tell_count(turn, leg, std::move(prompts));
    else if (!prompts.empty())
        play(turn, leg, std::move(prompts));
    auto& conference = *find_conference(leg.conference);
    announce(turn, conference, leg, PromptName::tone_in, PromptName::member_joined);
    if (leg.host) host_came(turn, conference);
}

// To those inside, in the conference's language.
void Core::announce(Turn turn, const Conference& conference, const Leg& about, PromptName tone, PromptName words) {
    const auto& rules = conference.rules;
    if (rules.announce == Announce::none || conference.members.size() > kLargestTold) return;
    if (rules.announce == Announce::names) {
        const auto prompt = !about.said_name ? words : words == PromptName::member_joined ? PromptName::has_joined : PromptName::has_left;
        return tell(turn, about, AnnouncePrompt{conference.room, rules.language, prompt, about.said_name});
    }
    for (const auto& [member, id] : conference.members) {
        const Leg* leg = find(id);
        if (!leg || leg == &about || leg->waiting || leg->farewell) continue;
        tell(turn, *leg, PlayPrompt{id, rules.language, {rules.announce == Announce::tone ? tone : words}});
    }
}

bool Core::is_hosted(const Conference& conference) {
    return std::ranges::any_of(conference.members, [this](const auto& entry) {
        const Leg* leg = find(entry.second);
        return leg && leg->host && !leg->waiting;
    });
}

// To the lobby: with a telephone alone a host learns of it in no other way, whatever `announce` says of those who come in.
void Core::call_hosts(Turn turn, const Conference& conference) {
    for (const auto& [member, id] : conference.members)
        if (const Leg* leg = find(id); leg && leg->host && !leg->waiting && !leg->farewell)
            tell(turn, *leg, PlayPrompt{id, conference.rules.language, {PromptName::somebody_waits}});
}

void Core::host_came(Turn turn, Conference& conference) {
    for (const auto& [member, id] : conference.members)
        if (Leg* leg = find(id); leg && leg->entry.state() == EntryState::waiting) admit(turn, *leg);
}

// Those who wait go too: nobody is left who could let them in.
void Core::host_went(Turn turn, Conference& conference) {
    if (conference.rules.host_leaves == HostLeaves::keep || is_hosted(conference)) return;
    const auto seats = conference.seats;  // the conference goes with its last
    for (const auto id : seats) {
        Leg* leg = find(id);
        if (!leg || leg->farewell) continue;
        if (leg->member != 0)
            turn_away(turn, *leg, PromptName::conference_ends, kConferenceEnded);
        else
            hang_up(turn, *leg, kConferenceEnded);
    }
}

// The caller hears why, then BYE follows; the alarm is for prompts that do not end.
void Core::turn_away(Turn turn, Leg& leg, PromptName prompt, Farewell farewell) {
    leg.farewell = farewell;
    play(turn, leg, {prompt});
    arm(leg.id, Alarm::digits, turn.now.steady + config_.digit_timeout);
}

void Core::on_prompt_ended(Turn turn, Leg& leg) {
    if (leg.farewell) return hang_up(turn, leg, *leg.farewell);
    if (leg.outgoing.confirming) return play(turn, leg, {PromptName::press_one});  // a voicemail's greeting may have drowned it
    if (!leg.waiting) return;
    leg.hears_music = !leg.hears_music;
    play(turn, leg, {leg.hears_music ? PromptName::music : *leg.entry.prompt()});
}

}  // namespace confab::bridge
