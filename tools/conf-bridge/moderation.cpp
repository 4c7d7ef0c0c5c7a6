// What may be done to members and conferences. The socket, DTMF menus and SIP all come here, so that each deed has one meaning and one event.
#include "conf-bridge/core.hpp"
#include "conf-bridge/privacy.hpp"

namespace confab::bridge {

bool Core::set_muted(Turn turn, Leg& leg, bool muted) {
    if (leg.muted == muted) return false;
    if (muted) set_talking(turn, leg, false);
    leg.muted = muted;
    tell(turn, leg, MuteLeg{leg.id, muted});
    publish(turn, muted ? "muted" : "unmuted", leg);
    return true;
}

bool Core::set_deaf(Turn turn, Leg& leg, bool deaf) {
    if (leg.deaf == deaf) return false;
    leg.deaf = deaf;
    tell(turn, leg, DeafenLeg{leg.id, deaf});
    publish(turn, deaf ? "deafened" : "undeafened", leg);
    return true;
}

bool Core::set_gain(Turn turn, Leg& leg, int decibels) {
    if (leg.gain == decibels) return false;
    leg.gain = decibels;
    tell(turn, leg, GainLeg{leg.id, decibels});
    publish(turn, "gain", leg, {{"decibels", decibels}});
    return true;
}

bool Core::set_volume(Turn turn, Leg& leg, int decibels) {
    if (leg.volume == decibels) return false;
    leg.volume = decibels;
    tell(turn, leg, VolumeLeg{leg.id, decibels});
    publish(turn, "volume", leg, {{"decibels", decibels}});
    return true;
}

bool Core::set_hand(Turn turn, Leg& leg, bool raised) {
    if (leg.hand == raised) return false;
    leg.hand = raised;
    publish(turn, raised ? "hand-raised" : "hand-lowered", leg);
    return true;
}

bool Core::set_host(Turn turn, Leg& leg, bool host) {
    if (leg.host == host) return false;
    leg.host = host;
    records_.placed(leg, turn.effects.records);
    publish(turn, "role", leg, {{"role", leg.role()}});
    if (host && leg.waiting) return admit(turn, leg);
    if (host) host_came(turn, *find_conference(leg.conference));
    return true;
}

bool Core::admit(Turn turn, Leg& leg) {
    if (!leg.waiting) return false;
    leg.waiting = false;
    tell(turn, leg, AdmitLeg{leg.id});
    arrive(turn, leg);
    return true;
}

bool Core::kick(Turn turn, Leg& leg) {
    hang_up(turn, leg, kKicked);
    return true;
}

// Hosts keep the floor; whoever joins later is not muted.
bool Core::set_all_muted(Turn turn, Conference& conference, bool muted) {
    bool any = false;
    for (const auto& [member, id] : conference.members) {
        Leg& leg = *find(id);
        if (!leg.host || !muted) any = set_muted(turn, leg, muted) || any;
    }
    return any;
}

bool Core::admit_all(Turn turn, Conference& conference) {
    bool any = false;
    for (const auto& [member, id] : conference.members) any = admit(turn, *find(id)) || any;
    return any;
}

bool Core::set_locked(Turn turn, Conference& conference, bool locked) {
    if (conference.locked == locked) return false;
    conference.locked = locked;
    publish(turn, locked ? "locked" : "unlocked", conference);
    return true;
}

bool Core::end(Turn turn, Conference& conference) {
    end_dials(turn, conference.number);
    const auto seats = conference.seats;  // the conference goes with its last
    for (const auto id : seats)
        if (Leg* leg = find(id)) hang_up(turn, *leg, kConferenceEnded);
    return true;
}

// Which must not be shown.
bool Core::says_number(std::string_view text) const { return config_.mask_numbers && is_phone_number(text); }

bool Core::is_masked(const Leg& leg) const {
    return leg.withheld || leg.identity.empty() || says_number(leg.identity);
}

// The member's number makes it stable: a conference never gives it to another.
std::string Core::shown(const Leg& leg) const {
    if (!is_masked(leg)) return leg.identity;
    return leg.member == 0 ? "anonymous" : "anonymous-" + std::to_string(leg.member);
}

std::string Core::shown_name(const Leg& leg) const {
    return leg.withheld || says_number(leg.name) ? std::string() : leg.name;
}

}  // namespace confab::bridge
