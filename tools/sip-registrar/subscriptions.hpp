// Who watches the registrations of an address: the `reg` event package (RFC 3680) over RFC 6665. Pure; owner: the registrar's signalling thread.
//
// The core decides who may subscribe to what; this class keeps the dialogs and speaks in them. A watcher gets the whole state first, then what changed; while
// a NOTIFY is unanswered changes are gathered, and the whole state follows. A NOTIFY that fails ends its subscription. Bound: `total`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/deadlines.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "config/values.hpp"
#include "sip-registrar/reginfo.hpp"
#include "sip/bindings.hpp"
#include "sip/dialog.hpp"
#include "sip/transactions.hpp"

namespace confab::registrar {

// What all of a SIP element's own requests need: the moment, the transactions that carry them, and where the bytes go.
struct Sending {
    base::Now now;
    sip::Transactions& transactions;
    base::Random& random;
    sip::Outbox& out;
};

class Subscriptions {
public:
    struct Limits {
        std::size_t total = 10'000;
        base::seconds longest{3600};
    };
    Subscriptions(const Limits& limits, const sip::Bindings& bindings) : limits_(limits), bindings_(bindings) {}

    void set_listeners(const std::vector<config::Listener>& listeners);

    // Whether the SUBSCRIBE, which has a To tag, is of a dialog that is known here.
    bool knows(const sip::Message& request) const { return by_dialog_.contains(dialog_key(request)); }
    bool is_full() const { return all_.size() >= limits_.total; }
    std::size_t size() const { return all_.size(); }

    // Answers a SUBSCRIBE whose sender may watch `address` (unused within a dialog), and notifies.
    void subscribe(const Sending& sending, sip::ServerId server, const sip::Hop& source, const sip::Message& request, std::string_view address);
    // Bindings changed; `removal` says why those that went have gone.
    void changed(const Sending& sending, std::span<const sip::BindingChange> changes, ContactEvent removal);
    // The NOTIFY that was sent as `user` has a final answer, or none in time (status 408).
    void answered(const Sending& sending, std::uint64_t user, int status);
    void expire(const Sending& sending);
    std::optional<base::Instant> next_deadline() { return deadlines_.next(); }

private:
    struct Subscription {
        sip::Dialog dialog;
        std::string address, event;
        std::uint16_t listener = 0;
        std::uint32_t version = 0;
        base::Instant ends{};
        bool is_waiting = false;  // for the answer to a NOTIFY
        bool has_missed = false;  // changes, meanwhile
        bool is_over = false;     // and goes with that answer
    };
    using Changes = std::span<const sip::BindingChange>;

    static std::string dialog_key(const sip::Message& request);
    void respond(const Sending& sending, sip::ServerId server, const sip::Hop& source, const sip::Message& request, int status, std::string_view tag,
                 std::string_view headers);
    void prolong(const Sending& sending, std::uint64_t id, Subscription& subscription, base::seconds wish);
    // Without changes: the whole state.
    void notify(const Sending& sending, std::uint64_t id, Subscription& subscription, Changes changes, ContactEvent removal);
    void append_state(std::string& body, const Sending& sending, Subscription& subscription, Changes changes, ContactEvent removal) const;
    void erase(std::uint64_t id);

    Limits limits_;
    std::vector<std::string> hosts_, contacts_;  // of each listener: sent-by and Contact URI
    const sip::Bindings& bindings_;
    std::unordered_map<std::uint64_t, Subscription> all_;
    std::unordered_map<std::string, std::uint64_t> by_dialog_;
    std::unordered_multimap<std::string, std::uint64_t, base::TextHash, std::equal_to<>> by_address_;
    base::Deadlines<std::uint64_t> deadlines_;
    std::uint64_t last_ = 0;
};

}  // namespace confab::registrar
