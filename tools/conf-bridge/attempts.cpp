#include "conf-bridge/attempts.hpp"

namespace confab::bridge {

void Attempts::miss(base::Instant now, std::string_view caller, base::Duration window) {
    auto found = callers_.find(caller);
    if (found == callers_.end()) {
        make_room(now);
        found = callers_.emplace(caller, Count{}).first;
    }
    auto& count = found->second;
    if (now >= count.until) count = {0, now + window};
    ++count.misses;
}

bool Attempts::is_barred(base::Instant now, std::string_view caller, std::uint32_t misses) const {
    const auto found = callers_.find(caller);
    return found != callers_.end() && now < found->second.until && found->second.misses >= misses;
}

void Attempts::make_room(base::Instant now) {
    if (callers_.size() < kMost) return;
    std::erase_if(callers_, [&](const auto& entry) { return now >= entry.second.until; });
    if (callers_.size() >= kMost) callers_.erase(callers_.begin());
}

}  // namespace confab::bridge
