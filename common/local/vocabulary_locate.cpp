// What conf-locate's control socket understands.
#include "local/messages.hpp"

namespace confab::local {
namespace {

constexpr Field kNumber[] = {{"number", FieldType::text, true, "the dialled number"}};
constexpr Field kLookupReply[] = {
    {"known", FieldType::flag, true, "whether the number is a conference or an access number"},
    {"conference", FieldType::text, true, "the conference's number; empty where the passcode decides"},
    {"targets", FieldType::list, true, "objects of bridge, address, priority, load (thousandths), in the order to try; empty when no bridge is alive"},
};
constexpr Field kResolve[] = {
    {"number", FieldType::text, true, "the dialled number"},
    {"passcode", FieldType::text, true, "what the caller gave, or empty", true},
    {"vouched", FieldType::flag, false, "a ticket shows that the passcode was given on another bridge"},
};
constexpr Field kResolveReply[] = {
    {"valid", FieldType::flag, true, "whether the caller may enter"},
    {"passcode_required", FieldType::flag, true, "whether the number asks for a passcode"},
    {"conference", FieldType::text, true, "the conference's number, empty when not valid"},
    {"name", FieldType::text, true, "the conference's name, empty when not valid"},
    {"max_members", FieldType::integer, true, "most members at a time, 0 for the bridge's own limit"},
    {"language", FieldType::text, true, "what the number's callers speak, or empty; known before the passcode is"},
    {"leader_pin", FieldType::text, true, "what makes a caller a host; empty when there is none, or when not valid, as all that follows", true},
    {"security_code", FieldType::text, true, "what participants must give beside the passcode", true},
    {"wait_for_host", FieldType::flag, true, "whether participants wait until a host comes"},
    {"lobby", FieldType::flag, true, "whether callers of the locked conference wait until a host admits them"},
    {"host_leaves", FieldType::text, true, "keep or end, when the last host leaves; empty for the bridge's own way"},
    {"announce", FieldType::text, true, "tone, spoken, names or none, when someone comes or goes; empty for the bridge's own way"},
    {"starts", FieldType::integer, true, "seconds since 1970 before which nobody is let in, or 0"},
    {"ends", FieldType::integer, true, "seconds since 1970 after which nobody is let in, or 0"},
    {"home", FieldType::text, true, "SIP URI of the bridge where the conference lives, if not here; known before the passcode is"},
    {"home_bridge", FieldType::text, true, "that bridge's name, or empty"},
};
constexpr Field kBeat[] = {
    {"bridge", FieldType::text, true, "the bridge's name"},
    {"address", FieldType::text, true, "where it takes calls, udp:address:port"},
    {"legs", FieldType::integer, true, "legs now"},
    {"conferences", FieldType::integer, true, "conferences now"},
    {"capacity", FieldType::integer, true, "most legs at a time"},
    {"draining", FieldType::flag, true, "whether it takes no new conferences"},
    {"running", FieldType::list, false, "the numbers of the conferences that run on it; they stay there"},
};
constexpr Field kBeatReply[] = {{"accepted", FieldType::flag, true, "whether the bridge is in the directory"}};
constexpr Field kConferenceAdd[] = {
    {"number", FieldType::text, true, "the conference's number"},
    {"passcode", FieldType::text, false, "letters and digits; a conference without one is open", true},
    {"name", FieldType::text, false, "a name for people"},
    {"max_members", FieldType::integer, false, "most members at a time, 0 for the bridge's own limit"},
    {"bridge", FieldType::text, false, "the bridge where it belongs; any when absent"},
    {"home", FieldType::text, false, "SIP URI of the bridge where it lives, for callers to be sent to: sip:192.0.2.40:5080; here when absent"},
    {"leader_pin", FieldType::text, false, "letters and digits; who gives them is a host", true},
    {"security_code", FieldType::text, false, "letters and digits that participants must give beside the passcode; a host may set another for the time that it runs", true},
    {"wait_for_host", FieldType::flag, false, "participants wait until a host comes"},
    {"lobby", FieldType::flag, false, "callers of the locked conference wait until a host admits them"},
    {"host_leaves", FieldType::text, false, "keep or end, when the last host leaves; the bridge's own way when absent"},
    {"language", FieldType::text, false, "what is spoken to its callers, for instance de"},
    {"announce", FieldType::text, false, "tone, spoken, names or none, when someone comes or goes; the bridge's own way when absent"},
    {"starts", FieldType::text, false, "before this time nobody is let in: 2026-11-21T09:00:00Z"},
    {"ends", FieldType::text, false, "from this time on nobody is let in"},
};
constexpr Field kConferenceAddReply[] = {
    {"changed", FieldType::flag, true, "whether anything changed"},
    {"passcode_unique", FieldType::flag, true, "an access number reaches a conference only by a passcode of its own"},
};
constexpr Field kConference[] = {{"number", FieldType::text, true, "the conference's number"}};
constexpr Field kChanged[] = {{"changed", FieldType::flag, true, "whether anything changed"}};
constexpr Field kConferenceRow[] = {
    {"number", FieldType::text, true, "the conference's number"},
    {"name", FieldType::text, true, "its name"},
    {"passcode", FieldType::text, true, "masked; empty for an open conference", true},
    {"max_members", FieldType::integer, true, "most members at a time, 0 for the bridge's own limit"},
    {"bridge", FieldType::text, true, "where it belongs, or empty"},
    {"home", FieldType::text, true, "SIP URI of the bridge where it lives, or empty"},
    {"running", FieldType::text, true, "the bridge that runs it now, or empty"},
    {"leader_pin", FieldType::text, true, "masked; empty when it has none", true},
    {"security_code", FieldType::text, true, "masked; empty when it has none", true},
    {"wait_for_host", FieldType::flag, true, "whether participants wait until a host comes"},
    {"lobby", FieldType::flag, true, "whether callers of the locked conference wait until a host admits them"},
    {"host_leaves", FieldType::text, true, "keep or end, when the last host leaves; empty for the bridge's own way"},
    {"language", FieldType::text, true, "what is spoken to its callers; empty for the bridge's own"},
    {"announce", FieldType::text, true, "tone, spoken, names or none; empty for the bridge's own way"},
    {"starts", FieldType::text, true, "before this time nobody is let in, or empty"},
    {"ends", FieldType::text, true, "from this time on nobody is let in, or empty"},
};
constexpr Field kDnisAdd[] = {
    {"number", FieldType::text, true, "the access number as dialled"},
    {"conference", FieldType::text, false, "the conference that it leads to; without, the passcode decides"},
    {"language", FieldType::text, false, "what is spoken to its callers, for instance de; the conference's when absent"},
};
constexpr Field kDnis[] = {{"number", FieldType::text, true, "the access number"}};
constexpr Field kDnisRow[] = {
    {"number", FieldType::text, true, "the access number"},
    {"conference", FieldType::text, true, "where it leads; empty where the passcode decides"},
    {"language", FieldType::text, true, "what is spoken to its callers; empty for the conference's"},
};
constexpr Field kBridgeRow[] = {
    {"bridge", FieldType::text, true, "its name"},
    {"address", FieldType::text, true, "where it takes calls"},
    {"alive", FieldType::flag, true, "whether its beat came in time"},
    {"draining", FieldType::flag, true, "whether it takes no new conferences"},
    {"legs", FieldType::integer, true, "legs at its last beat"},
    {"conferences", FieldType::integer, true, "conferences at its last beat"},
    {"capacity", FieldType::integer, true, "most legs at a time"},
    {"load", FieldType::integer, true, "legs for each thousand of capacity"},
};
constexpr Field kBridgeEvent[] = {
    {"bridge", FieldType::text, true, "its name"},
    {"address", FieldType::text, true, "where it takes calls"},
};

constexpr Command kCommands[] = {
    {"lookup", "lookup", "the bridges for a number, in the order to try", kNumber, kLookupReply},
    {"resolve", "", "the conference behind a number and a passcode", kResolve, kResolveReply},
    {"beat", "", "a bridge is alive, with its load", kBeat, kBeatReply},
    {"conference-add", "conference add", "add a conference, or replace what is known of it", kConferenceAdd, kConferenceAddReply, false, true},
    {"conference-del", "conference del", "remove a conference and the access numbers that lead to it", kConference, kChanged, false, true},
    {"conference-list", "conference list", "list the conferences", {}, kConferenceRow, true},
    {"dnis-add", "dnis add", "add an access number", kDnisAdd, kChanged, false, true},
    {"dnis-del", "dnis del", "remove an access number", kDnis, kChanged, false, true},
    {"dnis-list", "dnis list", "list the access numbers", {}, kDnisRow, true},
    {"bridge-list", "bridge list", "list the bridges with their load", {}, kBridgeRow, true},
};
constexpr EventRow kEvents[] = {
    {"bridge-up", "a bridge's first beat, or its first after a silence", kBridgeEvent},
    {"bridge-down", "a bridge's beat did not come in time", kBridgeEvent},
};
constexpr Vocabulary kVocabulary{"conf-locate", kCommands, kEvents};

}  // namespace

const Vocabulary& locate_vocabulary() { return kVocabulary; }

}  // namespace confab::local
