// What operators ask on the control socket: rosters, and moderation. Every change is idempotent and says whether it was one.
#include "conf-bridge/core.hpp"

namespace confab::bridge {
namespace {

local::Failure no_conference(std::string_view number) {
    return {"no-such-conference", "conference " + std::string(number) + " is not running here"};
}

Reply changed(bool whether) { return {local::Value::object({{"changed", whether}}), {}}; }

}  // namespace

Core::Outcome Core::command(base::Now now, const local::Request& request, Effects& effects) {
    const Turn turn{now, effects};
    const auto name = request.command->name;
    const auto number = request.arguments.text("conference");
    const auto member = request.arguments.integer("member");
    if (name == "list") return list();
    if (name == "members") return members(number);
    if (name == "mute") return set_muted(turn, number, member, true);
    if (name == "unmute") return set_muted(turn, number, member, false);
    if (name == "kick") return kick(turn, number, member);
    if (name == "lock") return set_locked(turn, number, true);
    if (name == "unlock") return set_locked(turn, number, false);
    if (name == "end") return end(turn, number);
    return std::unexpected(local::Failure{"unknown-command", "not a command of conf-bridge"});
}

Core::Outcome Core::list() const {
    Reply reply;
    for (const auto& [number, conference] : conferences_)
        reply.rows.push_back(local::Value::object({{"conference", number},
                                                   {"name", conference.name},
                                                   {"members", static_cast<std::uint64_t>(conference.members.size())},
                                                   {"max_members", conference.max_members},
                                                   {"locked", conference.locked},
                                                   {"since", time_text(conference.started)}}));
    return reply;
}

local::Value Core::row_of(const Leg& leg) const {
    return local::Value::object({{"member", leg.member},
                                 {"identity", leg.identity},
                                 {"name", leg.name},
                                 {"state", leg.state()},
                                 {"muted", leg.muted},
                                 {"talking", leg.talking},
                                 {"since", leg.member != 0 ? time_text(leg.joined_at) : std::string()}});
}

// Those who dialled the number and still key their passcode come last, without a member number.
Core::Outcome Core::members(std::string_view number) const {
    Reply reply;
    const auto conference = conferences_.find(number);
    if (conference != conferences_.end())
        for (const auto& [member, id] : conference->second.members) reply.rows.push_back(row_of(*legs_.at(id.value)));
    for (const auto& [id, leg] : legs_)
        if (leg->is_confirmed() && leg->in_lobby() && leg->number == number) reply.rows.push_back(row_of(*leg));
    if (reply.rows.empty() && conference == conferences_.end()) return std::unexpected(no_conference(number));
    return reply;
}

Core::Outcome Core::set_muted(Turn turn, std::string_view number, std::int64_t member, bool muted) {
    const auto found = find_member(number, member);
    if (!found) return std::unexpected(found.error());
    Leg* leg = *found;
    if (!leg) return std::unexpected(local::Failure{"no-such-member", "the member has left"});
    if (leg->muted == muted) return changed(false);
    if (muted) set_talking(turn, *leg, false);
    leg->muted = muted;
    tell(turn, *leg, MuteLeg{leg->id, muted});
    publish(turn, muted ? "muted" : "unmuted", *leg);
    return changed(true);
}

Core::Outcome Core::kick(Turn turn, std::string_view number, std::int64_t member) {
    const auto found = find_member(number, member);
    if (!found) return std::unexpected(found.error());
    if (*found) hang_up(turn, **found, kKicked);
    return changed(*found != nullptr);
}

Core::Outcome Core::set_locked(Turn turn, std::string_view number, bool locked) {
    auto* conference = find_conference(number);
    if (!conference) return std::unexpected(no_conference(number));
    if (conference->locked == locked) return changed(false);
    conference->locked = locked;
    publish(turn, locked ? "locked" : "unlocked", *conference);
    return changed(true);
}

Core::Outcome Core::end(Turn turn, std::string_view number) {
    const auto* conference = find_conference(number);
    if (!conference) return changed(false);
    const auto seats = conference->seats;  // the conference goes with its last
    for (const auto id : seats)
        if (Leg* leg = find(id)) hang_up(turn, *leg, kConferenceEnded);
    return changed(true);
}

Conference* Core::find_conference(std::string_view number) {
    const auto found = conferences_.find(number);
    return found == conferences_.end() ? nullptr : &found->second;
}

// Null for a member who was there and has left.
std::expected<Leg*, local::Failure> Core::find_member(std::string_view number, std::int64_t member) {
    auto* conference = find_conference(number);
    if (!conference) return std::unexpected(no_conference(number));
    if (member < 1 || member > conference->last_member)
        return std::unexpected(
            local::Failure{"no-such-member", "conference " + conference->number + " has no member " + std::to_string(member)});
    const auto found = conference->members.find(static_cast<std::uint32_t>(member));
    return found == conference->members.end() ? nullptr : find(found->second);
}

}  // namespace confab::bridge
