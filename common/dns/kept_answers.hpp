// Answers for as long as they live, up to a bound. Failures are not kept. Owner: the thread that holds it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "dns/locating.hpp"

namespace confab::dns {

class KeptAnswers {
public:
    static constexpr std::size_t kOctets = 4096;  // rdata of one answer; a longer one is not kept

    explicit KeptAnswers(std::size_t limit = 4096) : limit_(limit) {}

    // At the limit the answer that ends first makes room.
    void keep(const Question& question, const Answer& answer, base::Instant now, base::seconds time_to_live);
    const Answer* find(const Question& question, base::Instant now) const;  // valid until the next call
    std::size_t size() const { return answers_.size(); }

private:
    struct Kept {
        std::string octets;  // what the answer's views point into
        Answer answer;
        base::Instant until;
    };
    std::size_t limit_;
    std::map<Question, Kept> answers_;
};

}  // namespace confab::dns
