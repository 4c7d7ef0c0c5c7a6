#include "sip-proxy/call_records.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sip/grammar.hpp"

namespace confab::proxy {
namespace {

constexpr std::size_t kRunLength = 12;
constexpr std::size_t kLongestValue = 512;
constexpr std::string_view kMask = "****";
constexpr base::seconds kRepeats{64};  // longer than any caller repeats a request

// Both directions of a dialog have the same key.
std::string key_of(std::string_view call_id, std::string_view tag, std::string_view other) {
    std::string key(call_id);
    key += '\n';
    key += std::min(tag, other);
    key += '\n';
    key += std::max(tag, other);
    return key;
}

std::string request_key(std::string_view call_id, std::string_view from_tag, std::int64_t cseq) {
    auto key = key_of(call_id, from_tag, "");
    key += '\n';
    key += std::to_string(cseq);
    return key;
}

// sip:user@host: parameters may hold a passcode, and a user part may have parameters of its own.
std::string address_of(const sip::Uri& uri) {
    if (uri.host.empty()) return std::string(uri.text.substr(0, uri.text.find_first_of(";?")).substr(0, kLongestValue));
    std::string text = uri.is_sips() ? "sips:" : "sip:";
    if (!uri.user.empty()) text.append(uri.user.substr(0, uri.user.find(';'))).append("@");
    text += uri.host;
    return text.substr(0, kLongestValue);
}
std::string address_of_value(std::string_view value) {
    const auto name_addr = sip::parse_name_addr(value);
    return name_addr ? address_of(name_addr->uri) : std::string();
}

local::Value time_or_null(base::WallTime time) { return time == base::WallTime{} ? local::Value() : local::Value(time_text(time)); }

// Civil time may have been set back meanwhile.
std::int64_t milliseconds_of(base::milliseconds duration) { return std::max<std::int64_t>(duration.count(), 0); }

std::optional<base::WallTime> parse_time(std::string_view text) {
    const auto number = [&](std::size_t at, std::size_t length) { return text.size() < at + length ? std::nullopt : base::parse_number<unsigned>(text.substr(at, length)); };
    const auto year = number(0, 4), month = number(5, 2), day = number(8, 2), hour = number(11, 2), minute = number(14, 2), second = number(17, 2),
               part = number(20, 3);
    if (text.size() != 24 || !year || !month || !day || !hour || !minute || !second || !part) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)), std::chrono::month(*month), std::chrono::day(*day)};
    if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) + base::seconds(*second) + base::milliseconds(*part);
}

}  // namespace

std::string time_text(base::WallTime time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                       clock.subseconds().count());
}

CallRecords::CallRecords(const base::Seed& seed) : run_(base::Random(seed).token(kRunLength)) {}

std::string CallRecords::next_id() {
    auto id = run_ + '-';
    base::append_number(id, ++last_);
    return id;
}

local::Value CallRecords::describe(const Call& call) const {
    auto headers = local::Value::object();
    for (const auto& name : settings_.headers) {
        const auto id = sip::header_name_of(name);
        const auto* header = id == sip::HeaderName::other ? call.invite.find(name) : call.invite.find(id);
        if (header == nullptr) continue;
        const bool secret = base::iequals(name, settings_.passcode_header);
        headers.set(name, std::string(secret ? kMask : header->value.substr(0, kLongestValue)));
    }
    const auto uri = sip::parse_uri(call.uri);
    return local::Value::object({{"call_id", call.invite.call_id},
                                 {"from_tag", call.invite.from_tag},
                                 {"to_tag", call.to_tag},
                                 {"cseq", call.invite.cseq},
                                 {"user", call.user},
                                 {"identity", address_of_value(call.invite.value(sip::HeaderName::p_asserted_identity))},
                                 {"from", address_of_value(call.invite.from)},
                                 {"to", address_of_value(call.invite.to)},
                                 {"uri", uri ? address_of(*uri) : std::string()},
                                 {"number", call.number},
                                 {"source", std::string(sip::param_name(call.source.transport)) + ':' + call.source.peer.text()},
                                 {"route", call.route},
                                 {"target", call.target},
                                 {"headers", std::move(headers)},
                                 {"arrived", time_text(call.arrived)},
                                 {"ringing", time_or_null(call.ringing)},
                                 {"status", call.status}});
}

// A request that was answered in the last moment of the run before is sent again by its caller, and has its record already.
bool CallRecords::is_known(base::Now now, const Call& call) {
    if (open_.contains(key_of(call.invite.call_id, call.invite.from_tag, call.to_tag))) return true;
    if (now.wall > recent_until_) recent_.clear();
    return !recent_.empty() && recent_.contains(request_key(call.invite.call_id, call.invite.from_tag, call.invite.cseq));
}

