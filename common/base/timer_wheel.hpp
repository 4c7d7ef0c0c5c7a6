// Timers in a hierarchical wheel: setting and cancelling cost the same however many there are, and the steady state allocates nothing.
//
// Seven levels of 64 slots, each slot as wide as a whole level below it; one of the lowest is 2^23 ns (8.4 ms) wide. A timer stands on the level of the highest
// digit (base 64) in which its tick differs from the cursor's, so the lowest used level holds the earliest timers, and no slot ever wraps around.
// What a slot of the lowest level held goes into a small heap once its time has come, which gives exact instants: a timer never leaves early, and timers
// leave in the order of their instants, equal ones in the order in which they were set, so that runs repeat exactly. Pure: the owner tells the time.
//
// A Handle belongs to one armed timer and is void once that has left or was cancelled: the owner keeps track. Payload must be movable.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/time.hpp"

namespace confab::base {

template <class Payload>
class TimerWheel {
public:
    using Handle = std::uint32_t;
    static constexpr Handle kNoTimer = 0xffffffff;

    Handle set(Instant at, Payload payload) {
        const Handle handle = take_node();
        Node& node = nodes_[handle];
        node.at = at;
        node.payload = std::move(payload);
        node.sequence = ++sequence_;
        place(handle);
        ++size_;
        return handle;
    }

    void cancel(Handle handle) {
        if (nodes_[handle].slot == kInHeap)
            ++stale_;
        else
            unlink(handle);
        free_node(handle);
        if (stale_ > 64 && 2 * stale_ > heap_.size()) sweep();
    }

    Instant at(Handle handle) const { return nodes_[handle].at; }
    std::size_t size() const { return size_; }

    // An instant that no timer precedes; the earliest one's own unless it was lately cancelled. Nothing: no timer is set.
    std::optional<Instant> next() {
        drop_stale();
        if (!heap_.empty()) return heap_.front().at;
        const auto slot = first_used();
        if (slot == kSlotCount) return std::nullopt;
        return slots_[slot].earliest;
    }

    // Takes one timer whose instant is not after `now`; call until it answers nothing.
    std::optional<Payload> pop_due(Instant now) {
        advance(tick_of(now));
        drop_stale();
        if (heap_.empty() || heap_.front().at > now) return std::nullopt;
        const Handle handle = heap_.front().handle;
        pop();
        Payload payload = std::move(nodes_[handle].payload);
        free_node(handle);
        return payload;
    }

private:
    static constexpr std::size_t kLevels = 7, kSlots = 64, kSlotCount = kLevels * kSlots;
    static constexpr unsigned kTickBits = 23, kSlotBits = 6;  // 23 + 7 * 6 bits hold every Instant
    static constexpr std::uint16_t kInHeap = kSlotCount, kFree = kSlotCount + 1;
    using Tick = std::uint64_t;

    struct Node {
        Instant at{};
        Payload payload{};
        std::uint32_t sequence = 0;
        Handle previous = kNoTimer, next = kNoTimer;
        std::uint16_t slot = kFree;
    };
    struct Slot {
        Handle first = kNoTimer;
        Instant earliest{};  // of those set since it was last empty
    };
    struct Ready {
        Instant at;
        std::uint32_t sequence;
        Handle handle;
    };
    static bool later(const Ready& a, const Ready& b) {
        return a.at != b.at ? a.at > b.at : static_cast<std::int32_t>(a.sequence - b.sequence) > 0;
    }

    // Instants before the clock's own beginning are long past: they count as its first tick.
    static Tick tick_of(Instant at) {
        const auto since = at.time_since_epoch().count();
        return since < 0 ? 0 : static_cast<Tick>(since) >> kTickBits;
    }

    Handle take_node() {
        if (free_ == kNoTimer) {
            nodes_.emplace_back();
            return static_cast<Handle>(nodes_.size() - 1);
        }
        return std::exchange(free_, nodes_[free_].next);
    }
    void free_node(Handle handle) {
        Node& node = nodes_[handle];
        node.payload = Payload{};
        node.slot = kFree;
        node.next = std::exchange(free_, handle);
        --size_;
    }

