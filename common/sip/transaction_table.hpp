// Live transactions of one kind, found by id in one step and by key through a flat index that tells most misses without touching a slot.
//
// An id is a slot's number and generation, so the id of a finished transaction finds nothing. Slots are reused and never move.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "sip/transaction_key.hpp"

namespace confab::sip {

template <class Entry>
class TransactionTable {
public:
    std::uint64_t insert(const TransactionKey& key, const Entry& entry) {
        if (4 * (size_ + 1) > 3 * cells_.size()) grow();
        const auto index = take_slot();
        auto& slot = slot_at(index);
        slot.entry = entry;
        slot.key = key;
        slot.live = true;
        put({hash_of(key), index});
        ++size_;
        return id_of(index);
    }

    Entry* find(std::uint64_t id) {
        const auto index = static_cast<std::uint32_t>(id);
        if (index >= made_) return nullptr;
        auto& slot = slot_at(index);
        return slot.live && slot.generation == id >> 32 ? &slot.entry : nullptr;
    }
    const Entry* find(std::uint64_t id) const { return const_cast<TransactionTable*>(this)->find(id); }

    // The id of the transaction with this key that `wanted(entry)` accepts, or 0.
    template <class Wanted>
    std::uint64_t find(const TransactionKey& key, Wanted&& wanted) const {
        if (cells_.empty()) return 0;
        const auto hash = hash_of(key);
        for (auto at = hash & mask(); cells_[at].index != kNone; at = (at + 1) & mask()) {
            if (cells_[at].hash != hash) continue;
            const auto& slot = slot_at(cells_[at].index);
            if (slot.key == key && wanted(slot.entry)) return id_of(cells_[at].index);
        }
        return 0;
    }

    void erase(std::uint64_t id) {
        const auto index = static_cast<std::uint32_t>(id);
        auto& slot = slot_at(index);
        remove(hash_of(slot.key), index);
        slot.live = false;
        ++slot.generation;
        free_.push_back(index);
        --size_;
    }

    // For owners who keep a slot's number while its transaction lives.
    static std::uint32_t index_of(std::uint64_t id) { return static_cast<std::uint32_t>(id); }
    std::uint64_t id_of(std::uint32_t index) const { return std::uint64_t{slot_at(index).generation} << 32 | index; }
    Entry& at(std::uint32_t index) { return slot_at(index).entry; }

    template <class Visit>
    void each(Visit&& visit) const {
        for (std::uint32_t index = 0; index < made_; ++index)
            if (slot_at(index).live) visit(id_of(index), slot_at(index).entry);
    }

    std::size_t size() const { return size_; }

private:
    static constexpr std::uint32_t kNone = 0xffffffff, kPageBits = 6;
    struct Slot {
        Entry entry{};
        TransactionKey key{};
        std::uint32_t generation = 1;  // starts at 1 so that no id is 0
        bool live = false;
    };
    using Page = std::array<Slot, 1U << kPageBits>;
    struct Cell {
        std::uint32_t hash = 0, index = kNone;
    };

    Slot& slot_at(std::uint32_t index) { return (*pages_[index >> kPageBits])[index & ((1U << kPageBits) - 1)]; }
    const Slot& slot_at(std::uint32_t index) const { return const_cast<TransactionTable*>(this)->slot_at(index); }
    static std::uint32_t hash_of(const TransactionKey& key) { return static_cast<std::uint32_t>(key.low); }
    std::size_t mask() const { return cells_.size() - 1; }

    std::uint32_t take_slot() {
        if (free_.empty()) {
            if (made_ == pages_.size() << kPageBits) pages_.push_back(std::make_unique<Page>());
            return made_++;
        }
        const auto index = free_.back();
        free_.pop_back();
        return index;
    }
    void put(Cell cell) {
        auto at = cell.hash & mask();
        while (cells_[at].index != kNone) at = (at + 1) & mask();
        cells_[at] = cell;
    }
    void remove(std::uint32_t hash, std::uint32_t index) {
        auto hole = hash & mask();
        while (cells_[hole].index != index) hole = (hole + 1) & mask();
        // What was pushed past the hole moves back, so that no search ends too early.
        for (auto at = (hole + 1) & mask(); cells_[at].index != kNone; at = (at + 1) & mask()) {
            if (((at - cells_[at].hash) & mask()) < ((at - hole) & mask())) continue;
            cells_[hole] = cells_[at];
            hole = at;
        }
        cells_[hole] = {};
    }
    void grow() {
        const auto old = std::exchange(cells_, std::vector<Cell>(cells_.empty() ? 128 : cells_.size() * 2));
        for (const auto& cell : old)
            if (cell.index != kNone) put(cell);
    }

    std::vector<std::unique_ptr<Page>> pages_;
    std::uint32_t made_ = 0;
    std::vector<std::uint32_t> free_;
    std::vector<Cell> cells_;
    std::size_t size_ = 0;
};

}  // namespace confab::sip
