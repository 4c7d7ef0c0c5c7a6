#include "conf-bridge/leg_records.hpp"

#include <algorithm>

#include "conf-bridge/conference.hpp"
#include "local/value.hpp"

namespace confab::bridge {
namespace {

constexpr std::size_t kRunLength = 12;

local::Value text_or_null(const std::string& text) { return text.empty() ? local::Value() : local::Value(text); }

local::Value describe(const Leg& leg) {
    const bool was_answered = leg.record.answered != base::WallTime{};
    const bool joined = leg.member != 0;
    // One whom we called has given up his seat before his last word comes.
    const auto& conference = leg.outgoing.dial != 0 ? leg.number : leg.conference;
    return local::Value::object({{"id", leg.record.id},
                                 {"call_id", leg.dialog.id.call_id},
                                 {"number", leg.number},
                                 {"identity", leg.identity},
                                 {"name", leg.name},
                                 {"withheld", leg.withheld},
                                 {"accounting", text_or_null(leg.given.accounting_code)},
                                 {"attendee", text_or_null(leg.given.attendee_id)},
                                 {"authoriser", text_or_null(leg.outgoing.authoriser)},
                                 {"answered", was_answered ? local::Value(time_text(leg.record.answered)) : local::Value()},
                                 {"conference", text_or_null(conference)},
                                 {"member", joined ? local::Value(leg.member) : local::Value()},
                                 {"role", joined ? local::Value(leg.role()) : local::Value()},
                                 // Whoever took another's place has it since it was answered, though the member came before.
                                 {"joined", joined ? local::Value(time_text(std::max(leg.joined_at, leg.record.answered))) : local::Value()},
                                 {"codec", leg.agreed ? local::Value(leg.agreed->codec.name) : local::Value()}});
}

base::CallEntry opened(const Leg& leg) { return {base::CallEntry::Kind::opened, leg.record.id, local::to_json(describe(leg)), false}; }

}  // namespace

LegRecords::LegRecords(const base::Seed& seed) : run_(base::Random(seed).token(kRunLength)) {}

void LegRecords::dialled(Leg& leg, std::vector<base::CallEntry>& out) {
    leg.record.id = run_ + '-' + std::to_string(++last_);
    out.push_back(opened(leg));
}

void LegRecords::answered(base::Now now, Leg& leg, std::vector<base::CallEntry>& out) {
    if (leg.record.id.empty()) leg.record.id = run_ + '-' + std::to_string(++last_);
    leg.record.answered = now.wall;
    out.push_back(opened(leg));
}

void LegRecords::placed(const Leg& leg, std::vector<base::CallEntry>& out) {
    if (!leg.record.id.empty()) out.push_back(opened(leg));
}

void LegRecords::ended(base::Now now, const Leg& leg, std::string_view reason, std::vector<base::CallEntry>& out) {
    if (leg.record.id.empty()) return;
    auto record = describe(leg);
    const bool was_answered = leg.record.answered != base::WallTime{};
    record.append("ended", time_text(now.wall));
    // Civil time may have been set back meanwhile.
    record.append("duration_ms", was_answered ? std::max<std::int64_t>((now.wall - leg.record.answered).count(), 0) : 0);
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
