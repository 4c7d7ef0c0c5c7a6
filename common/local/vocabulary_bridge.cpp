// What conf-bridge's control socket understands.
#include "local/messages.hpp"

namespace confab::local {
namespace {

constexpr Field kConference[] = {{"conference", FieldType::text, true, "the conference's number"}};
constexpr Field kMember[] = {
    {"conference", FieldType::text, true, "the conference's number"},
    {"member", FieldType::handle, true, "the member's number in it, or the attendee's id (at the command line @ID where it is a number too)"},
};
constexpr Field kLevel[] = {
    {"conference", FieldType::text, true, "the conference's number"},
    {"member", FieldType::handle, true, "the member's number in it, or the attendee's id"},
    {"decibels", FieldType::integer, true, "-40 to 20; 0 is as it comes"},
};
constexpr Field kChanged[] = {{"changed", FieldType::flag, true, "whether anything changed"}};
constexpr Field kRecord[] = {
    {"conference", FieldType::text, true, "the conference's number"},
    {"legs", FieldType::flag, false, "a file for each member too"},
};
constexpr Field kPlay[] = {
    {"conference", FieldType::text, true, "the conference's number"},
    {"file", FieldType::text, true, "a file of the directory sounds"},
};
constexpr Field kRecordingStarted[] = {
    {"conference", FieldType::text, true, "its number"},
    {"name", FieldType::text, true, "its name"},
    {"file", FieldType::text, true, "the mix, below the directory recordings"},
};
constexpr Field kRecordingEnded[] = {
    {"conference", FieldType::text, true, "its number"},
    {"file", FieldType::text, true, "the mix or a member's own voice, below the directory recordings"},
    {"length_ms", FieldType::integer, true, "what it holds"},
    {"missing_ms", FieldType::integer, true, "what the disk did not take in time"},
    {"reason", FieldType::text, true, "stopped, or why nothing more could be written"},
};
constexpr Field kListRow[] = {
    {"conference", FieldType::text, true, "its number"},
    {"name", FieldType::text, true, "its name"},
    {"members", FieldType::integer, true, "members now"},
    {"max_members", FieldType::integer, true, "most members at a time"},
    {"locked", FieldType::flag, true, "whether nobody else is let in"},
    {"recording", FieldType::flag, true, "whether it is recorded"},
    {"since", FieldType::text, true, "when it began, UTC"},
};
constexpr Field kMemberRow[] = {
    {"member", FieldType::integer, true, "the number to name it by; 0 in the lobby"},
    {"identity", FieldType::text, true, "who it is, as a trusted peer asserts, or anonymous-N"},
    {"name", FieldType::text, true, "the name that the caller shows"},
    {"role", FieldType::text, true, "host or participant"},
    {"state", FieldType::text, true, "joined, held, waiting to be let in, naming while the name is said, or lobby while a passcode is keyed"},
    {"muted", FieldType::flag, true, "whether it is not heard"},
    {"deaf", FieldType::flag, true, "whether it hears nothing but prompts"},
    {"hand", FieldType::flag, true, "whether it raised a hand"},
    {"talking", FieldType::flag, true, "whether it talks now"},
    {"attendee", FieldType::text, true, "its id in the web conference, as the call said, or empty"},
    {"since", FieldType::text, true, "when it joined, UTC"},
};
constexpr Field kStatsRow[] = {
    {"member", FieldType::integer, true, "the member's number"},
    {"identity", FieldType::text, true, "who it is"},
    {"codec", FieldType::text, true, "what it sends and gets"},
    {"received", FieldType::integer, true, "RTP packets from it"},
    {"sent", FieldType::integer, true, "RTP packets to it"},
    {"lost", FieldType::integer, true, "packets from it that never came"},
    {"late", FieldType::integer, true, "packets from it that came too late to be played"},
    {"loss", FieldType::integer, true, "percent of its packets that were lost, a number with one decimal; null until some were expected"},
    {"jitter_ms", FieldType::integer, true, "how much the network's delay changes from packet to packet, in milliseconds (RFC 3550)"},
    {"delay_ms", FieldType::integer, true, "how long its packets wait here before they are heard, in milliseconds"},
    {"round_trip_ms", FieldType::integer, true, "milliseconds to it and back, as RTCP measured; null until then"},
    {"mos", FieldType::integer, true, "estimated mean opinion score of what comes from it, 1 to 4.5, by the E-model (G.107); null until measured"},
    {"level", FieldType::integer, true, "how loud it is, in dBov; -127 for silence"},
    {"gain", FieldType::integer, true, "dB by which it is heard louder"},
    {"volume", FieldType::integer, true, "dB by which it hears louder"},
    {"talking", FieldType::flag, true, "whether it talks now"},
    {"talked_ms", FieldType::integer, true, "how long it has talked, in milliseconds"},
};
constexpr Field kRoomsRow[] = {
    {"conference", FieldType::text, true, "its number"},
    {"thread", FieldType::integer, true, "the media thread that mixes it, from 0"},
    {"members", FieldType::integer, true, "members now"},
    {"talking", FieldType::integer, true, "of those, who talk"},
    {"received", FieldType::integer, true, "RTP packets from them"},
    {"sent", FieldType::integer, true, "RTP packets to them"},
    {"lost", FieldType::integer, true, "packets from them that never came"},
    {"loss", FieldType::integer, true, "percent of their packets that were lost, a number with one decimal; null until some were expected"},
    {"jitter_ms", FieldType::integer, true, "the largest of a member, in milliseconds"},
    {"mos", FieldType::integer, true, "the worst of a member; null until measured"},
};
constexpr Field kSilentEvent[] = {
    {"conference", FieldType::text, true, "its number"},
    {"member", FieldType::integer, true, "the member's number"},
    {"identity", FieldType::text, true, "who it is"},
    {"name", FieldType::text, true, "the name that the caller shows"},
    {"spell_ms", FieldType::integer, true, "how long it talked just now, in milliseconds"},
    {"talked_ms", FieldType::integer, true, "how long it has talked in all"},
};
constexpr Field kConferenceEvent[] = {
    {"conference", FieldType::text, true, "its number"},
    {"name", FieldType::text, true, "its name"},
};
constexpr Field kMemberEvent[] = {
    {"conference", FieldType::text, true, "its number, empty in the lobby"},
    {"member", FieldType::integer, true, "the member's number, 0 in the lobby"},
    {"identity", FieldType::text, true, "who it is"},
    {"name", FieldType::text, true, "the name that the caller shows"},
    {"attendee", FieldType::text, true, "its id in the web conference, as the call said, or empty"},
};
constexpr Field kLeftEvent[] = {
    {"conference", FieldType::text, true, "its number"},
    {"member", FieldType::integer, true, "the member's number"},
    {"identity", FieldType::text, true, "who it is"},
    {"name", FieldType::text, true, "the name that the caller shows"},
    {"attendee", FieldType::text, true, "its id in the web conference, as the call said, or empty"},
    {"reason", FieldType::text, true, "hung up, kicked, conference ended, media stopped, session expired, no ACK, no usable answer or no media"},
};
constexpr Field kLevelEvent[] = {
    {"conference", FieldType::text, true, "its number"},
    {"member", FieldType::integer, true, "the member's number"},
    {"identity", FieldType::text, true, "who it is"},
    {"name", FieldType::text, true, "the name that the caller shows"},
    {"decibels", FieldType::integer, true, "as it is now"},
};
constexpr Field kRoleEvent[] = {
    {"conference", FieldType::text, true, "its number"},
    {"member", FieldType::integer, true, "the member's number"},
    {"identity", FieldType::text, true, "who it is"},
    {"name", FieldType::text, true, "the name that the caller shows"},
    {"attendee", FieldType::text, true, "its id in the web conference, as the call said, or empty"},
    {"role", FieldType::text, true, "host or participant"},
};
constexpr Field kDigitsEvent[] = {
    {"conference", FieldType::text, true, "its number, empty in the lobby"},
    {"member", FieldType::integer, true, "the member's number, 0 in the lobby"},
    {"identity", FieldType::text, true, "who it is"},
    {"name", FieldType::text, true, "the name that the caller shows"},
    {"attendee", FieldType::text, true, "its id in the web conference, as the call said, or empty"},
    {"digits", FieldType::text, true, "an asterisk for each digit", true},
};

constexpr Field kDial[] = {
    {"conference", FieldType::text, true, "the conference's number"},
    {"target", FieldType::text, true, "a number, or sip:user@domain"},
    {"name", FieldType::text, false, "the name to show for whom is called"},
    {"by", FieldType::integer, false, "the host who has it done; the operator when absent"},
};
constexpr Field kDialReply[] = {
    {"changed", FieldType::flag, true, "always: somebody will be called"},
    {"dial", FieldType::integer, true, "the number by which dials and hangup know it"},
};
constexpr Field kDialId[] = {{"dial", FieldType::integer, true, "the number that dial answered"}};
constexpr Field kDialRow[] = {
    {"dial", FieldType::integer, true, "its number"},
    {"conference", FieldType::text, true, "for which conference"},
    {"target", FieldType::text, true, "who is called"},
    {"name", FieldType::text, true, "the name to show"},
    {"state", FieldType::text, true, "queued, dialing, ringing, answered (to press 1), connected, busy, no answer, declined or failed"},
    {"code", FieldType::integer, true, "the last call's final status, 0 before one"},
    {"attempt", FieldType::integer, true, "calls so far"},
    {"authoriser", FieldType::text, true, "the host who has it done, or operator"},
    {"since", FieldType::text, true, "when it was asked, UTC"},
};
constexpr Field kTransfer[] = {
    {"conference", FieldType::text, true, "the conference's number"},
    {"member", FieldType::integer, true, "the member's number in it"},
    {"target", FieldType::text, true, "the SIP URI that the member shall call"},
};
constexpr Field kTransferredEvent[] = {
    {"conference", FieldType::text, true, "its number"},
    {"member", FieldType::integer, true, "the member's number"},
    {"identity", FieldType::text, true, "who it is"},
    {"name", FieldType::text, true, "the name that the caller shows"},
    {"target", FieldType::text, true, "where it was sent"},
};
constexpr Field kTransferFailedEvent[] = {
    {"conference", FieldType::text, true, "its number"},
    {"member", FieldType::integer, true, "the member's number"},
    {"identity", FieldType::text, true, "who it is"},
    {"name", FieldType::text, true, "the name that the caller shows"},
    {"target", FieldType::text, true, "where it was to be sent"},
    {"code", FieldType::integer, true, "the status that its phone reported or answered"},
};
constexpr Field kMessageEvent[] = {
    {"conference", FieldType::text, true, "its number"},
    {"member", FieldType::integer, true, "who wrote"},
    {"identity", FieldType::text, true, "who it is"},
    {"name", FieldType::text, true, "the name that the caller shows"},
    {"type", FieldType::text, true, "its content type"},
    {"text", FieldType::text, true, "what was written"},
};

constexpr Command kCommands[] = {
    {"list", "list", "list the running conferences", {}, kListRow, true},
    {"members", "members", "list who is in a conference", kConference, kMemberRow, true},
    {"rooms", "rooms", "list what was measured of each conference", {}, kRoomsRow, true},
    {"stats", "stats", "list what was measured of each member's leg", kConference, kStatsRow, true},
    {"leg", "leg", "show all that is known of one member: the fields of members and stats", kMember, kStatsRow},
    {"mute", "mute", "let a member hear and not be heard", kMember, kChanged, false, true},
    {"unmute", "unmute", "let a muted member be heard again", kMember, kChanged, false, true},
    {"deafen", "deafen", "let a member hear nothing but prompts", kMember, kChanged, false, true},
    {"undeafen", "undeafen", "let a deaf member hear again", kMember, kChanged, false, true},
    {"gain", "gain", "set how loud a member is heard", kLevel, kChanged, false, true},
    {"volume", "volume", "set how loud a member hears", kLevel, kChanged, false, true},
    {"admit", "admit", "let one who waits in", kMember, kChanged, false, true},
    {"admit-all", "admit-all", "let all who wait in", kConference, kChanged, false, true},
    {"mute-all", "mute-all", "mute everybody but hosts", kConference, kChanged, false, true},
    {"unmute-all", "unmute-all", "let everybody be heard again", kConference, kChanged, false, true},
    {"raise-hand", "raise-hand", "raise a member's hand", kMember, kChanged, false, true},
    {"lower-hand", "lower-hand", "lower a member's hand", kMember, kChanged, false, true},
    {"host", "host", "make a member a host", kMember, kChanged, false, true},
    {"unhost", "unhost", "make a host a participant", kMember, kChanged, false, true},
    {"kick", "kick", "end a member's call", kMember, kChanged, false, true},
    {"lock", "lock", "let nobody else in", kConference, kChanged, false, true},
    {"unlock", "unlock", "let callers in again", kConference, kChanged, false, true},
    {"record-start", "record start", "record a conference", kRecord, kChanged, false, true},
    {"record-stop", "record stop", "stop recording it", kConference, kChanged, false, true},
    {"play", "play start", "play a sound to all, beside the mix", kPlay, kChanged, false, true},
    {"play-stop", "play stop", "stop what is played to all", kConference, kChanged, false, true},
    {"end", "end", "end a conference and all its calls", kConference, kChanged, false, true},
    {"dial", "dial", "call somebody into a conference", kDial, kDialReply, false, true},
    {"dials", "dials", "list those who are called", {}, kDialRow, true},
    {"hangup", "hangup", "call somebody no more, or end the call", kDialId, kChanged, false, true},
    {"transfer", "transfer", "have a member's phone call another address instead", kTransfer, kChanged, false, true},
};
constexpr EventRow kEvents[] = {
    {"conference-started", "the first caller was let in", kConferenceEvent},
    {"conference-ended", "the last one left", kConferenceEvent},
    {"waiting", "a caller has a place and waits to be let in", kMemberEvent},
    {"joined", "a caller is in the conference", kMemberEvent},
    {"left", "a member's call ended", kLeftEvent},
    {"replaced", "a member's place went to another call of theirs", kMemberEvent},
    {"talking", "a member talks", kMemberEvent},
    {"silent", "a member stopped talking", kSilentEvent},
    {"digits", "a caller keyed a digit", kDigitsEvent},
    {"muted", "a member was muted", kMemberEvent},
    {"unmuted", "a member may be heard again", kMemberEvent},
    {"deafened", "a member hears nothing but prompts", kMemberEvent},
    {"undeafened", "a member hears again", kMemberEvent},
    {"gain", "a member is heard louder or softer", kLevelEvent},
    {"volume", "a member hears louder or softer", kLevelEvent},
    {"hand-raised", "a member raised a hand", kMemberEvent},
    {"hand-lowered", "a member's hand is down again", kMemberEvent},
    {"role", "a member became host or participant", kRoleEvent},
    {"held", "a caller holds the call and left the mix", kMemberEvent},
    {"resumed", "a caller is back in the mix", kMemberEvent},
    {"locked", "nobody else is let in", kConferenceEvent},
    {"recording-started", "a conference is recorded", kRecordingStarted},
    {"recording-ended", "a recording is complete", kRecordingEnded},
    {"playing", "a sound is played to all", kConferenceEvent},
    {"unlocked", "callers are let in again", kConferenceEvent},
    {"dial", "a call out came to another state", kDialRow},
    {"transferred", "a member went elsewhere", kTransferredEvent},
    {"transfer-failed", "a member did not, and stays", kTransferFailedEvent},
    {"message", "a member wrote to the conference", kMessageEvent},
};
constexpr Vocabulary kVocabulary{"conf-bridge", kCommands, kEvents};

}  // namespace

const Vocabulary& bridge_vocabulary() { return kVocabulary; }

}  // namespace confab::local
