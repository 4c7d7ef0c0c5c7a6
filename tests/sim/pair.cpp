#include "sim/pair.hpp"

#include <algorithm>

#include "sip/compose.hpp"

namespace confab::sim {
namespace {

constexpr base::milliseconds kT1{500}, kT2{4000};
const sip::Hop kCaller{sip::Transport::udp, *base::SocketAddress::parse("192.0.2.1:5060")};
const sip::Hop kCallee{sip::Transport::udp, *base::SocketAddress::parse("192.0.2.2:5060")};

base::Seed seed_of(std::uint64_t value) {
    base::Seed seed{};
    for (std::size_t i = 0; i < 8; ++i) seed[i] = static_cast<std::uint8_t>(value >> (8 * i));
    return seed;
}

void earlier(std::optional<base::Instant>& first, std::optional<base::Instant> other) {
    if (other && (!first || *other < *first)) first = other;
}

}  // namespace

Pair::Pair(const Plan& plan, std::uint64_t seed)
    : plan_(plan), caller_({}, seed_of(seed), 100), callee_({}, seed_of(seed + 1), 100), there_(plan.link, seed), back_(plan.link, ~seed) {}

base::Now Pair::now() const { return {time_, base::WallTime{}}; }

Outcome Pair::run() {
    start();
    while (const auto at = next()) {
        time_ = std::max(time_, *at);
        deliver();
        expire();
        act();
        flush();
    }
    outcome_.live_at_end = caller_.live_clients() + caller_.live_servers() + callee_.live_clients() + callee_.live_servers();
    outcome_.lasted = std::chrono::duration_cast<base::milliseconds>(time_ - base::Instant{});
    return outcome_;
}

std::optional<base::Instant> Pair::next() {
    std::optional<base::Instant> first;
    for (auto* link : {&there_, &back_}) earlier(first, link->next());
    for (auto* layer : {&caller_, &callee_}) earlier(first, layer->next_deadline());
    for (const auto& action : actions_) earlier(first, action.at);
    return first;
}

void Pair::start() {
    std::string branch;
    caller_.append_branch(branch);
    sip::append_request(request_, {.method = plan_.invite ? sip::Method::invite : sip::Method::options,
                                   .uri = "sip:b@192.0.2.2",
                                   .via_sent_by = "192.0.2.1:5060",
                                   .branch = branch,
                                   .from = "<sip:a@192.0.2.1>;tag=a",
                                   .to = "<sip:b@192.0.2.2>",
                                   .call_id = "c",
                                   .headers = "Contact: <sip:a@192.0.2.1>\r\n"});
    client_ = caller_.request(now(), kCallee, request_, 0, from_caller_);
    if (plan_.cancelling.count() > 0) schedule(plan_.cancelling, Action::Kind::cancel);
    flush();
}

void Pair::schedule(base::milliseconds after, Action::Kind kind) { actions_.push_back({time_ + after, kind}); }

void Pair::deliver() {
    sip::Message message;
    while (const auto bytes = there_.pop(time_)) {
        if (split(*bytes, message) == sip::ParseError::none) callee_heard(callee_.receive(now(), kCaller, message, from_callee_), message);
    }
    while (const auto bytes = back_.pop(time_)) {
        if (split(*bytes, message) == sip::ParseError::none) caller_heard(caller_.receive(now(), kCallee, message, from_caller_), message);
    }
}

void Pair::expire() {
    while (caller_.more_due(now())) note(caller_.expire(now(), from_caller_));
    while (callee_.more_due(now())) note(callee_.expire(now(), from_callee_));
}

void Pair::note(const sip::Event& event) {
    using Kind = sip::Event::Kind;
    outcome_.timeouts += event.kind == Kind::timeout;
    outcome_.no_acks += event.kind == Kind::no_ack;
    outcome_.gone += event.kind == Kind::gone;
}

void Pair::caller_heard(const sip::Event& event, const sip::Message& message) {
    outcome_.strays += event.kind == sip::Event::Kind::stray;
    if (event.kind != sip::Event::Kind::response || message.status < 200) return;
    (outcome_.last_status == 0 ? outcome_.first_finals : outcome_.repeated_finals) += 1;
    outcome_.last_status = message.status;
    if (plan_.invite && message.status < 300) send_ack(message);
}

void Pair::send_ack(const sip::Message& response) {
    std::string branch;
    caller_.append_branch(branch);
    from_caller_.compose(kCallee, [&](std::string& out) {
        sip::append_request(out, {.method = sip::Method::ack, .uri = "sip:b@192.0.2.2", .via_sent_by = "192.0.2.1:5060", .branch = branch,
                                  .from = response.from, .to = response.to, .call_id = response.call_id, .cseq = response.cseq});
    });
}

void Pair::callee_heard(const sip::Event& event, const sip::Message& message) {
    using Kind = sip::Event::Kind;
    if (event.kind == Kind::request) {
        // After Timer J or L even a late duplicate is a new request to the layer; this user answers the first only.
        if (++outcome_.requests > 1) return;
        server_ = event.server;
        received_ = std::string(message.bytes);
        if (plan_.ringing.count() > 0) schedule(plan_.ringing, Action::Kind::ring);
        schedule(plan_.answering, Action::Kind::answer);
    }
    if (event.kind == Kind::ack) {
        ++outcome_.acks;
        acknowledged_ = true;
    }
    if (event.kind == Kind::cancel) {
        ++outcome_.cancels;
        if (!answered_) answer(487);
    }
}

void Pair::act() {
    for (std::size_t i = 0; i < actions_.size();) {
        if (actions_[i].at > time_) {
            ++i;
            continue;
        }
        const auto kind = actions_[i].kind;
        actions_.erase(actions_.begin() + static_cast<std::ptrdiff_t>(i));
        do_action(kind);
    }
}

void Pair::do_action(Action::Kind kind) {
    if (kind == Action::Kind::cancel) return caller_.cancel(now(), client_, from_caller_);
    if (kind == Action::Kind::ring && !answered_) return answer(180);
    if (kind == Action::Kind::answer && !answered_) return answer(plan_.status);
    if (kind == Action::Kind::repeat_2xx && !acknowledged_) return answer(plan_.status);
}

void Pair::answer(int status) {
    sip::Message request;
    split(received_, request);
    std::string response;
    sip::append_response(response, request, kCaller, {.status = status, .to_tag = "b", .headers = "Contact: <sip:b@192.0.2.2>\r\n"});
    callee_.respond(now(), server_, response, from_callee_);
    if (status < 200) return;
    answered_ = true;
    if (!plan_.invite || status >= 300) return;
    repeat_interval_ = repeat_interval_.count() == 0 ? kT1 : std::min(2 * repeat_interval_, kT2);
    if (time_ < base::Instant{} + 64 * kT1) schedule(repeat_interval_, Action::Kind::repeat_2xx);
}

void Pair::flush() {
    for (const auto& entry : from_caller_.entries()) there_.send(time_, from_caller_.bytes(entry));
    for (const auto& entry : from_callee_.entries()) back_.send(time_, from_callee_.bytes(entry));
    from_caller_.clear();
    from_callee_.clear();
}

}  // namespace confab::sim
