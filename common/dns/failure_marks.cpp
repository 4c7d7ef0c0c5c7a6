#include "dns/failure_marks.hpp"

#include <algorithm>

namespace confab::dns {

void FailureMarks::mark(const Endpoint& endpoint, base::Instant until) {
    if (const auto known = marks_.find(endpoint); known != marks_.end()) {
        known->second = std::max(known->second, until);
        return;
    }
    if (limit_ == 0) return;
    if (marks_.size() >= limit_) marks_.erase(std::ranges::min_element(marks_, {}, [](const auto& mark) { return mark.second; }));
    marks_.emplace(endpoint, until);
}

bool FailureMarks::is_marked(const Endpoint& endpoint, base::Instant now) const {
    const auto known = marks_.find(endpoint);
    return known != marks_.end() && now < known->second;
}

void FailureMarks::order(std::vector<Endpoint>& endpoints, base::Instant now) const {
    if (marks_.empty()) return;
    std::ranges::stable_partition(endpoints, [&](const Endpoint& endpoint) { return !is_marked(endpoint, now); });
}

}  // namespace confab::dns
