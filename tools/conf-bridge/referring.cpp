// REFER both ways (RFC 3515, RFC 4579): a member is sent elsewhere, a host has somebody called or taken out.
#include "conf-bridge/core.hpp"
#include "conf-bridge/parameters.hpp"

namespace confab::bridge {
namespace {

constexpr std::string_view kFragment = "message/sipfrag;version=2.0";
constexpr std::string_view kNoSubscription = "Refer-Sub: false\r\n";  // RFC 4488

int status_of(const local::Failure& failure) {
    if (failure.code == "bad-target") return 400;
    if (failure.code == "too-many" || failure.code == "conference-full") return 486;
    return failure.code == "draining" ? 503 : 403;
}

Farewell farewell_of(Referral::Why why) {
    switch (why) {
        case Referral::Why::transfer:
            return kTransferred;
        case Referral::Why::drained:
            return kMoved;
        case Referral::Why::misdirected:
            break;
    }
    return kElsewhere;
}

}  // namespace

// Ours: the leg is asked to call somebody else, and keeps its place until it has.
void Core::refer(Turn turn, Leg& leg, Referral::Why why, const std::string& target, std::string_view referred_by) {
    counters_.add(Metric::referrals);
    const auto request = send_request(turn, leg, sip::Method::refer, Errand::refer,
                                      "Refer-To: <" + target + ">\r\nReferred-By: <" + std::string(referred_by) + ">\r\n");
    leg.outgoing.referral = Referral{why, target, leg.dialog.local_cseq, request};
    arm(leg.id, Alarm::referral, turn.now.steady + config_.refer_timeout);
}

void Core::on_refer_outcome(Turn turn, Leg& leg, const sip::Event& event) {
    if (!leg.outgoing.referral || leg.outgoing.referral->request != event.client) return;
    if (event.kind == sip::Event::Kind::timeout) return on_referral_failed(turn, leg, 408);
    if (event.kind == sip::Event::Kind::unreachable) return on_referral_failed(turn, leg, 503);
    if (message_.status >= 300) return on_referral_failed(turn, leg, message_.status);
    if (message_.status < 200) return;
    // A peer that will not report has still taken the order.
    if (const auto* sub = message_.find("Refer-Sub"); sub && base::iequals(base::trim(sub->value), "false")) on_referral_done(turn, leg);
}

void Core::on_notify(Turn turn, Leg& leg, sip::ServerId server, const sip::Hop& source) {
    const auto event = refer_event(message_);
    if (!event.is_refer) return reply(turn, server, source, 489, "Allow-Events: refer\r\n");
    const auto& referral = leg.outgoing.referral;
    const bool is_ours = referral && (event.id.empty() || base::parse_number<std::uint32_t>(event.id) == referral->cseq);
    if (!is_ours) return reply(turn, server, source, 481);
    reply(turn, server, source, 200);
    const int status = sipfrag_status(message_.body);
    if (status >= 300) return on_referral_failed(turn, leg, status);
    if (status >= 200) return on_referral_done(turn, leg);
    if (is_terminated(message_)) on_referral_failed(turn, leg, 480);  // it will never say how it went
}

void Core::on_referral_done(Turn turn, Leg& leg) {
    const auto referral = *std::exchange(leg.outgoing.referral, std::nullopt);
    disarm(leg.id, Alarm::referral);
    if (referral.why == Referral::Why::transfer) publish(turn, "transferred", leg, {{"target", says_number(referral.target) ? "anonymous" : referral.target}});
    hang_up(turn, leg, farewell_of(referral.why));
}

// Who was to be transferred or moved stays; who has no place here hears that there is none, and his call ends.
void Core::on_referral_failed(Turn turn, Leg& leg, int status) {
    const auto referral = *std::exchange(leg.outgoing.referral, std::nullopt);
    disarm(leg.id, Alarm::referral);
    counters_.add(Metric::referrals_failed);
    if (referral.why == Referral::Why::transfer)
        return publish(turn, "transfer-failed", leg, {{"target", says_number(referral.target) ? "anonymous" : referral.target}, {"code", status}});
    if (referral.why == Referral::Why::drained) return note(turn, base::Severity::info, leg, "a member did not move status=" + std::to_string(status));
    note(turn, base::Severity::info, leg, "a misdirected caller did not go status=" + std::to_string(status));
    leg.farewell = kNotMoved;
    play(turn, leg, {PromptName::unavailable});
    arm(leg.id, Alarm::digits, turn.now.steady + config_.digit_timeout);
}

Core::Outcome Core::transfer(Turn turn, Leg& leg, std::string_view target) {
    const auto uri = sip::parse_uri(target);
    const bool is_sip =
        uri && (base::iequals(uri->scheme, "sip") || base::iequals(uri->scheme, "sips")) && !uri->host.empty() && uri->headers.empty();
    if (!is_sip || target.size() > kLongestReferredBy)
        return std::unexpected(local::Failure{"bad-target", "expected a SIP URI without headers"});
    if (!leg.is_confirmed() || leg.farewell) return std::unexpected(local::Failure{"no-such-member", "the member is leaving"});
    if (leg.outgoing.referral) return Reply{local::Value::object({{"changed", false}}), {}};
    refer(turn, leg, Referral::Why::transfer, std::string(target), own_uri(leg));
    return Reply{local::Value::object({{"changed", true}}), {}};
}

std::string Core::own_uri(const Leg& leg) const {
    const auto contact = sip::parse_name_addr(leg.contact);
    return std::string(contact ? contact->uri.text : std::string_view());
}

// Theirs, in a member's dialog or from a host who writes to the conference's address.
void Core::on_refer(Turn turn, sip::ServerId server, const sip::Hop& source, Leg* leg) {
    counters_.add(Metric::refers);
    if (!leg && !is_trusted(source)) {
        counters_.add(Metric::refused_untrusted);
        return reply(turn, server, source, 403);
    }
    if (!leg && is_merged(server)) return reply(turn, server, source, 482);
    const auto order = read_refer(message_);
    if (!order) return reply(turn, server, source, order.error());
    auto* conference = find_conference(leg ? leg->conference : dialled_number(*sip::parse_uri(message_.uri)));
    if (!conference) return reply(turn, server, source, leg ? 403 : 404);
    const Leg* by = leg ? leg : member_who_writes(*conference, true);
    if (!by || by->member == 0 || !by->host) return reply(turn, server, source, 403, {}, "Not a Host");
    auto referrer = referrer_of(source, leg);
    if (!referrer) return reply(turn, server, source, 400);
    const std::string tag = referrer->dialog.id.local_tag;
    if (order->is_removal) {
        accept_refer(turn, server, source, *order, tag);
        const int status = remove_by_refer(turn, *conference, order->target) ? 200 : 404;
        if (order->wants_reports) report(turn, *referrer, status, true);
        return;
    }
    DialOrder wish{.target = order->target, .by = by, .by_refer = true, .referred_by = order->referred_by};
    if (order->wants_reports) wish.referrer = *referrer;
    const auto id = dial(turn, *conference, std::move(wish));
    if (!id) {
        counters_.add(Metric::dials_refused);
        return reply(turn, server, source, status_of(id.error()), {}, "Not Dialled");
    }
    accept_refer(turn, server, source, *order, tag);
    if (Dial* under_way = outbound_.book.find(*id); under_way && under_way->referrer) report(turn, *under_way->referrer, 100, false);
}

// A dialog of its own where the REFER came outside of one.
std::optional<Referrer> Core::referrer_of(const sip::Hop& source, const Leg* leg) {
    if (leg) return Referrer{leg->id, {}, {}, message_.cseq};
    auto dialog = sip::Dialog::accept(message_, source, random_.token(kTagLength));
    if (!dialog) return std::nullopt;
    return Referrer{{}, std::move(*dialog), contact_for(source, *sip::parse_uri(message_.uri)), message_.cseq};
}

void Core::accept_refer(Turn turn, sip::ServerId server, const sip::Hop& source, const ReferOrder& order, std::string_view tag) {
    const auto headers =
        "Contact: " + contact_for(source, *sip::parse_uri(message_.uri)) + "\r\n" + std::string(order.wants_reports ? "" : kNoSubscription);
    sip::ResponseParts parts;
    parts.status = order.wants_reports ? 202 : 200;
    parts.to_tag = tag;
    parts.headers = headers;
    respond(turn, server, source, parts);
}

// Outside a dialog, the identity that a trusted peer asserts tells which member writes; one who is here twice writes as the first.
Leg* Core::member_who_writes(const Conference& conference, bool as_host) {
    Leg writer;
    identify(writer, message_);
    if (writer.withheld || writer.identity.empty()) return nullptr;
    for (const auto& [member, id] : conference.members)
        if (Leg* leg = find(id); leg && (leg->host || !as_host) && leg->identity == writer.identity) return leg;
    return nullptr;
}

bool Core::remove_by_refer(Turn turn, Conference& conference, std::string_view target) {
    const auto uri = sip::parse_uri(target);
    const auto whom = uri ? sip::address_key(*uri) : std::nullopt;
    std::vector<media::LegId> going;
    for (const auto& [member, id] : conference.members)
        if (const Leg* leg = find(id); leg && !leg->withheld && leg->identity == whom) going.push_back(id);
    for (const auto id : going)
        if (Leg* leg = find(id)) kick(turn, *leg);
    return !going.empty();
}

// NOTIFY of the subscription that a REFER made (RFC 3515 §2.4.4).
void Core::report(Turn turn, Referrer& referrer, int status, bool is_last) {
    std::string headers = "Event: refer;id=" + std::to_string(referrer.cseq) + "\r\nSubscription-State: ";
    const auto longest = std::chrono::ceil<base::seconds>((config_.ring_timeout + config_.dial_retry_after) * (config_.dial_retries + 1));
    headers += is_last ? std::string("terminated;reason=noresource") : "active;expires=" + std::to_string(longest.count());
    headers += "\r\n";
    const auto body = sipfrag(status);
    if (referrer.leg.value != 0) {
        Leg* leg = find(referrer.leg);
        if (leg && leg->is_confirmed()) send_request(turn, *leg, sip::Method::notify, Errand::bye, headers, kFragment, body);
        return;
    }
    std::string branch;
    transactions_.append_branch(branch);
    scratch_.clear();
    referrer.dialog.append_request(scratch_, sip::Method::notify, branch, listener_of(referrer.dialog.hop).visible().text(),
                                   referrer.contact, headers, kFragment, body);
    transactions_.request(turn.now, referrer.dialog.hop, scratch_, 0, turn.effects.transmit);
}

}  // namespace confab::bridge
