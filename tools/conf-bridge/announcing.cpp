// A refusal that is heard before it is told (RFC 3261 §13.3.1.1): 183 with our answer, the prompt as early media, then the final code. The
// 183 is reliable (RFC 3262) where the caller can. Nothing else is ever sent as early media, since digits do not reach us before a 200.
#include "conf-bridge/core.hpp"

namespace confab::bridge {

// Ends the leg, at once or when the prompt is over: it must not be used afterwards.
void Core::refuse(Turn turn, Leg& leg, FinalAnswer answer, std::optional<PromptName> prompt) {
    reread(leg);
    if (!config_.early_announcements || !prompt || message_.body.empty() || leg.stage != Leg::Stage::resolving) {
        reply_to(turn, leg, answer.status, answer.headers, answer.reason);
        return release(turn, leg, kNotAdmitted);
    }
    leg.announcement = Announcement{std::move(answer), *prompt, std::nullopt};
    ask_for_media(turn, leg);
}

void Core::announce(Turn turn, Leg& leg) {
    reread(leg);
    const auto proposal = describe(leg);
    if (!proposal) return finish_refusal(turn, leg);
    const bool is_reliable = ReliableResponse::is_wanted(message_);
    const auto rseq = static_cast<std::uint32_t>(1 + random_.below(0x7fffffff));
    const std::string headers = "Contact: " + leg.contact + "\r\n" + service_lines() + (is_reliable ? ReliableResponse::lines(rseq) : "");
    sip::ResponseParts parts;
    parts.status = 183;
    parts.to_tag = leg.dialog.id.local_tag;
    parts.headers = headers;
    parts.content_type = "application/sdp";
    parts.body = proposal->body;
    respond(turn, leg.server, leg.source, parts);
    if (is_reliable) leg.announcement->reliable.emplace(scratch_, rseq, message_.cseq, timers_.t1, turn.now);
    arm_reliable(leg);
    counters_.add(Metric::announced);
    attach(turn, leg);
    play(turn, leg, {leg.announcement->prompt});
    arm(leg.id, Alarm::digits, turn.now.steady + kLongestAnnouncement);
}

// While it lasts, keys mean nothing, and a caller need not send sound.
bool Core::on_announcement(Turn turn, Leg& leg, MediaEvent::Kind kind) {
    using enum MediaEvent::Kind;
    if (kind == opened || kind == closed || kind == open_failed || kind == room_full) return false;
    if (kind == prompt_ended) finish_refusal(turn, leg);
    return true;
}

void Core::arm_reliable(Leg& leg) {
    const auto at = leg.announcement->reliable ? leg.announcement->reliable->next() : std::nullopt;
    if (at)
        arm(leg.id, Alarm::retransmit, *at);
    else
        disarm(leg.id, Alarm::retransmit);
}

void Core::on_reliable_due(Turn turn, Leg& leg) {
    auto& reliable = leg.announcement->reliable;
    switch (reliable->take_due(turn.now)) {
        case ReliableResponse::Due::nothing: break;
        case ReliableResponse::Due::resend: transactions_.respond(turn.now, leg.server, reliable->bytes(), turn.effects.transmit); break;
        case ReliableResponse::Due::give_up: return finish_refusal(turn, leg);
    }
    arm_reliable(leg);
}

void Core::on_prack(Turn turn, Leg& leg, sip::ServerId server, const sip::Hop& source) {
    const auto rack = RAck::parse(message_.value(sip::HeaderName::rack));
    if (!rack) return reply(turn, server, source, 400);
    if (!leg.announcement || !leg.announcement->reliable || !leg.announcement->reliable->acknowledge(*rack))
        return reply(turn, server, source, 481);
    reply(turn, server, source, 200);
    arm_reliable(leg);
}

void Core::finish_refusal(Turn turn, Leg& leg) {
    const auto answer = leg.announcement->answer;
    reply_to(turn, leg, answer.status, answer.headers, answer.reason);
    release(turn, leg, kNotAdmitted);
}

}  // namespace confab::bridge
