// The dialog of a leg once it is answered: offers and answers (RFC 3264), ACK, re-INVITE, UPDATE, INFO, BYE.
#include <algorithm>

#include "conf-bridge/capabilities.hpp"
#include "conf-bridge/core.hpp"

namespace confab::bridge {
namespace {

constexpr std::string_view kSdp = "application/sdp";

std::string media_type(std::string_view content_type) { return base::to_lower(base::trim(content_type.substr(0, content_type.find(';')))); }

// `Signal=5` of application/dtmf-relay, or the bare digit of application/dtmf.
std::optional<char> keyed_digit(std::string_view type, std::string_view body) {
    std::string_view text = base::trim(body);
    if (type == "application/dtmf-relay") {
        text = {};
        for (auto line : base::split(body, '\n'))
            if (base::istarts_with(base::trim(line), "signal")) text = base::trim(base::trim(line).substr(6));
        if (!text.starts_with('=')) return std::nullopt;
        text = base::trim(text.substr(1));
    }
    if (text.size() != 1 || !media::event_of(text.front())) return std::nullopt;
    return text.front();
}

}  // namespace

// An offer of ours has SRTP only where it must, or where it is in use.
sdp::LocalMedia Core::local_media(const Leg& leg, bool is_offer) const {
    auto local = capabilities(config_, leg.agreed);
    local.rtp = leg.local;
    const bool in_use = leg.agreed && leg.agreed->local_crypto;
    if (!is_offer || in_use || config_.srtp == SrtpUse::required) local.cryptos = leg.cryptos;
    local.session_id = leg.session_id;
    local.session_version = leg.session_version;
    return local;
}

media::LegFormat Core::format_of(const sdp::Agreed& agreed) const { return bridge::format_of(agreed, config_); }

// The unspecified address asks for nothing to be sent, in either family.
bool Core::is_reachable(const base::IpAddress& remote) const { return remote.family == config_.media_address.family || remote.is_unspecified(); }

std::expected<sdp::Answered, int> Core::answer_offer(const Leg& leg, std::string_view body) const {
    const auto offer = sdp::Session::parse(body);
    if (!offer) return std::unexpected(400);
    auto answered = sdp::answer(*offer, local_media(leg, false), config_.srtp == SrtpUse::required);
    if (!answered) return std::unexpected(answered.error() == sdp::Refusal::malformed ? 400 : 488);
    if (!is_reachable(answered->agreed.remote.ip)) return std::unexpected(488);
    return std::move(*answered);
}

std::expected<Core::Proposal, int> Core::describe(Leg& leg) {
    sdp::Session session;
    const bool is_offer = message_.body.empty();
    if (is_offer) {
        session = sdp::offer(local_media(leg, true), leg.description ? &*leg.description : nullptr);
    } else {
        auto answered = answer_offer(leg, message_.body);
        if (!answered) return std::unexpected(answered.error());
        session = std::move(answered->answer);
        leg.agreed = std::move(answered->agreed);
    }
    // RFC 3264 §8: the version counts changes.
    if (leg.description && session.text() != leg.description->text()) session.version = ++leg.session_version;
    leg.description = std::move(session);
    return Proposal{leg.description->text(), is_offer};
}

void Core::compose_success(std::string& out, const Leg& leg, const sip::Hop& source, std::string_view body) const {
    std::string headers = "Contact: " + leg.contact + "\r\n" + service_lines();
    leg.timer.append_answer(headers);
    sip::ResponseParts parts;
    parts.to_tag = leg.dialog.id.local_tag;
    parts.headers = headers;
    if (!body.empty()) parts.content_type = kSdp;
    parts.body = body;
    sip::append_response(out, message_, source, parts);
}

void Core::accept(Turn turn, Leg& leg, sip::ServerId server, const sip::Hop& source, const Proposal& proposal) {
    UnacknowledgedAnswer answer;
    answer.server = server;
    answer.cseq = message_.cseq;
    answer.interval = timers_.t1;
    answer.is_offer = proposal.is_offer;
    leg.timer.answer(message_, timer_policy(), turn.now, random_);
    compose_success(answer.bytes, leg, source, proposal.body);
    transactions_.respond(turn.now, server, answer.bytes, turn.effects.transmit);
    leg.unacknowledged = std::move(answer);
    arm(leg.id, Alarm::retransmit, turn.now.steady + timers_.t1);
    arm(leg.id, Alarm::no_ack, turn.now.steady + timers_.b());
    arm_session(leg);
}

void Core::on_ack(Turn turn) {
    Leg* leg = find_dialog();
    if (!leg || !leg->unacknowledged || leg->unacknowledged->cseq != message_.cseq) return;
    const bool needs_answer = leg->unacknowledged->is_offer;
    leg->unacknowledged.reset();
    disarm(leg->id, Alarm::retransmit);
    disarm(leg->id, Alarm::no_ack);
    const bool is_first = leg->stage == Leg::Stage::answered;
    leg->stage = Leg::Stage::confirmed;
    if (leg->farewell && is_first) return hang_up(turn, *leg, *leg->farewell);
    if (needs_answer && !take_answer(*leg)) {
        counters_.add(Metric::refused_media);
        return hang_up(turn, *leg, kBadAnswer);
    }
    if (is_first) return take_over(turn, *leg);
    use_agreement(turn, *leg);
}

bool Core::take_answer(Leg& leg) {
    const auto session = sdp::Session::parse(message_.body);
    if (!session) return false;
    auto agreed = sdp::read_answer(*leg.description, local_media(leg, true), *session);
    if (!agreed || !is_reachable(agreed->remote.ip)) return false;
    leg.agreed = std::move(*agreed);
    return true;
}

void Core::on_in_dialog(Turn turn, sip::ServerId server, const sip::Hop& source) {
    Leg* leg = find_dialog();
    if (!leg) return reply(turn, server, source, 481);
    if (!leg->dialog.receive(message_)) return reply(turn, server, source, 500);
    switch (message_.method) {
        case sip::Method::invite: return on_reinvite(turn, *leg, server, source);
        case sip::Method::update: return on_update(turn, *leg, server, source);
        case sip::Method::info: return on_info(turn, *leg, server, source);
        case sip::Method::refer: return on_refer(turn, server, source, leg);
        case sip::Method::notify: return on_notify(turn, *leg, server, source);
        case sip::Method::message: return on_message(turn, server, source, leg);
        case sip::Method::prack: return on_prack(turn, *leg, server, source);
        case sip::Method::bye:
            reply(turn, server, source, 200);
            if (leg->stage < Leg::Stage::answered) reply_to(turn, *leg, 487);  // §15.1.2
            return release(turn, *leg, kHungUp);
        default: return reply(turn, server, source, 200, "Contact: " + leg->contact + "\r\n" + std::string(kAcceptLines) + service_lines());
    }
}

void Core::on_reinvite(Turn turn, Leg& leg, sip::ServerId server, const sip::Hop& source) {
    if (leg.stage < Leg::Stage::answered)  // §14.2
        return reply(turn, server, source, 500, "Retry-After: " + std::to_string(random_.below(11)) + "\r\n");
    if (leg.unacknowledged || (leg.own_request && leg.own_request->by_invite)) return reply(turn, server, source, 491);
    if (!admit_content(turn, server, source) || !admit_interval(turn, server, source)) return;
    const auto proposal = describe(leg);
    if (!proposal) {
        counters_.add(Metric::refused_media);
        return reply(turn, server, source, proposal.error());
    }
    accept(turn, leg, server, source, *proposal);
    if (!proposal->is_offer) use_agreement(turn, leg);
}

void Core::on_update(Turn turn, Leg& leg, sip::ServerId server, const sip::Hop& source) {
    std::string body;
    if (!admit_interval(turn, server, source) || !admit_content(turn, server, source)) return;
    if (!message_.body.empty()) {
        const bool is_glare = (leg.unacknowledged && leg.unacknowledged->is_offer) || (leg.own_request && leg.own_request->by_invite);
        if (is_glare) return reply(turn, server, source, 491);
        auto proposal = describe(leg);
        if (!proposal) {
            counters_.add(Metric::refused_media);
            return reply(turn, server, source, proposal.error());
        }
        body = std::move(proposal->body);
    }
    leg.timer.answer(message_, timer_policy(), turn.now, random_);
    arm_session(leg);
    scratch_.clear();
    compose_success(scratch_, leg, source, body);
    transactions_.respond(turn.now, server, scratch_, turn.effects.transmit);
    use_agreement(turn, leg);
}

void Core::on_info(Turn turn, Leg& leg, sip::ServerId server, const sip::Hop& source) {
    const auto type = media_type(message_.value(sip::HeaderName::content_type));
    const bool is_known = type == "application/dtmf-relay" || type == "application/dtmf";
    if (!message_.body.empty() && !is_known && !is_body_optional(message_))
        return reply(turn, server, source, 415, "Accept: application/dtmf-relay, application/dtmf\r\n");
    const auto digit = is_known ? keyed_digit(type, message_.body) : std::nullopt;
    reply(turn, server, source, 200);
    if (digit && leg.is_confirmed()) on_digit(turn, leg, *digit);
}

// Held takes effect at once, whichever way it came.
void Core::use_agreement(Turn turn, Leg& leg) {
    if (!leg.attached || !leg.agreed) return;
    tell(turn, leg, FormatLeg{leg.id, leg.agreed->remote, format_of(*leg.agreed)});
    set_held(turn, leg);
}

// §15: before its ACK a leg cannot be ended by BYE, so it only loses its place and ends with the ACK, or without one.
void Core::hang_up(Turn turn, Leg& leg, Farewell farewell) {
    switch (leg.stage) {
        case Leg::Stage::calling: return cancel_call(turn, leg, farewell);
        case Leg::Stage::resolving:
        case Leg::Stage::opening:
            if (leg.outgoing.dial != 0) break;
            reply_to(turn, leg, farewell.cause == 503 ? 503 : 480, farewell.cause == 503 ? retry_after() : std::string());
            break;
        case Leg::Stage::answered:
            leg.farewell = farewell;
            return leave(turn, leg, farewell);
        case Leg::Stage::confirmed: send_bye(turn, leg, farewell); break;
    }
    release(turn, leg, farewell);
}

void Core::send_bye(Turn turn, Leg& leg, Farewell farewell) { say_bye(turn, leg.dialog, farewell); }

void Core::release(Turn turn, Leg& leg, Farewell farewell) {
    records_.ended(turn.now, leg, farewell.text, turn.effects.records);
    leave(turn, leg, farewell);
    note(turn, base::Severity::info, leg, "leg ended reason=\"" + std::string(farewell.text) + "\"");
    if (leg.has_media) {
        tell(turn, leg, CloseLeg{leg.id});
        --load_[leg.thread];
    }
    for (const auto alarm : {Alarm::retransmit, Alarm::no_ack, Alarm::digits, Alarm::session, Alarm::ring, Alarm::referral, Alarm::move}) disarm(leg.id, alarm);
    by_tag_.erase(leg.dialog.id.local_tag);
    if (leg.is_confirmed()) ended_.add(leg.dialog.id.local_tag);
    by_server_.erase(leg.server);
    if (const auto call = by_call_.find(leg.call_key); call != by_call_.end() && call->second == leg.id) {
        const Leg* before = find(leg.replaced);
        before && before->call_key == leg.call_key ? void(call->second = before->id) : void(by_call_.erase(call));
    }
    const auto id = leg.id;
    const auto outgoing = leg.outgoing;
    legs_.erase(id.value);
    if (outgoing.dial != 0) on_call_over(turn, outgoing.dial, id, outgoing.outcome, outgoing.code != 0 ? outgoing.code : farewell.cause);
}

}  // namespace confab::bridge
