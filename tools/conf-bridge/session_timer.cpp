#include "conf-bridge/session_timer.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "conf-bridge/capabilities.hpp"
#include "sip/grammar.hpp"

namespace confab::bridge {
namespace {

constexpr base::seconds kLeastMinimum{90};   // §5
constexpr base::seconds kLongest{86'400};
constexpr base::seconds kFarewellMargin{32};  // §10
constexpr base::seconds kRetry{10};

std::optional<base::seconds> seconds_in(std::string_view value) {
    const auto number = base::parse_number<std::uint32_t>(base::trim(value.substr(0, value.find(';'))));
    if (!number) return std::nullopt;
    return std::min(base::seconds(*number), kLongest);
}

base::milliseconds random_within(base::Random& random, base::milliseconds low, base::milliseconds high) {
    return low + base::milliseconds(random.below(static_cast<std::uint64_t>((high - low).count()) + 1));
}

// RFC 3261 §14.1, in units of 10 ms.
base::milliseconds glare_wait(base::Random& random, bool owns_call_id) {
    return owns_call_id ? base::milliseconds(2100 + 10 * random.below(191)) : base::milliseconds(10 * random.below(201));
}

}  // namespace

SessionExpires SessionExpires::read(const sip::Message& message) {
    SessionExpires out;
    out.supported = lists(message, sip::HeaderName::supported, kTimerTag) || lists(message, sip::HeaderName::require, kTimerTag);
    if (const auto* header = message.find(sip::HeaderName::min_se)) out.minimum = seconds_in(header->value);
    const auto* header = message.find(sip::HeaderName::session_expires);
    if (!header) return out;
    out.interval = seconds_in(header->value);
    const auto parameters = header->value.find(';');
    if (parameters == std::string_view::npos) return out;
    const auto refresher = sip::Params{header->value.substr(parameters)}.get("refresher").value_or("");
    if (base::iequals(refresher, "uac")) out.refresher = Refresher::uac;
    if (base::iequals(refresher, "uas")) out.refresher = Refresher::uas;
    return out;
}

bool SessionTimer::is_too_short(const sip::Message& request, const TimerPolicy& policy) {
    const auto read = SessionExpires::read(request);
    return policy.on && read.supported && read.interval && *read.interval < policy.minimum;
}

void SessionTimer::learn(const sip::Message& message, const SessionExpires& read) {
    peer_knows_ = read.supported;
    if (message.find(sip::HeaderName::allow)) peer_updates_ = lists(message, sip::HeaderName::allow, sip::method_name(sip::Method::update));
    minimum_ = std::max(minimum_, read.minimum.value_or(kLeastMinimum));
}

// §9 with its table 2.
void SessionTimer::answer(const sip::Message& request, const TimerPolicy& policy, base::Now now, base::Random& random) {
    if (!policy.on) return;
    const auto read = SessionExpires::read(request);
    learn(request, read);
    interval_ = std::max(std::min(read.interval.value_or(policy.interval), policy.interval), std::max(minimum_, policy.minimum));
    const bool we = !peer_knows_ || read.refresher == SessionExpires::Refresher::uas;
    refresher_ = we ? Refresher::we : Refresher::peer;
    start(now, random);
}

void SessionTimer::append_answer(std::string& out) const {
    if (refresher_ == Refresher::nobody) return;
    out += "Session-Expires: ";
    base::append_number(out, static_cast<std::uint64_t>(interval_.count()));
    out += refresher_ == Refresher::we ? ";refresher=uas\r\n" : ";refresher=uac\r\n";
    if (peer_knows_) out.append("Require: ").append(kTimerTag).append("\r\n");
}

// §7.1, §7.4: a refresh keeps the roles.
void SessionTimer::append_request(std::string& out, const TimerPolicy& policy) const {
    if (!policy.on) return;
    const auto interval = interval_.count() != 0 ? interval_ : std::max(policy.interval, minimum_);
    out += "Session-Expires: ";
    base::append_number(out, static_cast<std::uint64_t>(interval.count()));
    if (refresher_ != Refresher::nobody) out += refresher_ == Refresher::we ? ";refresher=uac" : ";refresher=uas";
    out += "\r\nMin-SE: ";
    base::append_number(out, static_cast<std::uint64_t>(std::max(policy.minimum, minimum_).count()));
    out += "\r\n";
}

// §7.2: a peer that says nothing of it leaves the refreshing to us.
void SessionTimer::succeed(const sip::Message& response, const TimerPolicy& policy, base::Now now, base::Random& random) {
    if (!policy.on) return;
    const auto read = SessionExpires::read(response);
    learn(response, read);
    peer_knows_ = peer_knows_ || read.interval;
    interval_ = std::max(read.interval.value_or(std::max(policy.interval, minimum_)), kLeastMinimum);
    refresher_ = read.interval && read.refresher == SessionExpires::Refresher::uas ? Refresher::peer : Refresher::we;
    start(now, random);
}

SessionTimer::Verdict SessionTimer::fail(int status, const sip::Message* response, bool owns_call_id, base::Now now, base::Random& random) {
    if (status == 408 || status == 481) return Verdict::end;
    if (status == 491) {
        postpone(owns_call_id, now, random);
        return Verdict::again;
    }
    const auto minimum = response && status == 422 ? SessionExpires::read(*response).minimum : std::nullopt;
    if (minimum && *minimum > interval_) {
        minimum_ = interval_ = *minimum;
        refresh_at_ = now.steady + glare_wait(random, false);  // a peer that raises it for ever is not followed at once
        return Verdict::again;
    }
    if (!peer_knows_ && response) {
        start(now, random);
        return Verdict::refreshed;
    }
    refresh_at_ = now.steady + kRetry + glare_wait(random, false);
    if (*refresh_at_ >= *ends_at_) refresh_at_.reset();
    return Verdict::again;
}

bool SessionTimer::lengthen(const sip::Message& response, const TimerPolicy& policy) {
    const auto minimum = SessionExpires::read(response).minimum;
    if (!minimum || *minimum <= policy.interval || minimum_.count() != 0) return false;
    minimum_ = *minimum;
    return true;
}

void SessionTimer::postpone(bool owns_call_id, base::Now now, base::Random& random) {
    refresh_at_ = now.steady + glare_wait(random, owns_call_id);
}

void SessionTimer::start(base::Now now, base::Random& random) {
    const base::milliseconds interval = interval_;
    ends_at_ = now.steady + interval - std::min<base::milliseconds>(kFarewellMargin, interval / 3);
    refresh_at_.reset();
    if (refresher_ == Refresher::we) refresh_at_ = now.steady + random_within(random, interval * 35 / 100, interval / 2);
}

SessionTimer::Due SessionTimer::take_due(base::Now now) {
    if (ends_at_ && *ends_at_ <= now.steady) return Due::expire;
    if (!refresh_at_ || *refresh_at_ > now.steady) return Due::nothing;
    refresh_at_.reset();
    return Due::refresh;
}

}  // namespace confab::bridge
