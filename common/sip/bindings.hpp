// The location table of a registrar (RFC 3261 §10.3, RFC 5626 §6): addresses and their bindings. Pure: changes come out as values for the store.
//
// Owner: the registrar's signalling thread. All-or-nothing: a REGISTER is applied whole or not at all. Bound: `contacts_per_address`, `total`.
// A binding is one block of memory and one slot; indexes hold slot numbers. A refresh that changes no text allocates nothing but its change.
// Slices that `find` and `next` give out live until the next call that may change the table.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash_index.hpp"
#include "base/socket_address.hpp"
#include "base/time.hpp"
#include "sip/binding.hpp"
#include "sip/expiry_ring.hpp"
#include "sip/flow_index.hpp"

namespace confab::sip {

struct BindingRequest {
    std::string_view contact;
    base::seconds expires{};   // 0: remove
    std::uint16_t q = 1000;
    std::string_view instance;
    std::uint32_t reg_id = 0;  // with an instance: one flow of it, RFC 5626 §6
};

enum class BindingError : std::uint8_t {
    out_of_order,        // same Call-ID and a CSeq not above the stored one: 500 (§10.3 step 7)
    too_many_contacts,   // 403
    too_many_bindings,   // 503
};

// What a new contact does when its address has all that it may have.
enum class WhenFull : std::uint8_t { reject, replace_oldest, replace_unreachable };

class Bindings {
public:
    struct Limits {
        std::size_t contacts_per_address = 10;
        std::size_t total = 1'000'000;
        WhenFull when_full = WhenFull::reject;
        std::uint8_t failures = 0;  // unanswered probes in a row that make a binding unreachable
    };
    class Found;
    using Changes = std::vector<BindingChange>;

    explicit Bindings(Limits limits) : limits_(limits) {}
    void set_limits(Limits limits) { limits_ = limits; }

    // `common` carries what all contacts of the request share (call_id, cseq, path, received, user, scheme, user_agent).
    std::expected<void, BindingError> apply(base::Now now, std::string_view address, std::span<const BindingRequest> requests, const Binding& common,
                                            Changes& changes);
    // `Contact: *` with Expires 0.
    std::expected<void, BindingError> remove_all(base::Now now, std::string_view address, std::string_view call_id, std::uint32_t cseq, Changes& changes);
    // Live bindings, highest q first, youngest first among equals.
    Found find(base::Now now, std::string_view address) const;
    // The flow is gone, and with it all bindings that are reached over it: those with a Path URI whose user part is `flow`, and those without
    // Path whose received text is `flow`.
    void remove_flow(std::string_view flow, Changes& changes);
    // A connection closed, over which REGISTER came as `received` from `peer`: bindings of RFC 5626 over it go, and those whose contact is the
    // connection's own far end. A contact elsewhere can be reached by another connection.
    void connection_closed(std::string_view received, const base::SocketAddress& peer, Changes& changes);
    // From the store at start. What has expired meanwhile is never found and comes out of the next `expire`.
    void load(base::Now now, const Binding& binding);
    void unload(const Binding& binding);  // the one of its key, which was removed after it had been loaded

    std::optional<base::Instant> next_deadline() const { return size_ == 0 ? std::nullopt : expiry_.next(); }
    void expire(base::Now now, Changes& changes);

    // All live bindings in no order, one a call: the next at or behind `cursor`, which moves on. What stays in the table is seen once.
    std::optional<Binding> next(base::Now now, std::uint32_t& cursor) const;
    // The binding before `cursor`, if it is still that address's, was or was not heard when it was probed. True when that made it unreachable or
    // reachable again.
    bool heard(std::uint32_t cursor, std::string_view address, bool answered);
    void drop(std::uint32_t cursor, std::string_view address, Changes& changes);

    std::size_t size() const { return size_; }

private:
    static constexpr std::uint32_t kNone = base::HashIndex::kNone;
    struct Slot {
        StoredBinding binding;        // empty: the slot is free
        std::uint32_t next = kNone;   // of the same address, or of the free slots
        std::uint32_t hash = 0;       // of the address
        ExpiryRing::Link expiry;
        std::uint32_t flows = kNone;  // links in flows_
        std::uint32_t since = 0;      // seconds of wall time at its last REGISTER
        std::uint8_t failures = 0;
    };

    Binding view(std::uint32_t slot) const;
    bool is_reachable(const Slot& slot) const { return limits_.failures == 0 || slot.failures < limits_.failures; }
    std::uint32_t first_of(std::string_view address) const;
    std::expected<std::size_t, BindingError> check(base::WallTime now, std::uint32_t first, std::span<const BindingRequest> requests,
                                                   const Binding& common) const;
    std::uint32_t victim(base::WallTime now, std::uint32_t first, std::span<const BindingRequest> requests) const;
    void apply_one(base::Now now, std::string_view address, const BindingRequest& request, const Binding& common, Changes& changes);
    void put(base::Now now, std::uint32_t slot, const Binding& binding);
    void link(std::uint32_t slot);
    void unlink(std::uint32_t slot);
    void remove(std::uint32_t slot, Changes& changes);
    template <class IsGone>
    void remove_from_flow(std::string_view flow, IsGone is_gone, Changes& changes);
    std::uint32_t take_slot();

    Limits limits_;
    std::deque<Slot> slots_;
    std::uint32_t free_ = kNone;
    base::HashIndex addresses_;  // address → its first binding
    FlowIndex flows_;
    ExpiryRing expiry_;
    std::size_t size_ = 0;
};

// The live bindings of one address, best first.
class Bindings::Found {
public:
    class Iterator {
    public:
        using value_type = Binding;
        using difference_type = std::ptrdiff_t;
        Iterator() = default;
        Iterator(const Found* found, std::uint32_t slot) : found_(found), slot_(slot) { skip_expired(); }
        Binding operator*() const { return found_->bindings_->view(slot_); }
        Iterator& operator++();
        Iterator operator++(int) { return std::exchange(*this, std::next(*this)); }
        bool operator==(const Iterator& other) const { return slot_ == other.slot_; }

    private:
        void skip_expired();
        const Found* found_ = nullptr;
        std::uint32_t slot_ = kNone;
    };

    Iterator begin() const { return {this, first_}; }
    Iterator end() const { return {this, kNone}; }
    bool empty() const { return begin() == end(); }
    std::size_t size() const { return static_cast<std::size_t>(std::distance(begin(), end())); }
    Binding front() const { return *begin(); }

private:
    friend class Bindings;
    Found(const Bindings& bindings, std::uint32_t first, base::WallTime now) : bindings_(&bindings), first_(first), now_(now) {}
    const Bindings* bindings_;
    std::uint32_t first_;
    base::WallTime now_;
};

}  // namespace confab::sip
