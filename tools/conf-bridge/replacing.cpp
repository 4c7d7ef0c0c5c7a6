// A call that takes another's place: by Replaces (RFC 3891), or by the attendee ID of a member where the configuration says so. The new leg
// has the old one's number, role and state in the conference, and nobody is told that somebody left or came.
#include "conf-bridge/core.hpp"

namespace confab::bridge {

// RFC 3891 §3. Empty: there is nothing to replace; an error: how the INVITE is to be refused.
std::expected<media::LegId, int> Core::replaced_by() {
    if (config_.replaces == ReplacesUse::off) return media::LegId{};
    const auto read = Replaces::read(message_);
    if (!read) return std::unexpected(read.error());
    if (!*read) return media::LegId{};
    const auto& what = **read;
    const auto known = by_tag_.find(what.to_tag);
    const Leg* leg = known == by_tag_.end() ? nullptr : find(known->second);
    if (!leg) return std::unexpected(ended_.has(what.to_tag) ? 603 : 481);
    if (leg->dialog.id.call_id != what.call_id || leg->dialog.id.remote_tag != what.from_tag) return std::unexpected(481);
    if (!leg->is_confirmed()) return std::unexpected(leg->stage == Leg::Stage::answered ? 500 : 481);
    if (!may_replace(*leg)) return std::unexpected(403);
    if (what.early_only) return std::unexpected(486);
    return leg->id;
}

// Who knows a dialog's tags was told them by one of its ends. The same caller comes from another device; another was sent by him (RFC 3892).
bool Core::may_replace(const Leg& old) const {
    if (config_.replaces == ReplacesUse::any) return true;
    Leg asking;
    identify(asking, message_);
    if (asking.identity == old.identity) return true;
    const auto referrer = sip::parse_name_addr(message_.value(sip::HeaderName::referred_by));
    return referrer && sip::address_key(referrer->uri) == old.identity;
}

// The new leg holds a seat beside the old one's until it takes over, so that the place cannot be lost in between.
bool Core::sit_beside(Leg& leg) {
    const Leg* old = find(leg.replaced);
    auto* conference = old ? find_conference(old->conference) : nullptr;
    if (!conference || old->member == 0) return false;
    conference->seats.insert(leg.id);
    leg.conference = conference->number;
    leg.number = old->number;
    return true;
}

void Core::take_over(Turn turn, Leg& leg) {
    if (leg.replaced == media::LegId{} && config_.attendee_takes_over && !leg.in_lobby()) leg.replaced = twin_of(leg);
    Leg* old = find(leg.replaced);
    if (!old) return enter(turn, leg);
    auto* conference = find_conference(leg.conference);
    if (!conference || old->conference != leg.conference || old->member == 0) {
        enter(turn, leg);
    } else {
        set_talking(turn, *old, false);
        const bool is_host = leg.host;  // by a PIN of its own
        uncount_dialled(*old);
        count_dialled(leg);
        static_cast<Standing&>(leg) = *old;
        if (leg.given.accounting_code.empty()) leg.given.accounting_code = old->given.accounting_code;
        // Written while it has the place that it tells of.
        records_.ended(turn.now, *old, kReplaced.text, turn.effects.records);
        old->record = {};
        old->member = 0;
        conference->members[leg.member] = leg.id;
        records_.placed(leg, turn.effects.records);
        attach(turn, leg);
        record_on(turn, *conference, *old, leg);
        counters_.add(Metric::replaced);
        publish(turn, "replaced", leg);
        set_held(turn, leg);
        if (is_host) set_host(turn, leg, true);
        plan_move(turn, leg);
    }
    hang_up(turn, *old, kReplaced);
}

// The member whom a caller with the same attendee ID takes over.
media::LegId Core::twin_of(const Leg& leg) {
    const auto* conference = find_conference(leg.conference);
    if (!conference || leg.given.attendee_id.empty()) return {};
    for (const auto& [number, id] : conference->members) {
        const Leg* member = find(id);
        if (member && member->is_confirmed() && member->given.attendee_id == leg.given.attendee_id) return id;
    }
    return {};
}

}  // namespace confab::bridge
