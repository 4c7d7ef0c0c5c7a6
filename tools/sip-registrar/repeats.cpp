#include "sip-registrar/repeats.hpp"

#include <utility>

namespace confab::registrar {
namespace {

constexpr std::uint64_t kAnswerBits = 3;

}  // namespace

Repeats::Answer Repeats::find(base::Instant now, std::uint64_t key) const {
    if (now - started_ >= 2 * lifetime_) return Answer::none;
    const auto answer = present_.find(key);
    return answer != Answer::none ? answer : past_.find(key);
}

void Repeats::remember(base::Instant now, std::uint64_t key, Answer answer) {
    if (now - started_ >= lifetime_ || 2 * present_.size() >= limit_) {
        past_ = now - started_ >= 2 * lifetime_ ? Generation{} : std::move(present_);
        present_ = {};
        started_ = now;
    }
    present_.put(key, answer);
}

std::size_t Repeats::Generation::place_of(std::uint64_t key) const {
    const auto mask = entries_.size() - 1;
    auto at = static_cast<std::size_t>(key >> 2) & mask;
    while (entries_[at] != 0 && (entries_[at] | kAnswerBits) != (key | kAnswerBits)) at = (at + 1) & mask;
    return at;
}

Repeats::Answer Repeats::Generation::find(std::uint64_t key) const {
    return entries_.empty() ? Answer::none : static_cast<Answer>(entries_[place_of(key)] & kAnswerBits);
}

void Repeats::Generation::put(std::uint64_t key, Answer answer) {
    if (4 * (size_ + 1) > 3 * entries_.size()) grow();
    auto& entry = entries_[place_of(key)];
    if (entry == 0) ++size_;
    entry = (key & ~kAnswerBits) | static_cast<std::uint64_t>(answer);
}

void Repeats::Generation::grow() {
    const auto old = std::exchange(entries_, std::vector<std::uint64_t>(entries_.empty() ? 64 : 2 * entries_.size()));
    for (const auto entry : old)
        if (entry != 0) entries_[place_of(entry)] = entry;
}

}  // namespace confab::registrar
