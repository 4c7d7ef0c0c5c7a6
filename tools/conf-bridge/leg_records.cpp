#include "conf-bridge/leg_records.hpp"

#include <algorithm>

#include "conf-bridge/conference.hpp"
#include "local/value.hpp"

namespace confab::bridge {
namespace {

constexpr std::size_t kRunLength = 12;

local::Value text_or_null(const std::string& text) { return text.empty() ? local::Value() : local::Value(text); }

local::Value describe(const Leg& leg) {
    return local::Value::object({{"id", leg.record.id},
                                 {"call_id", leg.dialog.id.call_id},
                                 {"number", leg.number},
                                 {"identity", leg.identity},
                                 {"name", leg.name},
                                 {"withheld", leg.withheld},
                                 {"accounting", text_or_null(leg.given.accounting_code)},
                                 {"attendee", text_or_null(leg.given.attendee_id)},
                                 {"authoriser", text_or_null(leg.outgoing.authoriser)},
                                 {"answered", time_text(leg.record.answered)}});
}

}  // namespace

LegRecords::LegRecords(const base::Seed& seed) : run_(base::Random(seed).token(kRunLength)) {}

void LegRecords::answered(base::Now now, Leg& leg, std::vector<base::CallEntry>& out) {
    leg.record = {run_ + '-' + std::to_string(++last_), now.wall};
    out.push_back({base::CallEntry::Kind::opened, leg.record.id, local::to_json(describe(leg)), false});
}

void LegRecords::ended(base::Now now, const Leg& leg, std::string_view reason, std::vector<base::CallEntry>& out) {
    if (leg.record.id.empty()) return;
    auto record = describe(leg);
    const bool joined = leg.member != 0;
    record.append("conference", text_or_null(leg.conference));
    record.append("member", joined ? local::Value(leg.member) : local::Value());
    record.append("role", joined ? local::Value(leg.role()) : local::Value());
    // Whoever took another's place has it since it was answered, though the member came before.
    record.append("joined", joined ? local::Value(time_text(std::max(leg.joined_at, leg.record.answered))) : local::Value());
    record.append("codec", leg.agreed ? local::Value(leg.agreed->codec.name) : local::Value());
    record.append("ended", time_text(now.wall));
    // Civil time may have been set back meanwhile.
    record.append("duration_ms", std::max<std::int64_t>((now.wall - leg.record.answered).count(), 0));
    record.append("reason", reason);
    out.push_back({base::CallEntry::Kind::closed, leg.record.id, local::to_json(record), true});
}

void LegRecords::recover(base::Now now, std::string_view line, std::vector<base::CallEntry>& out) {
    auto record = local::parse_json(line);
    if (!record || record->text("id").empty()) return;
    record->append("ended", time_text(now.wall));
    record->append("duration_ms", local::Value());
    record->append("reason", "bridge restarted");
    out.push_back({base::CallEntry::Kind::closed, std::string(record->text("id")), local::to_json(*record), true});
}

}  // namespace confab::bridge
