// What sip-proxy's control socket understands.
#include "local/messages.hpp"

namespace confab::local {
namespace {

constexpr Field kCallsReply[] = {
    {"call_id", FieldType::text, true, "the call's Call-ID"},
    {"from", FieldType::text, true, "From, as the caller wrote it; of an answered call the address alone"},
    {"to", FieldType::text, true, "To, likewise"},
    {"user", FieldType::text, true, "who proved himself, empty before"},
    {"source", FieldType::text, true, "the address that the INVITE came from"},
    {"state", FieldType::text, true, "verifying, locating, looking up, trying, proceeding or answered"},
    {"target", FieldType::text, true, "the address that is being tried, or answered; empty before"},
    {"tried", FieldType::integer, true, "how many targets have been tried"},
};
constexpr Field kMembersReply[] = {
    {"group", FieldType::text, true, "the group's name"},
    {"member", FieldType::text, true, "the next hop's URI"},
    {"state", FieldType::text, true, "unknown before its first answer, up or down"},
    {"resting", FieldType::flag, true, "whether it asked for a pause (503 with Retry-After)"},
    {"calls", FieldType::integer, true, "answered calls there, where they are counted"},
};
constexpr Field kExplain[] = {
    {"message", FieldType::text, true, "the request, whole; bare LF stands for CRLF"},
    {"source", FieldType::text, false, "where it would come from, transport:address:port; by default what its Via says"},
    {"user", FieldType::text, false, "who is taken for proven; without, its credentials are judged"},
};
constexpr Field kRoute[] = {{"uri", FieldType::text, true, "the Request-URI"}};
constexpr Field kExplainReply[] = {
    {"step", FieldType::text, true,
     "listener, load, relay, emergency, authentication, route, passcode, directory, registrar, group, target, note, send, edit or bytes"},
    {"text", FieldType::text, true, "what was decided; passcodes and credentials are masked"},
};

constexpr Command kCommands[] = {
    {.name = "calls",
     .cli = "calls",
     .help = "INVITEs that have no final answer yet, one row each; and answered calls, where the call log or a group's limits count them",
     .arguments = {},
     .reply = kCallsReply,
     .listing = true},
    {.name = "members",
     .cli = "members",
     .help = "the members of all groups and their health",
     .arguments = {},
     .reply = kMembersReply,
     .listing = true},
    {.name = "explain",
     .cli = "",
     .help = "what would be done with a message, decision by decision; nothing is sent",
     .arguments = kExplain,
     .reply = kExplainReply,
     .listing = true},
    {.name = "route",
     .cli = "route",
     .help = "what would be done with an INVITE to a URI from a caller who has proven himself; nothing is sent",
     .arguments = kRoute,
     .reply = kExplainReply,
     .listing = true},
};

}  // namespace

const Vocabulary& proxy_vocabulary() {
    static constexpr Vocabulary kVocabulary{.daemon = "sip-proxy", .commands = kCommands, .events = {}};
    return kVocabulary;
}

}  // namespace confab::local
