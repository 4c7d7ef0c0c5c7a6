// Who watches the registrations of an address: the `reg` event package (RFC 3680) over RFC 6665. Pure; owner: the registrar's signalling thread.
//
// The core decides who may subscribe to what. A watcher gets the whole state first, then what changed; while a NOTIFY is unanswered changes are gathered,
// and the whole state follows. A NOTIFY that fails ends its subscription. Bound: `total`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/values.hpp"
#include "sip-registrar/reginfo.hpp"
#include "sip/bindings.hpp"
#include "sip/notifier.hpp"

namespace confab::registrar {

using sip::Sending;

class Subscriptions {
public:
    struct Limits {
        std::size_t total = 10'000;
        base::seconds longest{3600};
    };
    Subscriptions(const Limits& limits, const sip::Bindings& bindings);

    void set_listeners(const std::vector<config::Listener>& listeners);

    bool knows(const sip::Message& request) const { return notifier_.knows(request); }
    bool is_full() const { return notifier_.is_full(); }
    std::size_t size() const { return notifier_.size(); }

    // Answers a SUBSCRIBE whose sender may watch `address` (unused within a dialog), and notifies.
    void subscribe(const Sending& sending, sip::ServerId server, const sip::Hop& source, const sip::Message& request, std::string_view address);
    // Bindings changed; `removal` says why those that went have gone.
    void changed(const Sending& sending, std::span<const sip::BindingChange> changes, ContactEvent removal);
    // The NOTIFY that was sent as `user` has a final answer, or none in time (status 408).
    void answered(const Sending& sending, std::uint64_t user, int status);
    void expire(const Sending& sending);
    std::optional<base::Instant> next_deadline() { return notifier_.next_deadline(); }

private:
    using Changes = std::span<const sip::BindingChange>;

    // Without changes: the whole state.
    void notify(const Sending& sending, Changes changes, ContactEvent removal);
    void append_state(std::string& body, base::Now now, const sip::Notifier::Due& due, Changes changes, ContactEvent removal) const;

    std::vector<sip::Notifier::Place> places_;  // of each listener
    const sip::Bindings& bindings_;
    sip::Notifier notifier_;
};

}  // namespace confab::registrar