void CallRecords::answered(base::Now now, const Call& call, std::vector<base::CallEntry>& out) {
    if (!settings_.keep || call.status == 401 || call.status == 407 || is_known(now, call)) return;
    const bool is_open = call.status < 300 && open_.size() < settings_.limit;
    auto id = next_id();
    auto record = local::Value::object({{"id", id}});
    const auto described = describe(call);
    for (const auto& [name, value] : *described.as_object()) record.append(name, value);
    if (!is_open) {
        const auto ended_by = call.status < 300 ? "unknown" : call.by_caller ? "caller" : call.by_proxy ? "proxy" : "callee";
        record.append("answered", call.status < 300 ? local::Value(time_text(now.wall)) : local::Value());
        record.append("ended", time_text(now.wall));
        record.append("duration_ms", 0);
        record.append("ended_by", ended_by);
        return out.push_back({base::CallEntry::Kind::closed, std::move(id), local::to_json(record), false});
    }
    record.append("answered", time_text(now.wall));
    auto key = key_of(call.invite.call_id, call.invite.from_tag, call.to_tag);
    Open open{id, local::to_json(record), std::string(call.invite.from_tag), now.wall, call.member};
    out.push_back({base::CallEntry::Kind::opened, std::move(id), open.line, false});
    by_age_.emplace_back(now.wall, key);
    open_.insert_or_assign(std::move(key), std::move(open));
}

MemberId CallRecords::ended(base::Now now, const sip::Message& bye, int status, std::vector<base::CallEntry>& out) {
    if (open_.empty() || status == 401 || status == 407) return kNoMember;
    const auto found = open_.find(key_of(bye.call_id, bye.from_tag, bye.to_tag));
    if (found == open_.end()) return kNoMember;
    const auto member = found->second.member;
    close(found, now, bye.from_tag == found->second.from_tag ? "caller" : "callee", out);
    return member;
}

void CallRecords::close(OpenCalls::iterator call, base::Now now, std::string_view ended_by, std::vector<base::CallEntry>& out) {
    auto& [id, line, from_tag, answered, member] = call->second;
    auto rest = local::to_json(local::Value::object(
        {{"ended", time_text(now.wall)}, {"duration_ms", milliseconds_of(now.wall - answered)}, {"ended_by", ended_by}}));
    line.back() = ',';
    line.append(rest, 1);
    out.push_back({base::CallEntry::Kind::closed, std::move(id), std::move(line), true});
    open_.erase(call);
    if (by_age_.size() > 1000 && by_age_.size() > 2 * open_.size())
        std::erase_if(by_age_, [this](const auto& entry) { return !open_.contains(entry.second); });
}

std::optional<base::WallTime> CallRecords::next_expiry() const {
    if (by_age_.empty()) return std::nullopt;
    return by_age_.front().first + settings_.lifetime;
}

std::vector<MemberId> CallRecords::expire(base::Now now, std::vector<base::CallEntry>& out) {
    std::vector<MemberId> members;
    while (!by_age_.empty() && by_age_.front().first + settings_.lifetime <= now.wall) {
        const auto [answered, key] = std::move(by_age_.front());
        by_age_.pop_front();
        const auto found = open_.find(key);
        if (found == open_.end() || found->second.answered != answered) continue;
        members.push_back(found->second.member);
        close(found, now, "unknown", out);
    }
    return members;
}

bool CallRecords::reopen(std::string_view line) {
    const auto record = local::parse_json(line);
    if (!record || record->as_object() == nullptr) return false;
    const auto answered = parse_time(record->text("answered"));
    const auto id = record->text("id"), call_id = record->text("call_id"), from_tag = record->text("from_tag");
    if (!answered || id.empty() || call_id.empty() || open_.size() >= settings_.limit) return false;
    auto key = key_of(call_id, from_tag, record->text("to_tag"));
    const auto [open, fresh] = open_.try_emplace(key, Open{std::string(id), std::string(line), std::string(from_tag), *answered, kNoMember});
    if (!fresh) return false;
    const auto at = std::ranges::upper_bound(by_age_, *answered, {}, [](const auto& entry) { return entry.first; });
    by_age_.emplace(at, *answered, std::move(key));
    return true;
}

bool CallRecords::remember(base::Now now, std::string_view line) {
    const auto record = local::parse_json(line);
    const auto ended = record ? parse_time(record->text("ended")) : std::nullopt;
    if (!ended || *ended + kRepeats < now.wall) return false;
    recent_until_ = now.wall + kRepeats;
    recent_.insert(request_key(record->text("call_id"), record->text("from_tag"), record->integer("cseq")));
    return true;
}

std::vector<local::Value> CallRecords::rows() const {
    std::vector<local::Value> rows;
    for (const auto& [key, open] : open_) {
        const auto record = local::parse_json(open.line);
        if (!record) continue;
        rows.push_back(local::Value::object({{"call_id", record->text("call_id")},
                                             {"from", record->text("from")},
                                             {"to", record->text("to")},
                                             {"user", record->text("user")},
                                             {"source", record->text("source")},
                                             {"state", "answered"},
                                             {"target", record->text("target")},
                                             {"tried", 1}}));
    }
    return rows;
}

}  // namespace confab::proxy
