// When slots of a table run out, to the second: a ring of one list for each second, threaded through the slots themselves.
//
// Setting, moving and dropping a deadline are O(1) and allocate nothing. A deadline beyond the ring's 68 minutes is passed over once a lap. `link(slot)`
// answers the Link that the table keeps for a slot.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"

namespace confab::sip {

class ExpiryRing {
public:
    static constexpr std::uint32_t kNone = 0xffffffff;
    struct Link {
        std::uint32_t before = kNone, after = kNone;
        std::uint32_t second = 0;  // 0: not set
    };

    template <class LinkOf>
    void set(std::uint32_t slot, base::Instant at, base::Instant now, LinkOf&& link) {
        drop(slot, link);
        if (swept_ == 0) swept_ = floor(now) - 1;
        const auto second = std::max(ceil(at), swept_ + 1);
        auto& head = heads_[second % kSeconds];
        link(slot) = {kNone, head, second};
        if (head != kNone) link(head).before = slot;
        head = slot;
        earliest_ = std::min(earliest_, second);
    }

    template <class LinkOf>
    void drop(std::uint32_t slot, LinkOf&& link) {
        auto& mine = link(slot);
        if (mine.second == 0) return;
        if (mine.before != kNone)
            link(mine.before).after = mine.after;
        else
            heads_[mine.second % kSeconds] = mine.after;
        if (mine.after != kNone) link(mine.after).before = mine.before;
        mine = {};
    }

    // Never late; early when what was due first has been dropped.
    std::optional<base::Instant> next() const {
        if (earliest_ == kNone) return std::nullopt;
        return base::Instant(std::chrono::seconds(earliest_));
    }

    // Takes one slot that is due, its deadline dropped; call until it answers nothing.
    template <class LinkOf>
    std::optional<std::uint32_t> pop_due(base::Instant now, LinkOf&& link) {
        const auto last = floor(now);
        while (earliest_ <= last) {
            for (auto slot = heads_[earliest_ % kSeconds]; slot != kNone; slot = link(slot).after) {
                if (link(slot).second > earliest_) continue;
                drop(slot, link);
                return slot;
            }
            swept_ = earliest_;
            earliest_ = next_used();
        }
        return std::nullopt;
    }

private:
    static constexpr std::uint32_t kSeconds = 4096;

    static std::uint32_t floor(base::Instant at) {
        return static_cast<std::uint32_t>(std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()).count());
    }
    static std::uint32_t ceil(base::Instant at) {
        return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(at.time_since_epoch()).count());
    }
    std::uint32_t next_used() const {
        for (std::uint32_t ahead = 1; ahead <= kSeconds; ++ahead)
            if (heads_[(swept_ + ahead) % kSeconds] != kNone) return swept_ + ahead;
        return kNone;
    }

    std::vector<std::uint32_t> heads_ = std::vector<std::uint32_t>(kSeconds, kNone);
    std::uint32_t swept_ = 0;         // all due until this second has been taken
    std::uint32_t earliest_ = kNone;
};

}  // namespace confab::sip
