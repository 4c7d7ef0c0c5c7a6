#include "local/messages.hpp"

namespace confab::local {
namespace {

constexpr Field kFlow[] = {
    {"flow", FieldType::integer, true, "number of the connection"},
    {"peer", FieldType::text, true, "the client's address"},
    {"registered", FieldType::flag, true, "a REGISTER came over it"},
};
constexpr Field kCall[] = {
    {"call", FieldType::integer, true, "number of the call"},
    {"call_id", FieldType::text, true, "its Call-ID"},
    {"direction", FieldType::text, true, "in: a client calls; out: a client is called"},
    {"answered", FieldType::flag, true, "the call was answered"},
    {"outside", FieldType::text, true, "where the client wants its media"},
    {"inside", FieldType::text, true, "where the inside wants its media"},
    {"suite", FieldType::text, true, "SRTP suite"},
};
constexpr Command kCommands[] = {
    {"flows", "flows", "list the clients' connections", {}, kFlow, true, false},
    {"calls", "calls", "list the calls with their media", {}, kCall, true, false},
};

}  // namespace

const Vocabulary& edge_vocabulary() {
    static constexpr Vocabulary kVocabulary{"sbc-edge", kCommands, {}};
    return kVocabulary;
}

}  // namespace confab::local
