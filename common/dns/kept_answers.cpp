#include "dns/kept_answers.hpp"

#include <algorithm>

namespace confab::dns {

// A cache that believes in years outlives every mistake in a zone.
constexpr base::seconds kLongest = std::chrono::hours(1);

void KeptAnswers::keep(const Question& question, const Answer& answer, base::Instant now, base::seconds time_to_live) {
    std::string octets;
    for (const auto rdata : answer.rdata) octets += rdata;
    if (answer.outcome == Answer::Outcome::failed || time_to_live <= base::seconds(0) || octets.size() > kOctets || limit_ == 0) return;
    if (answers_.size() >= limit_ && !answers_.contains(question))
        answers_.erase(std::ranges::min_element(answers_, {}, [](const auto& kept) { return kept.second.until; }));
    auto& kept = answers_[question];
    kept = {std::move(octets), answer, now + std::min(time_to_live, kLongest)};
    std::size_t at = 0;
    for (auto& rdata : kept.answer.rdata) {
        rdata = std::string_view(kept.octets).substr(at, rdata.size());
        at += rdata.size();
    }
}

const Answer* KeptAnswers::find(const Question& question, base::Instant now) const {
    const auto kept = answers_.find(question);
    return kept != answers_.end() && now < kept->second.until ? &kept->second.answer : nullptr;
}

}  // namespace confab::dns
