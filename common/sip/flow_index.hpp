// Which slots of a table are reached over which flow (RFC 5626), by the hash of the flow's name. Searching finds candidates: the caller compares names.
//
// A slot may hang on several flows (one for each Path value) and a flow may carry any number of slots: all changes are O(1) for each pair.
#pragma once

#include <cstdint>
#include <deque>

#include "base/hash_index.hpp"

namespace confab::sip {

class FlowIndex {
public:
    static constexpr std::uint32_t kNone = base::HashIndex::kNone;

    // Adds `slot` under `hash`; `first` is the slot's own chain of links, which this call and `drop` change.
    void add(std::uint32_t hash, std::uint32_t slot, std::uint32_t& first) {
        const auto at = take();
        const auto head = heads_.find(hash, [](std::uint32_t) { return true; });
        links_[at] = {hash, slot, kNone, head, first};
        first = at;
        if (head == kNone) return heads_.insert(hash, at);
        links_[head].before = at;
        heads_.replace(hash, head, at);
    }

    void drop(std::uint32_t& first) {
        while (first != kNone) {
            const auto at = first;
            first = links_[at].sibling;
            release(at);
        }
    }

    template <class Visit>
    void each(std::uint32_t hash, Visit&& visit) const {
        for (auto at = heads_.find(hash, [](std::uint32_t) { return true; }); at != kNone; at = links_[at].after) visit(links_[at].slot);
    }

private:
    struct Link {
        std::uint32_t hash, slot;
        std::uint32_t before, after;  // of the same hash
        std::uint32_t sibling;        // of the same slot; of the free links
    };

    std::uint32_t take() {
        if (free_ == kNone) {
            links_.emplace_back();
            return static_cast<std::uint32_t>(links_.size() - 1);
        }
        return std::exchange(free_, links_[free_].sibling);
    }
    void release(std::uint32_t at) {
        auto& link = links_[at];
        if (link.after != kNone) links_[link.after].before = link.before;
        if (link.before != kNone)
            links_[link.before].after = link.after;
        else if (link.after != kNone)
            heads_.replace(link.hash, at, link.after);
        else
            heads_.erase(link.hash, at);
        link.sibling = std::exchange(free_, at);
    }

    base::HashIndex heads_;
    std::deque<Link> links_;
    std::uint32_t free_ = kNone;
};

}  // namespace confab::sip
