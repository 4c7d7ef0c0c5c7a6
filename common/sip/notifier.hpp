// The notifier's side of event packages (RFC 6665): the dialogs of SUBSCRIBE, and when a NOTIFY may go out. Pure; owner: a signalling thread.
//
// The owner decides who may subscribe to what, and composes the bodies: after each input it takes what is due and answers it.
//
//     notifier.touch(now, topic);
//     while (const auto due = notifier.take_due(now)) notifier.notify(sending, *due, type, body, mark);
//
// One NOTIFY of a subscription is out at a time, and two are `pause` apart, but for its last; what is touched meanwhile is due once, later.
// A NOTIFY that is not answered, or with a code that says that there is no subscriber, ends its subscription; after any other refusal the whole
// state is owed, later. Bounds: `total` subscriptions.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/deadlines.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "sip/dialog.hpp"
#include "sip/transactions.hpp"

namespace confab::sip {

// What all of an element's own requests need: the moment, the transactions that carry them, and where the bytes go.
struct Sending {
    base::Now now;
    Transactions& transactions;
    base::Random& random;
    Outbox& out;
};

class Notifier {
public:
    struct Limits {
        std::size_t total = 10'000;
        base::seconds shortest{0};  // a shorter wish is answered 423; none ends the subscription
        base::seconds usual{3600};  // without a wish
        base::seconds longest{3600};
        base::milliseconds pause{0};
        std::uint64_t user = 0;  // added to a subscription's number: what its requests have as their transactions' user
    };
    // Where a subscription came in: what stands in our Via and Contact.
    struct Place {
        std::string sent_by, contact;
    };
    // A subscription that is owed a NOTIFY.
    struct Due {
        std::uint64_t id = 0;
        std::string_view topic;              // valid until the next call
        std::string_view contact;            // likewise: our own
        std::uint32_t version = 0;           // documents sent before
        std::optional<std::uint64_t> known;  // the mark of the last one; empty where the whole state is owed
        bool missed = false;                 // a change came that could not be told at once
    };

    explicit Notifier(const Limits& limits) : limits_(limits) {}
    void set_limits(const Limits& limits) { limits_ = limits; }

    // Whether the SUBSCRIBE, which has a To tag, is of a live subscription.
    bool knows(const Message& request) const;
    bool is_full() const { return all_.size() >= limits_.total; }
    std::size_t size() const { return all_.size(); }
    bool has(std::string_view topic) const { return by_topic_.contains(topic); }

    // Answers a SUBSCRIBE whose sender may watch `topic`. Within a dialog that `knows` topic and place are unused.
    void subscribe(const Sending& sending, ServerId server, const Hop& source, const Message& request, std::string_view topic, Place place);
    void touch(base::Now now, std::string_view topic);                            // its state changed
    void finish(base::Now now, std::string_view topic, std::string_view reason);  // it is no more (RFC 6665 §4.1.3)
    // The request that was sent as `user` has a final answer, or none in time (status 408). `retry_after`: the value of its Retry-After.
    void answered(base::Now now, std::uint64_t user, int status, std::string_view retry_after = {});
    void flow_failed(const Hop& hop);  // subscriptions that it brought are notified where their Contact leads
    void expire(base::Now now);
    std::optional<base::Instant> next_deadline();  // the past while something is due

    std::optional<Due> take_due(base::Now now);
    void notify(const Sending& sending, const Due& due, std::string_view type, std::string_view body, std::uint64_t mark,
                bool more = false);  // more: the body holds a part of what is known, and another NOTIFY is owed

private:
    struct Subscription {
        Dialog dialog;
        std::string topic, event;
        Place place;
        std::uint32_t version = 0;
        std::optional<std::uint64_t> known{};
        base::Instant ends{}, may_notify{};
        std::string over{};       // why it ends; it goes with the answer to its next NOTIFY
        bool is_waiting = false;  // for the answer to a NOTIFY
        bool is_dirty = false, is_queued = false, missed = false;
    };

    static std::string dialog_key(const Message& request);
    std::uint64_t begin(const Sending& sending, const Hop& source, const Message& request, std::string_view topic, Place place);
    void prolong(base::Now now, std::uint64_t id, base::seconds wish);
    void schedule(base::Now now, std::uint64_t id, Subscription& subscription);
    void erase(std::uint64_t id);

    Limits limits_;
    std::unordered_map<std::uint64_t, Subscription> all_;
    std::unordered_map<std::string, std::uint64_t> by_dialog_;
    std::unordered_multimap<std::string, std::uint64_t, base::TextHash, std::equal_to<>> by_topic_;
    base::Deadlines<std::uint64_t> ends_, pauses_;
    std::deque<std::uint64_t> queue_;
    std::uint64_t last_ = 0;
};

}  // namespace confab::sip
