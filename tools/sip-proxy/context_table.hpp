// Requests in flight by number: slots that are reused, with a generation, so that the number of one that is over finds nothing.
//
// A slot holds a `ResponseContext` until the request has its final answer and `Remains` afterwards. Contexts are taken from a store of used
// ones and go back to it with the memory that they have grown, so in the steady state nothing is allocated; the store is bounded. Neither
// contexts nor remains move while they live.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/hash_index.hpp"
#include "sip-proxy/response_context.hpp"

namespace confab::proxy {

class ContextTable {
public:
    using Id = std::uint64_t;  // below 2^55, never 0

    Id open(sip::ServerId server);
    Id find(sip::ServerId server) const;  // 0: none
    ResponseContext* pending(Id id);      // until it is answered
    Remains* remains(Id id);              // from then on
    Remains& answer(Id id);               // the context goes, its remains stay
    void erase(Id id);

    std::size_t size() const { return size_; }
    std::size_t unanswered() const { return unanswered_; }

    template <class Visit>
    void each_pending(Visit visit) const {
        for (const auto& slot : slots_)
            if (slot.context) visit(*slot.context);
    }

private:
    static constexpr unsigned kIndexBits = 24;
    static constexpr std::size_t kMostSpare = 4096;

    struct Slot {
        std::uint32_t generation = 1;
        bool live = false;
        sip::ServerId server{};
        std::unique_ptr<ResponseContext> context;
        Remains remains;
    };
    static std::uint32_t hash(sip::ServerId server) { return static_cast<std::uint32_t>(server.value ^ server.value >> 32); }
    Slot* slot_of(Id id);
    void give_back(std::unique_ptr<ResponseContext> context);

    std::deque<Slot> slots_;
    std::vector<std::uint32_t> free_;
    base::HashIndex by_server_;
    std::vector<std::unique_ptr<ResponseContext>> spare_;
    std::size_t size_ = 0, unanswered_ = 0;
};

}  // namespace confab::proxy
