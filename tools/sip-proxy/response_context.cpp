#include "sip-proxy/response_context.hpp"

#include <algorithm>
#include <iterator>

namespace confab::proxy {
namespace {

constexpr std::size_t kKeptCapacity = 16'384;  // a text that grew beyond gives its memory back

// §16.7 step 6: any 6xx first, then the lowest class; among 4xx those that tell the caller how to mend the request. What a dead target says is
// worth least.
int rank(int status) {
    if (status == 0) return 1000;
    if (status == 503) return 950;
    if (status == 430) return 900;
    if (status >= 600) return 0;
    const int group = status / 100 * 10;
    const bool mendable = status == 401 || status == 407 || status == 415 || status == 420 || status == 484;
    return mendable ? group : group + 1;
}

// What says that this target is dead rather than that the request is unwelcome.
bool is_target_failure(int status) { return status == 0 || status == 503 || status == 430; }

bool is_challenge(int status) { return status == 401 || status == 407; }

void insert_lines(std::string& message, std::string_view lines) {
    const auto end = message.find("\r\n\r\n");
    if (end != std::string::npos) message.insert(end + 2, lines);
}

void empty(std::string& text) {
    if (text.capacity() > kKeptCapacity) text = std::string();
    text.clear();
}

}  // namespace

ResponseContext::Group ResponseContext::take_group(std::size_t most) {
    const auto first = next_target_;
    while (next_target_ < targets.size() && targets[next_target_].group == targets[first].group && next_target_ - first < most)
        ++next_target_;
    return {first, next_target_};
}

bool ResponseContext::insert(Targets&& more) {
    if (targets.size() + more.size() > Target::kMost) return false;
    unsigned highest = 0;
    for (const auto& target : targets) highest = std::max(highest, target.group);
    for (auto& target : more) target.group += highest + 1;
    targets.insert(targets.begin() + static_cast<std::ptrdiff_t>(next_target_), std::move_iterator(more.begin()),
                   std::move_iterator(more.end()));
    return true;
}

void ResponseContext::offer(int status, std::string_view bytes, std::string_view challenges) {
    if (status >= 600) barred_ = true;
    const bool better = rank(status) < rank(best_status_);
    if (better) {
        best_status_ = status;
        best_.assign(bytes);
    }
    if (!is_challenge(status) || challenges_.size() + challenges.size() > kMostChallenges) return;
    if (is_challenge(best_status_)) insert_lines(best_, better ? std::string_view(challenges_) : challenges);
    challenges_ += challenges;
}

ResponseContext::Step ResponseContext::next_step() const {
    if (question != 0 || resolving != 0 || has_pending()) return Step::wait;
    const bool more = next_target_ < targets.size() && !cancelled && !barred_;
    return more && is_target_failure(best_status_) ? Step::try_next_group : Step::conclude;
}

ResponseContext::Conclusion ResponseContext::conclusion() const {
    if (cancelled && is_target_failure(best_status_)) return {487, {}};
    if (best_status_ == 0 || best_status_ == 503) return {503, {}};
    if (best_status_ == 430) return {by_flow ? 430 : 480, {}};
    return {best_status_, best_};
}

bool ResponseContext::has_pending() const { return std::ranges::any_of(branches, &Branch::pending); }

// What the branches at work have not taken (RFC 5393 §5.3.3).
std::size_t ResponseContext::breadth_left() const {
    std::size_t taken = 0;
    for (const auto& branch : branches)
        if (branch.pending()) taken += branch.breadth;
    return breadth > taken ? breadth - taken : 0;
}

Remains ResponseContext::remains() const {
    Remains remains{server, upstream, 0, 0, method, false};
    for (std::size_t i = 0; i < branches.size(); ++i)
        if (branches[i].state != Branch::State::finished) remains.open |= 1U << i;
    return remains;
}

void ResponseContext::reset() {
    server = {};
    source = upstream = {};
    method = sip::Method::other;
    empty(request);
    trusted = in_dialog = cancelled = by_flow = barred_ = false;
    empty(user);
    rule.reset();
    arrived = ringing = {};
    stage = Stage::forwarding;
    question = 0;
    targets.clear();
    branches.clear();
    resolving = breadth = 0;
    next_target_ = 0;
    best_status_ = 0;
    empty(best_);
    empty(challenges_);
}

void append_challenges_of(std::string& out, const sip::Message& response) {
    for (const auto& header : response.headers())
        if (header.id == sip::HeaderName::www_authenticate || header.id == sip::HeaderName::proxy_authenticate) out += header.line;
}

}  // namespace confab::proxy
