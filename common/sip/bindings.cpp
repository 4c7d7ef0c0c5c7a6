#include "sip/bindings.hpp"

#include <algorithm>

#include "sip/grammar.hpp"

namespace confab::sip {
namespace {

std::uint32_t hash_of(std::string_view text) { return static_cast<std::uint32_t>(std::hash<std::string_view>{}(text)); }

bool is_same_contact(std::string_view a, std::string_view b) {
    if (a == b) return true;
    const auto first = parse_uri(a), second = parse_uri(b);
    return first && second && equal_uris(*first, *second);
}

// RFC 5626 §6: instance and reg-id name a binding, whatever its contact. A client that learned outbound replaces what it registered before, and an
// instance without outbound that comes from a new contact replaces its older one. Flows of one instance may share a contact.
bool concerns(const BindingRequest& request, const Binding& binding) {
    const bool is_same_instance = !request.instance.empty() && request.instance == binding.instance;
    if (is_same_instance && (request.reg_id == binding.reg_id || binding.reg_id == 0)) return true;
    const bool is_removal = request.expires.count() <= 0;
    if (request.reg_id != 0 || (binding.reg_id != 0 && !is_removal)) return false;
    return is_same_contact(request.contact, binding.contact);
}

bool is_touched(std::span<const BindingRequest> requests, const Binding& binding) {
    return std::ranges::any_of(requests, [&](const auto& request) { return concerns(request, binding); });
}

// §10.3 step 7. A different Call-ID means a client that started anew, whose numbers say nothing.
bool is_out_of_order(const Binding& binding, std::string_view call_id, std::uint32_t cseq) { return binding.call_id == call_id && cseq <= binding.cseq; }

template <class Visit>
void each_flow(const Binding& binding, Visit visit) {
    if (binding.path.empty()) {
        if (!binding.received.empty()) visit(binding.received);
        return;
    }
    for (std::string_view rest = binding.path; const auto value = next_value(rest);) {
        const auto path = parse_name_addr(*value);
        if (path && !path->uri.user.empty()) visit(path->uri.user);
    }
}

bool uses_flow(const Binding& binding, std::string_view flow) {
    bool found = false;
    each_flow(binding, [&](std::string_view one) { found = found || one == flow; });
    return found;
}

std::uint32_t seconds_of(base::WallTime now) { return static_cast<std::uint32_t>(std::chrono::floor<base::seconds>(now).time_since_epoch().count()); }

}  // namespace

Binding Bindings::view(std::uint32_t slot) const {
    auto binding = slots_[slot].binding.view();
    binding.is_reachable = is_reachable(slots_[slot]);
    return binding;
}

std::uint32_t Bindings::first_of(std::string_view address) const {
    return addresses_.find(hash_of(address), [&](std::uint32_t slot) { return slots_[slot].binding.address() == address; });
}

std::expected<void, BindingError> Bindings::apply(base::Now now, std::string_view address, std::span<const BindingRequest> requests,
                                                  const Binding& common, Changes& changes) {
    auto evicted = check(now.wall, first_of(address), requests, common);
    if (!evicted) return std::unexpected(evicted.error());
    for (; *evicted > 0; --*evicted) remove(victim(now.wall, first_of(address), requests), changes);
    for (const auto& request : requests) apply_one(now, address, request, common, changes);
    return {};
}

// How many of the address's other contacts have to give way.
std::expected<std::size_t, BindingError> Bindings::check(base::WallTime now, std::uint32_t first, std::span<const BindingRequest> requests,
                                                         const Binding& common) const {
    std::size_t live = 0, untouched = 0, replaceable = 0;
    for (auto slot = first; slot != kNone; slot = slots_[slot].next) {
        const auto binding = slots_[slot].binding.view();
        if (binding.expires <= now) continue;
        ++live;
        const bool touched = is_touched(requests, binding);
        if (touched && is_out_of_order(binding, common.call_id, common.cseq)) return std::unexpected(BindingError::out_of_order);
        if (touched) continue;
        ++untouched;
        if (limits_.when_full == WhenFull::replace_oldest || (limits_.when_full == WhenFull::replace_unreachable && !is_reachable(slots_[slot])))
            ++replaceable;
    }
    const auto wanted = static_cast<std::size_t>(std::ranges::count_if(requests, [](const auto& request) { return request.expires.count() > 0; }));
    auto after = untouched + wanted;
    std::size_t evicted = 0;
    if (after > live && after > limits_.contacts_per_address) {
        evicted = after - limits_.contacts_per_address;
        if (evicted > replaceable) return std::unexpected(BindingError::too_many_contacts);
        after -= evicted;
    }
    if (after > live && size_ + after - live > limits_.total) return std::unexpected(BindingError::too_many_bindings);
    return evicted;
}

// The one that was refreshed longest ago among those that `check` found replaceable.
std::uint32_t Bindings::victim(base::WallTime now, std::uint32_t first, std::span<const BindingRequest> requests) const {
    auto oldest = kNone;
    for (auto slot = first; slot != kNone; slot = slots_[slot].next) {
        if (slots_[slot].binding.expires() <= now || is_touched(requests, slots_[slot].binding.view())) continue;
        if (limits_.when_full == WhenFull::replace_unreachable && is_reachable(slots_[slot])) continue;
        if (oldest == kNone || slots_[slot].since <= slots_[oldest].since) oldest = slot;
    }
    return oldest;
}

// Expired bindings that await their sweep are replaced too: their sweep would otherwise remove the new one from the store.
void Bindings::apply_one(base::Now now, std::string_view address, const BindingRequest& request, const Binding& common, Changes& changes) {
    const bool is_removal = request.expires.count() <= 0;
    Binding fresh = common;
    fresh.address = address;
    fresh.contact = request.contact;
    fresh.q = request.q;
    fresh.instance = request.instance;
    fresh.reg_id = request.reg_id;
    fresh.expires = now.wall + request.expires;
    auto kept = kNone;
    for (auto slot = first_of(address); slot != kNone;) {
        const auto next = slots_[slot].next;
        const auto binding = slots_[slot].binding.view();
        if (concerns(request, binding)) {
            if (!is_removal && kept == kNone && has_same_key(binding, fresh))
                kept = slot;
            else
                remove(slot, changes);
        }
        slot = next;
    }
    if (is_removal) return;
    const bool is_new = kept == kNone;
    if (is_new) kept = take_slot();
    slots_[kept].since = seconds_of(now.wall);
    put(now, kept, fresh);
    changes.push_back({false, slots_[kept].binding.copy(), is_new});
}

// Gives the slot its new content and its place. What did not change is left as it is.
void Bindings::put(base::Now now, std::uint32_t slot, const Binding& binding) {
    auto& mine = slots_[slot];
    const bool is_new = !mine.binding;
    if (!is_new) unlink(slot);
    if (is_new || !mine.binding.refresh(binding)) {
        flows_.drop(mine.flows);
        mine.binding = StoredBinding(binding);
        each_flow(mine.binding.view(), [&](std::string_view flow) { flows_.add(hash_of(flow), slot, mine.flows); });
    }
    mine.failures = 0;
    mine.hash = hash_of(mine.binding.address());
    link(slot);
    const auto at = now.steady + std::max(base::Duration::zero(), base::Duration(binding.expires - now.wall));
    expiry_.set(slot, at, now.steady, [this](std::uint32_t i) -> ExpiryRing::Link& { return slots_[i].expiry; });
    if (is_new) ++size_;
}

// Before the first of its address that is not better: the youngest comes first among equals. The store does not know who came first, so while
// loading (no `since`) the one that expires last is taken for the youngest.
void Bindings::link(std::uint32_t slot) {
    auto& mine = slots_[slot];
    const auto binding = mine.binding.view();
    const auto first = first_of(binding.address);
    auto before = kNone;
    auto at = first;
    while (at != kNone) {
        const auto other = slots_[at].binding.view();
        if (other.q < binding.q || (other.q == binding.q && (mine.since != 0 || other.expires <= binding.expires))) break;
        before = at;
        at = slots_[at].next;
    }
    mine.next = at;
    if (before != kNone)
        slots_[before].next = slot;
    else if (first == kNone)
        addresses_.insert(mine.hash, slot);
    else
        addresses_.replace(mine.hash, first, slot);
}

void Bindings::unlink(std::uint32_t slot) {
    const auto& mine = slots_[slot];
    const auto first = first_of(mine.binding.address());
    if (first == slot) {
        if (mine.next == kNone) return addresses_.erase(mine.hash, slot);
        return addresses_.replace(mine.hash, slot, mine.next);
    }
    auto before = first;
    while (slots_[before].next != slot) before = slots_[before].next;
    slots_[before].next = mine.next;
}

void Bindings::remove(std::uint32_t slot, Changes& changes) {
    unlink(slot);
    auto& mine = slots_[slot];
    expiry_.drop(slot, [this](std::uint32_t i) -> ExpiryRing::Link& { return slots_[i].expiry; });
    flows_.drop(mine.flows);
    changes.push_back({.removed = true, .binding = std::move(mine.binding)});
    mine = {};
    mine.next = std::exchange(free_, slot);
    --size_;
}

std::uint32_t Bindings::take_slot() {
    if (free_ == kNone) {
        slots_.emplace_back();
        return static_cast<std::uint32_t>(slots_.size() - 1);
    }
    const auto slot = free_;
    free_ = slots_[slot].next;
    slots_[slot].next = kNone;
    return slot;
}

std::expected<void, BindingError> Bindings::remove_all(base::Now now, std::string_view address, std::string_view call_id, std::uint32_t cseq,
                                                       Changes& changes) {
    for (auto slot = first_of(address); slot != kNone; slot = slots_[slot].next) {
        const auto binding = slots_[slot].binding.view();
        if (binding.expires > now.wall && is_out_of_order(binding, call_id, cseq)) return std::unexpected(BindingError::out_of_order);
    }
    for (auto slot = first_of(address); slot != kNone; slot = first_of(address)) remove(slot, changes);
    return {};
}

Bindings::Found Bindings::find(base::Now now, std::string_view address) const { return {*this, first_of(address), now.wall}; }

template <class IsGone>
void Bindings::remove_from_flow(std::string_view flow, IsGone is_gone, Changes& changes) {
    std::vector<std::uint32_t> candidates;
    flows_.each(hash_of(flow), [&](std::uint32_t slot) { candidates.push_back(slot); });
    for (auto slot : candidates) {
        if (!slots_[slot].binding) continue;  // it named the flow twice
        const auto binding = slots_[slot].binding.view();
        if (uses_flow(binding, flow) && is_gone(binding)) remove(slot, changes);
    }
}

void Bindings::remove_flow(std::string_view flow, Changes& changes) {
    remove_from_flow(flow, [](const Binding&) { return true; }, changes);
}

void Bindings::connection_closed(std::string_view received, const base::SocketAddress& peer, Changes& changes) {
    const auto is_gone = [&](const Binding& binding) {
        if (binding.reg_id != 0) return true;
        const auto contact = parse_uri(binding.contact);
        return contact && contact->port == peer.port && contact->ip() == peer.ip;
    };
    remove_from_flow(received, is_gone, changes);
}

void Bindings::load(base::Now now, const Binding& binding) {
    auto slot = first_of(binding.address);
    while (slot != kNone && !has_same_key(slots_[slot].binding.view(), binding)) slot = slots_[slot].next;
    if (slot == kNone) slot = take_slot();
    put(now, slot, binding);
}

void Bindings::unload(const Binding& binding) {
    auto slot = first_of(binding.address);
    while (slot != kNone && !has_same_key(slots_[slot].binding.view(), binding)) slot = slots_[slot].next;
    Changes ignored;
    if (slot != kNone) remove(slot, ignored);
}

void Bindings::expire(base::Now now, Changes& changes) {
    const auto link = [this](std::uint32_t slot) -> ExpiryRing::Link& { return slots_[slot].expiry; };
    while (const auto slot = expiry_.pop_due(now.steady, link)) {
        const auto expires = slots_[*slot].binding.expires();
        if (expires <= now.wall)
            remove(*slot, changes);
        else  // civil time was set back
            expiry_.set(*slot, now.steady + (expires - now.wall), now.steady, link);
    }
}

std::optional<Binding> Bindings::next(base::Now now, std::uint32_t& cursor) const {
    while (cursor < slots_.size()) {
        const auto slot = cursor++;
        if (slots_[slot].binding && slots_[slot].binding.expires() > now.wall) return view(slot);
    }
    return std::nullopt;
}

bool Bindings::heard(std::uint32_t cursor, std::string_view address, bool answered) {
    if (cursor == 0 || cursor > slots_.size()) return false;
    auto& slot = slots_[cursor - 1];
    if (!slot.binding || slot.binding.address() != address) return false;
    const bool was_reachable = is_reachable(slot);
    if (answered)
        slot.failures = 0;
    else if (slot.failures < 0xff)
        ++slot.failures;
    return is_reachable(slot) != was_reachable;
}

void Bindings::drop(std::uint32_t cursor, std::string_view address, Changes& changes) {
    if (cursor == 0 || cursor > slots_.size() || !slots_[cursor - 1].binding || slots_[cursor - 1].binding.address() != address) return;
    remove(cursor - 1, changes);
}

Bindings::Found::Iterator& Bindings::Found::Iterator::operator++() {
    slot_ = found_->bindings_->slots_[slot_].next;
    skip_expired();
    return *this;
}

void Bindings::Found::Iterator::skip_expired() {
    const auto& slots = found_->bindings_->slots_;
    while (slot_ != kNone && slots[slot_].binding.expires() <= found_->now_) slot_ = slots[slot_].next;
}

}  // namespace confab::sip
