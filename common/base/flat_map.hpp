// A hash map in one array (open addressing, linear probing, at most 3/4 full): small entries that come and go cost no allocation once it has grown.
// Entries move when others are erased or inserted, so no reference outlives the next change. The hash is mixed once more, so that counters spread.
// Key and Value must be movable and default constructible. A key that an outsider chooses needs a keyed hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace confab::base {

template <class Key, class Value, class Hash = std::hash<Key>>
class FlatMap {
public:
    template <class Sought>
    Value* find(const Sought& key) {
        if (size_ == 0) return nullptr;
        const auto place = place_of(key);
        return cells_[place].used ? &cells_[place].value : nullptr;
    }
    template <class Sought>
    const Value* find(const Sought& key) const {
        return const_cast<FlatMap*>(this)->find(key);
    }
    template <class Sought>
    bool contains(const Sought& key) const {
        return find(key) != nullptr;
    }

    // The value under `key`, made where there was none.
    Value& operator[](const Key& key) {
        if (4 * (size_ + 1) > 3 * cells_.size()) grow();
        auto& cell = cells_[place_of(key)];
        if (!cell.used) {
            cell.used = true;
            cell.key = key;
            ++size_;
        }
        return cell.value;
    }

    template <class Sought>
    bool erase(const Sought& key) {
        if (size_ == 0) return false;
        auto hole = place_of(key);
        if (!cells_[hole].used) return false;
        // What was pushed past the hole moves back, so that no search ends too early.
        for (auto at = next(hole); cells_[at].used; at = next(at)) {
            const auto home = home_of(cells_[at].key);
            if (((at - home) & mask()) < ((at - hole) & mask())) continue;
            cells_[hole] = std::move(cells_[at]);
            hole = at;
        }
        cells_[hole] = Cell{};
        --size_;
        return true;
    }

    // `visit(key, value)` for each entry, in no order that means anything.
    template <class Visit>
    void each(Visit&& visit) const {
        for (const auto& cell : cells_)
            if (cell.used) visit(cell.key, cell.value);
    }

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

private:
    struct Cell {
        Key key{};
        Value value{};
        bool used = false;
    };

    std::size_t mask() const { return cells_.size() - 1; }
    std::size_t next(std::size_t at) const { return (at + 1) & mask(); }
    template <class Sought>
    std::size_t home_of(const Sought& key) const {
        const auto mixed = static_cast<std::uint64_t>(Hash{}(key)) * 0x9e3779b97f4a7c15u;
        return (mixed ^ mixed >> 32) & mask();
    }
    // Where the key stands, or the free cell where it would.
    template <class Sought>
    std::size_t place_of(const Sought& key) const {
        auto at = home_of(key);
        while (cells_[at].used && !(cells_[at].key == key)) at = next(at);
        return at;
    }
    void grow() {
        auto old = std::exchange(cells_, std::vector<Cell>(cells_.empty() ? 16 : 2 * cells_.size()));
        for (auto& cell : old)
            if (cell.used) cells_[place_of(cell.key)] = std::move(cell);
    }

    std::vector<Cell> cells_;
    std::size_t size_ = 0;
};

}  // namespace confab::base
