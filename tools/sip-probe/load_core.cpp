#include "sip-probe/load_core.hpp"

#include <algorithm>

#include "sip-probe/load_flood.hpp"

namespace confab::probe {
namespace {

constexpr std::size_t kMostSlots = 1 << 20;
constexpr std::uint8_t kMostTries = 6, kT2Tries = 3;     // T1·2³ = T2 (RFC 3261 Table 4)
constexpr base::Duration kTurn = base::milliseconds(1);  // alarms may wait so long for company

std::vector<base::Duration> alarm_lengths(const LoadPlan& plan) {
    std::vector<base::Duration> lengths{plan.timeout, plan.hold};
    for (int doubling = 0; doubling <= kMostTries; ++doubling) lengths.push_back(plan.t1 * (1 << doubling));
    return lengths;
}

}  // namespace

LoadCore::LoadCore(LoadPlan plan, LoadUsers users, std::string_view run)
    : plan_(std::move(plan)), run_(run), credentials_(std::move(users), first_method(plan_.operation), plan_.uri, plan_.keep_nonce),
      template_(request_template(plan_)), alarms_(alarm_lengths(plan_)), up_(plan_.lines.size(), true), lines_up_(plan_.lines.size()) {}

void LoadCore::begin(base::Instant now) {
    begin_ = now;
    window_begin_ = now + plan_.warm_up;
    begun_ = true;
}

std::optional<base::Instant> LoadCore::window_end() const {
    if (plan_.duration == base::Duration{}) return std::nullopt;
    return window_begin_ + plan_.duration;
}

bool LoadCore::in_window(base::Instant at) const { return at >= window_begin_ && (plan_.duration == base::Duration{} || at < window_begin_ + plan_.duration); }

base::Instant LoadCore::intended(std::uint64_t number) const {
    return begin_ + base::Duration(static_cast<std::int64_t>(static_cast<double>(number) * 1e9 / plan_.rate));
}

bool LoadCore::may_begin(base::Instant now) {
    if (plan_.count > 0 && tally_.sent >= plan_.count) wants_more_ = false;
    const auto end = window_end();
    const auto due = plan_.rate > 0 ? intended(tally_.sent) : now;
    if (end && due >= *end) wants_more_ = false;
    if (!wants_more_) return false;
    if (plan_.rate > 0) return due <= now;
    return live_ < plan_.outstanding && lines_up_ > 0;
}

std::optional<base::Instant> LoadCore::next() const {
    auto earliest = alarms_.next();
    if (earliest) *earliest += kTurn;
    if (wants_more_ && plan_.rate > 0) earliest = std::min(earliest.value_or(base::Instant::max()), intended(tally_.sent));
    if (const auto end = window_end(); wants_more_ && end) earliest = std::min(earliest.value_or(*end), *end);
    return earliest;
}

void LoadCore::advance(base::Instant now, Sendings& out) {
    expire(now, out);
    while (may_begin(now)) begin_one(now, out);
}

void LoadCore::begin_one(base::Instant now, Sendings& out) {
    const auto number = tally_.sent++;
    const auto line = number % plan_.lines.size();
    if (live_ == kMostSlots || (!up_[line] && !plan_.retransmit)) {
        ++tally_.failures[live_ == kMostSlots ? "too-many" : "closed"];
        return;
    }
    const auto user = static_cast<std::uint32_t>((plan_.first_user + number) % credentials_.users());
    if (plan_.operation == Operation::flood) {
        out.compose(line, [&](std::string& text) { append_flood(text, plan_, credentials_.user(user), plan_.lines[line], run_, number); });
        return;
    }
    const auto at = take_slot();
    auto& slot = slots_[at];
    slot.intended = plan_.rate > 0 ? intended(number) : now;
    slot.user = user;
    slot.cseq = static_cast<std::uint32_t>(4 * number + 1) & 0x7fffffff;
    slot.line = static_cast<std::uint16_t>(line);
    extra_.clear();
    if (plan_.keep_nonce) credentials_.append_kept(extra_, slot.user);
    request(now, at, Step::first, out);
}

std::size_t LoadCore::take_slot() {
    ++live_;
    if (free_.empty()) {
        slots_.emplace_back();
        return slots_.size() - 1;
    }
    const auto at = free_.back();
    free_.pop_back();
    return at;
}

void LoadCore::free_slot(std::size_t at) {
    auto& slot = slots_[at];
    slot.generation = (slot.generation + 1) & 0xffffff;
    slot.step = slot.invited = Step::none;
    slot.resumed.reset();
    slot.to.clear();
    slot.route.clear();
    slot.target.clear();
    free_.push_back(at);
    --live_;
}

void LoadCore::record_latency(base::Instant now, const Slot& slot) {
    if (in_window(slot.intended)) tally_.latency.record(now - slot.intended);
}

void LoadCore::succeed(base::Instant now, std::size_t at) {
    ++tally_.answered;
    if (in_window(now)) ++tally_.completed;
    if (now > window_begin_) tally_.seconds = std::chrono::duration<double>(std::min(now, window_end().value_or(now)) - window_begin_).count();
    free_slot(at);
}

void LoadCore::fail(std::size_t at, const std::string& reason) {
    ++tally_.failures[reason];
    free_slot(at);
}

void LoadCore::finish() {
    for (std::size_t at = 0; at < slots_.size(); ++at)
        if (slots_[at].step != Step::none) fail(at, "unfinished");
}

void LoadCore::line_down(std::size_t line) {
    if (!up_[line]) return;
    up_[line] = false;
    --lines_up_;
    if (plan_.retransmit) return;
    for (std::size_t at = 0; at < slots_.size(); ++at)
        if (slots_[at].step != Step::none && slots_[at].line == line) fail(at, "closed");
}

void LoadCore::line_up(base::Instant now, std::size_t line, Sendings& out) {
    if (up_[line]) return;
    up_[line] = true;
    ++lines_up_;
    for (std::size_t at = 0; at < slots_.size(); ++at)
        if (slots_[at].line == line && is_asking(slots_[at].step)) {
            slots_[at].resumed = now;
            send_again(at, out);
        }
    advance(now, out);
}

void LoadCore::expire(base::Instant now, Sendings& out) {
    while (const auto due = alarms_.pop_due(now)) {
        const auto at = static_cast<std::size_t>(due->owner);
        auto& slot = slots_[at];
        if (slot.step == Step::none || slot.mark != due->mark) continue;
        if (due->kind == give_up)
            fail(at, "timeout");
        else if (due->kind == hang_up)
            end_call(now, at, out);
        else
            retransmit(now, at, out);
    }
}

void LoadCore::retransmit(base::Instant now, std::size_t at, Sendings& out) {
    auto& slot = slots_[at];
    if (slot.is_quiet) return;
    send_again(at, out);
    const bool invite = is_call() && slot.step != Step::ending;
    slot.tries = std::min<std::uint8_t>(static_cast<std::uint8_t>(slot.tries + 1), invite ? kMostTries : kT2Tries);
    alarms_.set(resend + slot.tries, now, at, slot.mark);
}

void LoadCore::send_again(std::size_t at, Sendings& out) {
    const auto& slot = slots_[at];
    if (!up_[slot.line] || slot.request.empty()) return;
    ++tally_.retransmitted;
    out.compose(slot.line, [&](std::string& text) { text += slot.request; });
}

}  // namespace confab::probe
