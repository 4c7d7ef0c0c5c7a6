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
};
constexpr Field kResolveReply[] = {
    {"valid", FieldType::flag, true, "whether the caller may enter"},
    {"passcode_required", FieldType::flag, true, "whether the number asks for a passcode"},
    {"conference", FieldType::text, true, "the conference's number, empty when not valid"},
    {"name", FieldType::text, true, "the conference's name, empty when not valid"},
    {"max_members", FieldType::integer, true, "most members at a time, 0 for the bridge's own limit"},
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
    {"running", FieldType::text, true, "the bridge that runs it now, or empty"},
};
constexpr Field kDnisAdd[] = {
    {"number", FieldType::text, true, "the access number as dialled"},
    {"conference", FieldType::text, false, "the conference that it leads to; without, the passcode decides"},
};
constexpr Field kDnis[] = {{"number", FieldType::text, true, "the access number"}};
constexpr Field kDnisRow[] = {
    {"number", FieldType::text, true, "the access number"},
    {"conference", FieldType::text, true, "where it leads; empty where the passcode decides"},
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