    // What is due in the cursor's tick or before it goes to the heap; the rest to the level on which it differs from the cursor's position.
    void place(Handle handle) {
        Node& node = nodes_[handle];
        const Tick tick = tick_of(node.at);
        if (tick <= cursor_) return ready(handle);
        const auto level = (static_cast<unsigned>(std::bit_width(tick ^ cursor_)) - 1) / kSlotBits;
        link(handle, level * kSlots + (tick >> kSlotBits * level) % kSlots);
    }
    void ready(Handle handle) {
        Node& node = nodes_[handle];
        node.slot = kInHeap;
        heap_.push_back({node.at, node.sequence, handle});
        std::push_heap(heap_.begin(), heap_.end(), later);
    }

    void link(Handle handle, std::size_t slot) {
        Node& node = nodes_[handle];
        Slot& head = slots_[slot];
        node.slot = static_cast<std::uint16_t>(slot);
        node.previous = kNoTimer;
        node.next = head.first;
        if (head.first == kNoTimer || node.at < head.earliest) head.earliest = node.at;
        if (head.first != kNoTimer) nodes_[head.first].previous = handle;
        head.first = handle;
        used_[slot / kSlots] |= std::uint64_t{1} << slot % kSlots;
    }
    void unlink(Handle handle) {
        const Node& node = nodes_[handle];
        if (node.next != kNoTimer) nodes_[node.next].previous = node.previous;
        if (node.previous != kNoTimer) {
            nodes_[node.previous].next = node.next;
            return;
        }
        slots_[node.slot].first = node.next;
        if (node.next == kNoTimer) used_[node.slot / kSlots] &= ~(std::uint64_t{1} << node.slot % kSlots);
    }

    std::size_t first_used() const {
        for (std::size_t level = 0; level < kLevels; ++level)
            if (used_[level] != 0) return level * kSlots + static_cast<std::size_t>(std::countr_zero(used_[level]));
        return kSlotCount;
    }
    // The first tick of a slot in use: the cursor's own digits above its level, zeros below.
    Tick start_of(std::size_t slot) const {
        const auto level = static_cast<unsigned>(slot / kSlots);
        const auto above = kSlotBits * (level + 1);
        return (cursor_ >> above << above) | static_cast<Tick>(slot % kSlots) << kSlotBits * level;
    }
    // The cursor goes from one used slot to the next; each is taken apart as the cursor enters it.
    void advance(Tick to) {
        while (cursor_ < to) {
            const auto slot = first_used();
            if (slot == kSlotCount || start_of(slot) > to) {
                cursor_ = to;
                return;
            }
            cursor_ = start_of(slot);
            open(slot);
        }
    }
    void open(std::size_t slot) {
        auto handle = std::exchange(slots_[slot].first, kNoTimer);
        used_[slot / kSlots] &= ~(std::uint64_t{1} << slot % kSlots);
        while (handle != kNoTimer) {
            const auto following = nodes_[handle].next;
            place(handle);
            handle = following;
        }
    }

    bool is_stale(const Ready& entry) const {
        const Node& node = nodes_[entry.handle];
        return node.slot != kInHeap || node.sequence != entry.sequence;
    }
    void pop() {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        heap_.pop_back();
    }
    void drop_stale() {
        while (!heap_.empty() && is_stale(heap_.front())) {
            pop();
            --stale_;
        }
    }
    void sweep() {
        std::erase_if(heap_, [this](const Ready& entry) { return is_stale(entry); });
        std::make_heap(heap_.begin(), heap_.end(), later);
        stale_ = 0;
    }

    std::vector<Node> nodes_;
    Handle free_ = kNoTimer;
    std::array<Slot, kSlotCount> slots_{};
    std::array<std::uint64_t, kLevels> used_{};
    std::vector<Ready> heap_;
    Tick cursor_ = 0;
    std::uint32_t sequence_ = 0;
    std::size_t size_ = 0, stale_ = 0;
};

}  // namespace confab::base
