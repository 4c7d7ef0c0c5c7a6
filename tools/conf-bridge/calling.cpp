// Calls that we make (RFC 3261 §13.2 as the caller): from a wish to have somebody here until he is in, or is not to be had.
#include "conf-bridge/core.hpp"

namespace confab::bridge {
namespace {

constexpr char kJoinKey = '1';

std::string name_addr(std::string_view display, std::string_view uri) {
    std::string out;
    if (!display.empty()) {
        out += '"';
        for (const char c : display) {
            if (c == '"' || c == '\\') out += '\\';
            if (static_cast<unsigned char>(c) >= ' ' && c != 0x7f) out += c;
        }
        out += "\" ";
    }
    return out.append("<").append(uri).append(">");
}

}  // namespace

Core::Dialled Core::dial(Turn turn, const Conference& conference, DialOrder order) {
    if (order.by && !order.by->host) return std::unexpected(local::Failure{"not-host", "only a host may have people called"});
    const bool checks_number = order.by_refer && config_.refer_scope == ReferScope::inside;
    auto target = dial_target(config_, order.target, checks_number);
    if (!target) return std::unexpected(target.error());
    const std::string user = order.by ? order.by->identity : std::string();
    if (draining_) return std::unexpected(local::Failure{"draining", "this bridge takes no new calls"});
    if (conference.seats.size() >= conference.max_members)
        return std::unexpected(local::Failure{"conference-full", "the conference has all its members"});
    if (auto room = outbound_.book.room_for(config_, conference.number, user, turn.now.wall); !room) return std::unexpected(room.error());
    counters_.add(Metric::dials);
    Dial& dial = outbound_.book.add({.conference = conference.number,
                                     .name = std::move(order.name),
                                     .target = std::move(*target),
                                     .authoriser = order.by ? shown(*order.by) : "operator",
                                     .user = user,
                                     .referred_by = std::move(order.referred_by),
                                     .referrer = std::move(order.referrer),
                                     .since = turn.now.wall});
    publish(turn, dial);
    const auto id = dial.id;
    if (checks_number && !dial.target.number.empty()) {
        dial.is_checked = false;
        const auto question = ++last_question_;
        questions_.emplace(question, Pending{.leg = {}, .dial = id});
        turn.effects.ask.push_back({question, "resolve", local::Value::object({{"number", dial.target.number}, {"passcode", ""}})});
    }
    start_dials(turn);
    return id;
}

// A REFER may only reach conferences and users: a number that the directory does not know is neither.
void Core::on_number_checked(Turn turn, std::uint32_t id, const Answer& answer) {
    Dial* dial = outbound_.book.find(id);
    if (!dial) return;
    dial->is_checked = true;
    if (answer && (answer->flag("valid") || answer->flag("passcode_required"))) return start_dials(turn);
    settle(turn, *dial, DialState::failed, answer ? 403 : 503);
}

void Core::start_dials(Turn turn) {
    while (Dial* dial = outbound_.book.next(config_)) start_call(turn, *dial);
}

void Core::start_call(Turn turn, Dial& dial) {
    auto* found = find_conference(dial.conference);
    if (!found) return settle(turn, dial, DialState::failed, 487);
    if (config_.dial_out == Switch::off) return settle(turn, dial, DialState::failed, 403);  // a reload has forbidden it
    auto& conference = *found;
    if (!outbound_.book.count_call(config_, dial.user, turn.now.wall)) return settle(turn, dial, DialState::failed, 403);
    if (conference.seats.size() >= conference.max_members) return settle(turn, dial, DialState::failed, 486);
    if (draining_ || legs_.size() >= config_.legs) return settle(turn, dial, DialState::failed, 503);
    auto owned = std::make_unique<Leg>();
    Leg& leg = *owned;
    leg.id = {++last_leg_};
    leg.outgoing.dial = dial.id;
    leg.outgoing.authoriser = dial.user.empty() ? dial.authoriser : dial.user;  // a record names who withheld his identity too
    leg.number = leg.conference = conference.number;
    leg.language = conference.rules.language;
    leg.name = dial.name;
    leg.identity = sip::address_key(*sip::parse_uri(dial.target.uri)).value_or(dial.target.uri);
    leg.session_id = random_.next() >> 2;
    if (config_.srtp != SrtpUse::off) leg.cryptos = make_cryptos(random_);
    leg.session_version = 1;
    address_call(leg, dial, conference);
    dial.leg = leg.id;
    ++dial.attempt;
    legs_.emplace(leg.id.value, std::move(owned));
    by_tag_.emplace(leg.dialog.id.local_tag, leg.id);
    conference.seats.insert(leg.id);
    if (!config_.call_log.empty()) records_.dialled(leg, turn.effects.records);
    advance(turn, dial, DialState::dialing);
    ask_for_media(turn, leg);
}

void Core::address_call(Leg& leg, const Dial& dial, const Conference& conference) {
    auto& dialog = leg.dialog;
    dialog.hop = call_hop();
    dialog.id = {random_.token(2 * kTagLength), random_.token(kTagLength), {}};
    const auto own = "sip:" + conference.number + '@' + config_.dial_domains.front();
    dialog.local = name_addr(conference.name, own) + ";tag=" + dialog.id.local_tag;
    dialog.remote = name_addr(dial.name, dial.target.uri);
    dialog.remote_target = dial.target.uri;
    sip::Uri self;
    self.user = conference.number;
    leg.source = dialog.hop;
    leg.contact = contact_for(dialog.hop, self);
}

void Core::call(Turn turn, Leg& leg) {
    const Dial* dial = outbound_.book.find(leg.outgoing.dial);
    leg.description = sdp::offer(local_media(leg, true));
    leg.stage = Leg::Stage::calling;
    std::string headers = capability_lines();
    leg.timer.append_request(headers, timer_policy());
    if (dial && !dial->referred_by.empty()) headers += "Referred-By: " + dial->referred_by + "\r\n";
    leg.outgoing.client = send_request(turn, leg, sip::Method::invite, Errand::call, headers, "application/sdp", leg.description->text());
    arm(leg.id, Alarm::ring, turn.now.steady + config_.ring_timeout);
}

// A response of a call, or the lack of one. What a leg that is gone left behind is ended, so that nobody talks to nobody.
void Core::on_call_response(Turn turn, Leg* leg, const sip::Event& event) {
    if (event.kind != sip::Event::Kind::response) {
        if (leg && !leg->is_confirmed()) end_call(turn, *leg, DialState::failed, event.kind == sip::Event::Kind::timeout ? 408 : 503);
        return;
    }
    if (message_.status / 100 == 2) return on_call_answered(turn, leg);
    if (!leg || leg->is_confirmed()) return;
    if (message_.status == 422 && !leg->farewell && leg->timer.lengthen(message_, timer_policy())) return call(turn, *leg);
    if (message_.status >= 300) return end_call(turn, *leg, outcome_of(message_.status), message_.status);
    Dial* dial = outbound_.book.of_leg(leg->id);
    if (dial && message_.status > 100 && dial->state == DialState::dialing) advance(turn, *dial, DialState::ringing);
}

void Core::on_call_answered(Turn turn, Leg* leg) {
    auto dialog = sip::Dialog::establish(message_, message_, leg ? leg->dialog.hop : call_hop());
    if (leg && leg->is_confirmed() && leg->dialog.id.remote_tag == message_.to_tag)
        return acknowledge(turn, leg->dialog);  // our ACK was lost
    if (!dialog) return leg && !leg->is_confirmed() ? end_call(turn, *leg, DialState::failed, 502) : void();
    acknowledge(turn, *dialog);
    if (!leg || leg->is_confirmed()) return say_bye(turn, *dialog, kHungUp);  // another fork answered too, or too late
    leg->dialog = std::move(*dialog);
    leg->stage = Leg::Stage::confirmed;
    if (!config_.call_log.empty()) records_.answered(turn.now, *leg, turn.effects.records);
    disarm(leg->id, Alarm::ring);
    leg->timer.succeed(message_, timer_policy(), turn.now, random_);
    arm_session(*leg);
    if (leg->farewell) return hang_up(turn, *leg, *leg->farewell);  // CANCEL came too late (§9.1)
    if (!take_answer(*leg)) {
        counters_.add(Metric::refused_media);
        leg->outgoing.code = 488;
        return hang_up(turn, *leg, kBadAnswer);
    }
    Dial* dial = outbound_.book.of_leg(leg->id);
    if (config_.dial_confirm == Switch::off || !dial) return connect(turn, *leg);
    ask_to_confirm(turn, *leg, *dial);
}

void Core::ask_to_confirm(Turn turn, Leg& leg, Dial& dial) {
    leg.outgoing.confirming = true;
    advance(turn, dial, DialState::answered);
    tell(turn, leg, AttachLeg{leg.id, kLobby, leg.agreed->remote, format_of(*leg.agreed)});
    leg.attached = true;
    play(turn, leg, {PromptName::press_one});
    arm(leg.id, Alarm::ring, turn.now.steady + config_.dial_confirm_timeout);
}

void Core::on_confirm_digit(Turn turn, Leg& leg, char digit) {
    if (digit != kJoinKey) return;
    leg.outgoing.confirming = false;
    disarm(leg.id, Alarm::ring);
    connect(turn, leg);
}

void Core::connect(Turn turn, Leg& leg) {
    counters_.add(Metric::dials_connected);
    if (Dial* dial = outbound_.book.of_leg(leg.id)) advance(turn, *dial, DialState::connected);
    join(turn, leg);
    start_dials(turn);
}

void Core::on_ring_timeout(Turn turn, Leg& leg) {
    leg.outgoing.outcome = DialState::no_answer;
    leg.outgoing.code = 408;
    hang_up(turn, leg, leg.outgoing.confirming ? kNotConfirmed : kNoAnswer);
}

// The leg stays for the last word of the one called: a 200 that crosses the CANCEL must be acknowledged and ended.
void Core::cancel_call(Turn turn, Leg& leg, Farewell farewell) {
    if (leg.farewell) return;
    leg.farewell = farewell;
    disarm(leg.id, Alarm::ring);
    transactions_.cancel(turn.now, leg.outgoing.client, turn.effects.transmit);
    const auto outcome = leg.outgoing.outcome;
    const auto code = leg.outgoing.code;
    Dial* dial = outbound_.book.of_leg(leg.id);
    leave(turn, leg, farewell);
    if (dial) settle(turn, *dial, outcome, code != 0 ? code : 487);
}

void Core::end_call(Turn turn, Leg& leg, DialState outcome, int code) {
    leg.outgoing.outcome = outcome;
    leg.outgoing.code = code;
    release(turn, leg, leg.farewell.value_or(Farewell{code, state_name(outcome)}));
}

// A called leg is gone, whichever way: one that was connected is told as `left`.
void Core::on_call_over(Turn turn, std::uint32_t id, media::LegId leg, DialState outcome, int code) {
    Dial* dial = outbound_.book.find(id);
    if (!dial || dial->leg != leg) return;
    if (dial->state != DialState::connected) return settle(turn, *dial, outcome, code);
    outbound_.book.erase(id);
}

void Core::advance(Turn turn, Dial& dial, DialState state) {
    dial.state = state;
    publish(turn, dial);
    if (dial.referrer && state == DialState::ringing) report(turn, *dial.referrer, 180, false);
    if (dial.referrer && state == DialState::connected) report(turn, *dial.referrer, 200, true);
}

// The next one waits for an alarm that is due at once, since whoever settles this one may be in the midst of ending its conference.
void Core::settle(Turn turn, Dial& dial, DialState state, int code) {
    const bool repeats = may_repeat(state) && dial.attempt <= config_.dial_retries && find_conference(dial.conference) && !draining_;
    const auto id = dial.id;
    dial.code = code;
    dial.leg = {};
    advance(turn, dial, state);
    arm({}, Alarm::redial, turn.now.steady);
    if (repeats) return arm({id}, Alarm::redial, turn.now.steady + config_.dial_retry_after);
    counters_.add(Metric::dials_failed);
    if (dial.referrer) report(turn, *dial.referrer, code, true);
    disarm({id}, Alarm::redial);
    outbound_.book.erase(id);
}

void Core::on_redial(Turn turn, std::uint32_t id) {
    Dial* dial = outbound_.book.find(id);
    if (dial && may_repeat(dial->state)) advance(turn, *dial, DialState::queued);
    start_dials(turn);
}

void Core::end_dials(Turn turn, std::string_view number) {
    std::vector<std::uint32_t> waiting;
    for (const auto& [id, dial] : outbound_.book.all())
        if (dial.conference == number && dial.leg.value == 0) waiting.push_back(id);
    for (const auto id : waiting) settle(turn, *outbound_.book.find(id), DialState::failed, 487);
}

sip::Hop Core::call_hop() const {
    const auto& proxy = config_.outbound_proxy;
    return {proxy.transport == "tcp" ? sip::Transport::tcp : sip::Transport::udp, proxy.address, {}, sip::kAnyListener};
}

// Short numbers too: they were dialled as such.
std::string Core::shown(const Dial& dial) const {
    return config_.mask_numbers && !dial.target.number.empty() ? std::string("anonymous") : dial.target.uri;
}

local::Value Core::row_of(const Dial& dial) const {
    return local::Value::object({{"dial", dial.id},
                                 {"conference", dial.conference},
                                 {"target", shown(dial)},
                                 {"name", says_number(dial.name) ? std::string_view() : std::string_view(dial.name)},
                                 {"state", state_name(dial.state)},
                                 {"code", dial.code},
                                 {"attempt", dial.attempt},
                                 {"authoriser", dial.authoriser},
                                 {"since", time_text(dial.since)}});
}

void Core::publish(Turn turn, const Dial& dial) const { turn.effects.publish.push_back({"dial", row_of(dial)}); }

Core::Outcome Core::command_dial(Turn turn, const local::Value& arguments) {
    const auto* conference = find_conference(arguments.text("conference"));
    if (!conference)
        return std::unexpected(
            local::Failure{"no-such-conference", "conference " + std::string(arguments.text("conference")) + " is not running here"});
    DialOrder order{.target = std::string(arguments.text("target")), .name = std::string(arguments.text("name"))};
    if (order.name.size() > kLongestDialName) return std::unexpected(local::Failure{"bad-name", "a name has at most 128 octets"});
    if (const auto by = arguments.integer("by"); by != 0) {
        const auto host = find_member(conference->number, by);
        if (!host) return std::unexpected(host.error());
        if (!*host) return std::unexpected(local::Failure{"no-such-member", "the member has left"});
        order.by = *host;
    }
    const auto id = dial(turn, *conference, std::move(order));
    if (!id) {
        counters_.add(Metric::dials_refused);
        return std::unexpected(id.error());
    }
    return Reply{local::Value::object({{"changed", true}, {"dial", *id}}), {}};
}

Core::Outcome Core::dials() const {
    Reply reply;
    for (const auto& [id, dial] : outbound_.book.all()) reply.rows.push_back(row_of(dial));
    return reply;
}

Core::Outcome Core::hang_up_dial(Turn turn, std::int64_t id) {
    Dial* dial = id > 0 && id <= UINT32_MAX ? outbound_.book.find(static_cast<std::uint32_t>(id)) : nullptr;
    if (!dial) return Reply{local::Value::object({{"changed", false}}), {}};
    Leg* leg = dial->leg.value != 0 ? find(dial->leg) : nullptr;
    if (leg) {
        leg->outgoing.code = 487;
        hang_up(turn, *leg, kKicked);
    } else {
        settle(turn, *dial, DialState::failed, 487);
    }
    return Reply{local::Value::object({{"changed", true}}), {}};
}

}  // namespace confab::bridge
