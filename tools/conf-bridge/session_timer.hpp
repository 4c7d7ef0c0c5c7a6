// The session timer of one dialog (RFC 4028): how long a session lives without a refresh, and who refreshes it. Pure; a value of its leg.
// Owner: the signalling thread.
//
// A peer that knows session timers refreshes unless it asks us to; for any other peer we do, between 35 and 50 % of the interval, at random,
// so that the calls of a busy minute do not all come back in one. Either way the leg ends shortly before the interval does (§10). A refresh
// of ours that is refused is tried again; a peer without session timers that answers at all is alive, which is all that was asked.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "base/random.hpp"
#include "base/time.hpp"
#include "sip/message.hpp"

namespace confab::bridge {

struct TimerPolicy {
    bool on = true;
    base::seconds interval{1800};  // what we ask for, and the most that we grant
    base::seconds minimum{90};     // less is answered 422
};

// The lines of one message.
struct SessionExpires {
    enum class Refresher : std::uint8_t { unsaid, uac, uas };
    std::optional<base::seconds> interval;  // Session-Expires; empty where it is absent or malformed
    Refresher refresher = Refresher::unsaid;
    std::optional<base::seconds> minimum;  // Min-SE
    bool supported = false;                // its sender knows session timers

    static SessionExpires read(const sip::Message& message);
};

class SessionTimer {
public:
    enum class Refresher : std::uint8_t { nobody, we, peer };
    enum class Due : std::uint8_t { nothing, refresh, expire };
    enum class Verdict : std::uint8_t { refreshed, again, end };

    // The interval is too short for us: 422 with our Min-SE (§9).
    static bool is_too_short(const sip::Message& request, const TimerPolicy& policy);

    // The peer's INVITE or UPDATE is answered 2xx now, with the lines of `append_answer`.
    void answer(const sip::Message& request, const TimerPolicy& policy, base::Now now, base::Random& random);
    void append_answer(std::string& out) const;

    // Our own INVITE or UPDATE, and what became of it. `owns_call_id`: the dialog began with a request of ours (RFC 3261 §14.1).
    void append_request(std::string& out, const TimerPolicy& policy) const;
    void succeed(const sip::Message& response, const TimerPolicy& policy, base::Now now, base::Random& random);
    Verdict fail(int status, const sip::Message* response, bool owns_call_id, base::Now now, base::Random& random);
    // §7.3: whether an INVITE of ours that was refused 422 is worth another; only the first is.
    bool lengthen(const sip::Message& response, const TimerPolicy& policy);
    // Something else is under way in the dialog: a little later.
    void postpone(bool owns_call_id, base::Now now, base::Random& random);

    std::optional<base::Instant> next() const { return refresh_at_ ? std::min(*refresh_at_, *ends_at_) : ends_at_; }
    Due take_due(base::Now now);  // a refresh that was taken is not due again

    Refresher refresher() const { return refresher_; }
    base::seconds interval() const { return interval_; }
    bool peer_updates() const { return peer_updates_; }  // the peer takes UPDATE; otherwise we refresh by re-INVITE
    void peer_lacks_update() { peer_updates_ = false; }

private:
    void start(base::Now now, base::Random& random);
    void learn(const sip::Message& message, const SessionExpires& read);

    Refresher refresher_ = Refresher::nobody;
    bool peer_knows_ = false, peer_updates_ = false;
    base::seconds interval_{0}, minimum_{0};
    std::optional<base::Instant> refresh_at_, ends_at_;
};

}  // namespace confab::bridge
