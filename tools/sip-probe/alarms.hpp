// Deadlines of a few fixed lengths: each length has a queue of its own, whose front is always its earliest, so that setting one and taking one
// cost nothing worth counting. None is cancelled: `mark` lets the owner see that one no longer matters.
//
// Pure. Owner: the load's one thread, or a test.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/time.hpp"

namespace confab::probe {

class Alarms {
public:
    struct Due {
        std::size_t kind;
        std::uint64_t owner;
        std::uint32_t mark;
    };

    explicit Alarms(std::vector<base::Duration> lengths) : lengths_(std::move(lengths)), queues_(lengths_.size()) {}

    void set(std::size_t kind, base::Instant now, std::uint64_t owner, std::uint32_t mark) {
        queues_[kind].push_back({now + lengths_[kind], owner, mark});
    }

    std::optional<base::Instant> next() const {
        std::optional<base::Instant> earliest;
        for (const auto& queue : queues_)
            if (!queue.empty() && (!earliest || queue.front().at < *earliest)) earliest = queue.front().at;
        return earliest;
    }

    std::optional<Due> pop_due(base::Instant now) {
        for (std::size_t kind = 0; kind < queues_.size(); ++kind) {
            auto& queue = queues_[kind];
            if (queue.empty() || queue.front().at > now) continue;
            const auto entry = queue.front();
            queue.pop_front();
            return Due{kind, entry.owner, entry.mark};
        }
        return std::nullopt;
    }

private:
    struct Entry {
        base::Instant at;
        std::uint64_t owner;
        std::uint32_t mark;
    };
    std::vector<base::Duration> lengths_;
    std::vector<std::deque<Entry>> queues_;
};

}  // namespace confab::probe
