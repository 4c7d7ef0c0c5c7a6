// An index from hashes to slot numbers of a table that somebody else holds: eight octets an entry, no allocation but to grow.
//
// Open addressing with linear probing; erasing closes the gap, so there are no tombstones. The index knows hashes only: whoever searches compares the
// slot's real key. Many entries of one hash make a search long, so a key with many slots has one entry and its slots a chain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace confab::base {

class HashIndex {
public:
    static constexpr std::uint32_t kNone = 0xffffffff;

    // The first slot of this hash that `is_wanted(slot)` accepts, or kNone.
    template <class IsWanted>
    std::uint32_t find(std::uint32_t hash, IsWanted&& is_wanted) const {
        if (entries_.empty()) return kNone;
        for (auto at = hash & mask();; at = (at + 1) & mask()) {
            const auto& entry = entries_[at];
            if (entry.slot == kNone || (entry.hash == hash && is_wanted(entry.slot))) return entry.slot;
        }
    }

    void insert(std::uint32_t hash, std::uint32_t slot) {
        if (4 * (size_ + 1) > 3 * entries_.size()) grow();
        put({hash, slot});
        ++size_;
    }

    // The entry must exist.
    void replace(std::uint32_t hash, std::uint32_t slot, std::uint32_t by) { entries_[place_of(hash, slot)].slot = by; }

    void erase(std::uint32_t hash, std::uint32_t slot) {
        auto gap = place_of(hash, slot);
        for (auto at = (gap + 1) & mask(); entries_[at].slot != kNone; at = (at + 1) & mask()) {
            // An entry may move back to the gap when its home does not lie between the two.
            if (((at - entries_[at].hash) & mask()) < ((at - gap) & mask())) continue;
            entries_[gap] = entries_[at];
            gap = at;
        }
        entries_[gap].slot = kNone;
        --size_;
    }

    std::size_t size() const { return size_; }

private:
    struct Entry {
        std::uint32_t hash = 0;
        std::uint32_t slot = kNone;
    };

    std::size_t mask() const { return entries_.size() - 1; }
    std::size_t place_of(std::uint32_t hash, std::uint32_t slot) const {
        auto at = hash & mask();
        while (entries_[at].slot != slot) at = (at + 1) & mask();
        return at;
    }
    void put(Entry entry) {
        auto at = entry.hash & mask();
        while (entries_[at].slot != kNone) at = (at + 1) & mask();
        entries_[at] = entry;
    }
    void grow() {
        auto old = std::exchange(entries_, std::vector<Entry>(entries_.empty() ? 16 : 2 * entries_.size()));
        for (const auto& entry : old)
            if (entry.slot != kNone) put(entry);
    }

    std::vector<Entry> entries_;  // a power of two of them
    std::size_t size_ = 0;
};

}  // namespace confab::base
