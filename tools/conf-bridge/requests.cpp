// Requests of ours within a dialog, and what becomes of them: BYE, and the refreshes of a session timer.
#include "conf-bridge/core.hpp"

namespace confab::bridge {
namespace {

constexpr unsigned kErrandBits = 8;

}  // namespace

sip::ClientId Core::send_request(Turn turn, Leg& leg, sip::Method method, Errand errand, std::string_view headers, std::string_view content_type,
                                 std::string_view body) {
    std::string branch;
    transactions_.append_branch(branch);
    scratch_.clear();
    leg.dialog.append_request(scratch_, method, branch, listener_of(leg.dialog.hop).visible().text(), leg.contact, headers, content_type, body);
    const auto user = (static_cast<std::uint64_t>(leg.id.value) << kErrandBits) | static_cast<std::uint64_t>(errand);
    return transactions_.request(turn.now, leg.dialog.hop, scratch_, user, turn.effects.transmit);
}

// What becomes of a BYE changes nothing: its leg is gone.
void Core::on_outcome(Turn turn, const sip::Event& event) {
    if (event.user >= kNotifyUser) {
        const bool is_answer = event.kind == sip::Event::Kind::response;
        if (!is_answer) return notifier_.answered(turn.now, event.user, 408);
        return notifier_.answered(turn.now, event.user, message_.status, message_.value(sip::HeaderName::retry_after));
    }
    Leg* leg = find({static_cast<std::uint32_t>(event.user >> kErrandBits)});
    const auto errand = static_cast<Errand>(event.user & ((1u << kErrandBits) - 1));
    if (errand == Errand::call) return on_call_response(turn, leg, event);
    if (errand == Errand::refer && leg) return on_refer_outcome(turn, *leg, event);
    if (errand != Errand::refresh || !leg) return;
    if (event.kind == sip::Event::Kind::timeout) return on_refresh_failed(turn, *leg, 408, nullptr);
    if (event.kind == sip::Event::Kind::unreachable) return on_refresh_failed(turn, *leg, 503, nullptr);
    if (message_.status < 200) return;
    if (message_.status < 300) return on_refreshed(turn, *leg);
    on_refresh_failed(turn, *leg, message_.status, &message_);
}

TimerPolicy Core::timer_policy() const { return {config_.session_timer, config_.session_expires, config_.min_se}; }

void Core::arm_session(Leg& leg) {
    if (const auto at = leg.timer.next()) arm(leg.id, Alarm::session, *at);
}

void Core::on_session_due(Turn turn, Leg& leg) {
    switch (leg.timer.take_due(turn.now)) {
        case SessionTimer::Due::nothing: break;
        case SessionTimer::Due::refresh: return refresh(turn, leg);
        case SessionTimer::Due::expire: counters_.add(Metric::expired_sessions); return hang_up(turn, leg, kNotRefreshed);
    }
    arm_session(leg);
}

// By UPDATE, which disturbs nobody, where the peer has it; otherwise by an INVITE that offers what is in force.
void Core::refresh(Turn turn, Leg& leg) {
    if (leg.own_request || leg.unacknowledged || !leg.is_confirmed()) {
        leg.timer.postpone(leg.outgoing.dial != 0, turn.now, random_);
        return arm_session(leg);
    }
    counters_.add(Metric::refreshes);
    const bool by_invite = !leg.timer.peer_updates();
    std::string headers = capability_lines();
    leg.timer.append_request(headers, timer_policy());
    if (by_invite)
        send_request(turn, leg, sip::Method::invite, Errand::refresh, headers, "application/sdp", leg.description->text());
    else
        send_request(turn, leg, sip::Method::update, Errand::refresh, headers);
    leg.own_request = OwnRequest{leg.dialog.local_cseq, by_invite};
    arm_session(leg);
}

void Core::on_refreshed(Turn turn, Leg& leg) {
    if (message_.cseq_method == sip::Method::invite) acknowledge(turn, leg.dialog);
    if (!leg.own_request || leg.own_request->cseq != message_.cseq) return;  // its 200 again
    const bool by_invite = leg.own_request->by_invite;
    leg.own_request.reset();
    leg.dialog.refresh_target(message_);
    leg.timer.succeed(message_, timer_policy(), turn.now, random_);
    arm_session(leg);
    // Whoever does not describe his session anew keeps it.
    if (by_invite && !message_.body.empty() && !take_answer(leg)) return hang_up(turn, leg, kBadAnswer);
    use_agreement(turn, leg);
}

void Core::on_refresh_failed(Turn turn, Leg& leg, int status, const sip::Message* response) {
    const bool by_update = leg.own_request && !leg.own_request->by_invite;
    leg.own_request.reset();
    if (by_update && (status == 405 || status == 501)) {
        leg.timer.peer_lacks_update();
        return refresh(turn, leg);
    }
    const auto verdict = leg.timer.fail(status, response, leg.outgoing.dial != 0, turn.now, random_);
    if (verdict != SessionTimer::Verdict::end) return arm_session(leg);
    counters_.add(Metric::expired_sessions);
    hang_up(turn, leg, kNotRefreshed);
}

// §13.2.2.4: the ACK of a 2xx is no part of its INVITE's transaction.
void Core::acknowledge(Turn turn, sip::Dialog& dialog) {
    std::string branch;
    transactions_.append_branch(branch);
    turn.effects.transmit.compose(dialog.hop, [&](std::string& out) {
        dialog.append_request(out, sip::Method::ack, branch, listener_of(dialog.hop).visible().text(), {}, {}, {}, {}, message_.cseq);
    });
}

void Core::say_bye(Turn turn, sip::Dialog& dialog, Farewell farewell) {
    std::string branch, extra;
    transactions_.append_branch(branch);
    if (farewell.cause != 0)
        extra = "Reason: SIP;cause=" + std::to_string(farewell.cause) + ";text=\"" + std::string(farewell.text) + "\"\r\n";
    scratch_.clear();
    dialog.append_request(scratch_, sip::Method::bye, branch, listener_of(dialog.hop).visible().text(), {}, extra);
    transactions_.request(turn.now, dialog.hop, scratch_, 0, turn.effects.transmit);
}

}  // namespace confab::bridge
