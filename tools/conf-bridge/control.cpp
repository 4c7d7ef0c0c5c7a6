// What operators ask on the control socket: rosters, and the verbs of moderation.cpp by name.
#include "conf-bridge/core.hpp"

namespace confab::bridge {
namespace {

local::Failure no_conference(std::string_view number) {
    return {"no-such-conference", "conference " + std::string(number) + " is not running here"};
}

local::Failure no_command() { return {"unknown-command", "not a command of conf-bridge"}; }

Reply changed(bool whether) { return {local::Value::object({{"changed", whether}}), {}}; }

}  // namespace

Core::Outcome Core::command(base::Now now, const local::Request& request, Effects& effects) {
    const Turn turn{now, effects};
    const auto name = request.command->name;
    const auto number = request.arguments.text("conference");
    if (name == "list") return list();
    if (name == "rooms") return rooms();
    if (name == "members") return members(number);
    if (name == "dial") return command_dial(turn, request.arguments);
    if (name == "dials") return dials();
    if (name == "hangup") return hang_up_dial(turn, request.arguments.integer("dial"));
    if (request.arguments.find("member")) return command_member(turn, name, number, member_of(number, request.arguments), request.arguments);
    if (name == "record-start") return command_record(turn, number, request.arguments.flag("legs"));
    return command_conference(turn, name, number);
}

Core::Outcome Core::command_record(Turn turn, std::string_view number, bool legs) {
    auto* conference = find_conference(number);
    if (!conference) return std::unexpected(no_conference(number));
    const auto started = start_recording(turn, *conference, legs);
    if (!started) return std::unexpected(started.error());
    return changed(*started);
}

// Kicking one who has left changes nothing; anything else cannot be done to him.
Core::Outcome Core::command_member(Turn turn, std::string_view name, std::string_view number, std::int64_t member,
                                   const local::Value& arguments) {
    const auto found = find_member(number, member);
    if (!found) return std::unexpected(found.error());
    if (!*found && name == "kick") return changed(false);
    if (!*found) return std::unexpected(local::Failure{"no-such-member", "the member has left"});
    Leg& leg = **found;
    if (name == "mute" || name == "unmute") return changed(set_muted(turn, leg, name == "mute"));
    if (name == "deafen" || name == "undeafen") return changed(set_deaf(turn, leg, name == "deafen"));
    if (name == "admit") return changed(admit(turn, leg));
    if (name == "raise-hand" || name == "lower-hand") return changed(set_hand(turn, leg, name == "raise-hand"));
    if (name == "host" || name == "unhost") return changed(set_host(turn, leg, name == "host"));
    if (name == "kick") return changed(kick(turn, leg));
    if (name == "gain" || name == "volume") return command_level(turn, name, leg, arguments.integer("decibels"));
    if (name == "leg") return describe_member(turn.now, leg);
    if (name == "transfer") return transfer(turn, leg, arguments.text("target"));
    return std::unexpected(no_command());
}

Core::Outcome Core::command_level(Turn turn, std::string_view name, Leg& leg, std::int64_t decibels) {
    constexpr int kLeast = media::Room::kLeastGain, kMost = media::Room::kMostGain;
    if (decibels < kLeast || decibels > kMost)
        return std::unexpected(local::Failure{"bad-argument", "expected decibels from " + std::to_string(kLeast) + " to " + std::to_string(kMost)});
    const auto level = static_cast<int>(decibels);
    return changed(name == "gain" ? set_gain(turn, leg, level) : set_volume(turn, leg, level));
}

// Ending what is over changes nothing.
Core::Outcome Core::command_conference(Turn turn, std::string_view name, std::string_view number) {
    auto* conference = find_conference(number);
    if (!conference && name == "end") return changed(false);
    if (!conference) return std::unexpected(no_conference(number));
    if (name == "mute-all" || name == "unmute-all") return changed(set_all_muted(turn, *conference, name == "mute-all"));
    if (name == "lock" || name == "unlock") return changed(set_locked(turn, *conference, name == "lock"));
    if (name == "record-stop") return changed(stop_recording(turn, *conference));
    if (name == "play-stop") return changed(stop_sounds(turn, *conference));
    if (name == "end") return changed(end(turn, *conference));
    if (name == "admit-all") return changed(admit_all(turn, *conference));
    if (name == "stats") return stats(turn.now, *conference);
    return std::unexpected(no_command());
}

Core::Outcome Core::list() const {
    Reply reply;
    for (const auto& [number, conference] : conferences_)
        reply.rows.push_back(local::Value::object({{"conference", number},
                                                   {"name", conference.name},
                                                   {"members", static_cast<std::uint64_t>(conference.members.size())},
                                                   {"max_members", conference.max_members},
                                                   {"locked", conference.locked},
                                                   {"recording", conference.recording.is_on()},
                                                   {"since", time_text(conference.started)}}));
    return reply;
}

local::Value Core::row_of(const Leg& leg) const {
    return local::Value::object({{"member", leg.member},
                                 {"identity", shown(leg)},
                                 {"name", shown_name(leg)},
                                 {"role", leg.role()},
                                 {"state", leg.state()},
                                 {"muted", leg.muted},
                                 {"deaf", leg.deaf},
                                 {"hand", leg.hand},
                                 {"talking", leg.talking},
                                 {"attendee", leg.given.attendee_id},
                                 {"since", leg.member != 0 ? time_text(leg.joined_at) : std::string()}});
}

// Those who dialled the number and still key their passcode come last, without a member number.
Core::Outcome Core::members(std::string_view number) const {
    Reply reply;
    const auto conference = conferences_.find(number);
    if (conference != conferences_.end())
        for (const auto& [member, id] : conference->second.members) reply.rows.push_back(row_of(*legs_.at(id.value)));
    for (const auto& [id, leg] : legs_)
        if (leg->is_confirmed() && (leg->in_lobby() ? leg->number == number : leg->is_naming() && leg->conference == number)) reply.rows.push_back(row_of(*leg));
    if (reply.rows.empty() && conference == conferences_.end()) return std::unexpected(no_conference(number));
    return reply;
}

Conference* Core::find_conference(std::string_view number) {
    const auto found = conferences_.find(number);
    return found == conferences_.end() ? nullptr : &found->second;
}

// An attendee who is not there has no number, and nobody has number 0.
std::int64_t Core::member_of(std::string_view number, const local::Value& arguments) {
    const auto* attendee = arguments.find("member")->as_text();
    if (!attendee) return arguments.integer("member");
    const auto* conference = find_conference(number);
    if (!conference || attendee->empty()) return 0;
    for (const auto& [member, id] : conference->members)
        if (const Leg* leg = find(id); leg && leg->given.attendee_id == *attendee) return member;
    return 0;
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
