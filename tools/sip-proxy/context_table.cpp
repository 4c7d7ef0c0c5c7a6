#include "sip-proxy/context_table.hpp"

#include "base/check.hpp"

namespace confab::proxy {
namespace {

constexpr std::uint32_t kGenerations = 0x7fffffff;  // 31 bits: an id and a branch's number share 64 with one to spare

}  // namespace

ContextTable::Id ContextTable::open(sip::ServerId server) {
    if (free_.empty()) {
        CHECK(slots_.size() < (std::size_t{1} << kIndexBits), "more contexts than can be numbered");
        free_.push_back(static_cast<std::uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const auto index = free_.back();
    free_.pop_back();
    auto& slot = slots_[index];
    slot.live = true;
    slot.server = server;
    by_server_.insert(hash(server), index);
    if (spare_.empty()) {
        slot.context = std::make_unique<ResponseContext>();
    } else {
        slot.context = std::move(spare_.back());
        spare_.pop_back();
    }
    slot.context->server = server;
    ++size_;
    ++unanswered_;
    return Id{slot.generation} << kIndexBits | index;
}

ContextTable::Id ContextTable::find(sip::ServerId server) const {
    const auto index = by_server_.find(hash(server), [&](std::uint32_t slot) { return slots_[slot].server == server; });
    return index == base::HashIndex::kNone ? 0 : Id{slots_[index].generation} << kIndexBits | index;
}

ContextTable::Slot* ContextTable::slot_of(Id id) {
    const auto index = static_cast<std::size_t>(id & ((Id{1} << kIndexBits) - 1));
    if (index >= slots_.size()) return nullptr;
    auto& slot = slots_[index];
    return slot.live && slot.generation == id >> kIndexBits ? &slot : nullptr;
}

ResponseContext* ContextTable::pending(Id id) {
    auto* slot = slot_of(id);
    return slot ? slot->context.get() : nullptr;
}

Remains* ContextTable::remains(Id id) {
    auto* slot = slot_of(id);
    return slot && !slot->context ? &slot->remains : nullptr;
}

Remains& ContextTable::answer(Id id) {
    auto& slot = *slot_of(id);
    slot.remains = slot.context->remains();
    give_back(std::move(slot.context));
    --unanswered_;
    return slot.remains;
}

void ContextTable::erase(Id id) {
    auto* slot = slot_of(id);
    if (!slot) return;
    if (slot->context) {
        give_back(std::move(slot->context));
        --unanswered_;
    }
    const auto index = static_cast<std::uint32_t>(id & ((Id{1} << kIndexBits) - 1));
    by_server_.erase(hash(slot->server), index);
    slot->live = false;
    slot->generation = slot->generation == kGenerations ? 1 : slot->generation + 1;
    free_.push_back(index);
    --size_;
}

void ContextTable::give_back(std::unique_ptr<ResponseContext> context) {
    if (spare_.size() == kMostSpare) return;
    context->reset();
    spare_.push_back(std::move(context));
}

}  // namespace confab::proxy
