// Whether bindings still answer: an OPTIONS to each once in `interval`, spread evenly over it (RFC 3261 §11; RFC 5626 leaves it to the edge that holds
// the flow). Pure; owner: the registrar's signalling thread.
//
// Any final answer but 408, 430 and 480 is a sign of life. Probes go where the binding's requests go: over its Path, or back to where its
// REGISTER came from. Bound: `kMostAtOnce` probes wait for an answer; what would be more waits its turn.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sip-registrar/subscriptions.hpp"

namespace confab::registrar {

class Liveness {
public:
    struct Verdict {
        std::uint32_t cursor = 0;
        std::string address;
        bool is_alive = false;
    };

    explicit Liveness(std::string realm) : realm_(std::move(realm)) {}

    void set_listeners(const std::vector<config::Listener>& listeners) { listeners_ = listeners; }

    // 0: never. A reload may change it.
    void set_interval(base::seconds interval) { interval_ = interval; }
    std::optional<base::Instant> next_deadline(const sip::Bindings& bindings) const;
    // Sends what is due.
    void expire(const Sending& sending, const sip::Bindings& bindings);
    // A final answer to one of its probes, or 408 for none in time. Empty for what is not its own.
    std::optional<Verdict> answered(std::uint64_t user, int status);

    static bool is_user(std::uint64_t user) { return (user & kMark) != 0; }

private:
    static constexpr std::uint64_t kMark = std::uint64_t{1} << 63;  // apart from subscriptions
    struct Probe {
        std::uint32_t cursor;
        std::string address;
    };
    void probe(const Sending& sending, const sip::Binding& binding, std::uint32_t cursor);

    std::vector<config::Listener> listeners_;
    std::string realm_;
    base::seconds interval_{};
    base::Instant last_{};
    double owed_ = 0;  // probes
    std::uint32_t cursor_ = 0;
    std::uint64_t number_ = kMark;
    std::unordered_map<std::uint64_t, Probe> waiting_;
};

}  // namespace confab::registrar
