// One user agent of the probe (RFC 3261 §8, §10, §13–§15): it asks, registers and calls, and answers what a peer asks within a call.
//
// Pure. Owner: the probe's one thread, or a test. A user agent has at most one operation and one call at a time; what became of it comes out as
// `Happening`s. Digest challenges are answered here, once for each nonce. A 2xx of a leg that nobody wants any more (CANCEL crossed it, or a fork)
// is acknowledged and ended with BYE.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "sip/dialog.hpp"
#include "sip/digest.hpp"
#include "sip/transactions.hpp"
#include "sip/transport.hpp"

namespace confab::probe {

struct Account {
    std::string address;   // "sip:alice@example.org"
    std::string user;      // digest username
    std::string password;
};

struct Local {
    std::string sent_by;   // host[:port] for Via
    std::string contact;   // URI
};

struct Happening {
    enum class Kind : std::uint8_t {
        provisional,   // status
        challenged,    // 401 or 407; the answer to it is already on its way
        answered,      // OPTIONS, REGISTER or BYE got its final response: status, and body or Contact in `text`
        accepted,      // INVITE got 2xx: `text` is its SDP; call `acknowledge`
        refused,       // INVITE got 3xx–6xx
        renegotiated,  // the peer's re-INVITE: `text` is its SDP ("" when it has none); answered with `set_local_sdp`'s text
        ended,         // BYE came
        silent,        // no final answer in time
        unreachable,   // the flow failed
    };
    Kind kind;
    int status = 0;
    std::string text;
    std::string reason;  // reason phrase, or the Reason of a BYE
};

struct Effects {
    sip::Outbox transmit;
    std::vector<Happening> happenings;
    void clear() {
        transmit.clear();
        happenings.clear();
    }
};

struct CallPlan {
    std::string uri;
    std::string headers;  // whole lines
    std::string sdp;      // "" leaves the offer to the peer
};

class Core {
public:
    Core(const sip::Timers& timers, const base::Seed& seed, Account account, Local local, sip::Hop next_hop);

    void ask_options(base::Now now, std::string_view uri, std::string_view headers, Effects& out);
    // `expires` 0 removes; without `contact` it only asks for the bindings.
    void register_contact(base::Now now, std::string_view registrar_uri, bool with_contact, base::seconds expires, Effects& out);
    void invite(base::Now now, const CallPlan& plan, Effects& out);
    void acknowledge(base::Now now, std::string_view sdp, Effects& out);
    void cancel(base::Now now, Effects& out);
    void hang_up(base::Now now, Effects& out);
    void set_local_sdp(std::string sdp) { local_sdp_ = std::move(sdp); }

    void receive(base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream, Effects& out);
    void flow_failed(base::Now now, const sip::Hop& hop, Effects& out);
    std::optional<base::Instant> next_deadline() { return transactions_.next_deadline(); }
    void expire(base::Now now, Effects& out);

    bool in_call() const { return dialog_.has_value(); }

private:
    // The request that is under way, kept so that it can be sent again with credentials.
    struct Pending {
        sip::Method method = sip::Method::options;
        std::string uri, to, headers, body;
        std::string call_id, from_tag;
        std::uint32_t cseq = 0;
        std::string sent;  // as it went out last
        std::string answered_nonce;
        sip::ClientId client{};
        bool cancelled = false;
    };

    void begin(base::Now now, sip::Method method, std::string_view uri, std::string_view to, std::string headers, std::string body, Effects& out);
    void send_pending(base::Now now, std::string_view authorization, Effects& out);
    void response(base::Now now, const sip::Event& event, const sip::Message& message, Effects& out);
    void invite_accepted(base::Now now, const sip::Message& message, Effects& out);
    void end_unwanted(base::Now now, sip::Dialog dialog, std::uint32_t cseq, Effects& out);
    bool answer_challenge(base::Now now, const sip::Message& message, Effects& out);
    void request(base::Now now, const sip::Event& event, const sip::Hop& source, const sip::Message& message, Effects& out);
    void reply(base::Now now, const sip::Event& event, const sip::Hop& source, const sip::Message& message, int status, std::string_view headers,
               std::string_view sdp, Effects& out);
    void failed(const sip::Event& event, Happening::Kind kind, Effects& out);
    std::string branch();

    sip::Transactions transactions_;
    base::Random random_;
    Account account_;
    Local local_;
    sip::Hop next_hop_;
    std::optional<Pending> pending_;
    std::optional<sip::Dialog> dialog_;
    std::uint32_t invite_cseq_ = 0;
    std::string invite_sent_;
    std::string ack_;          // sent again for each repeated 2xx
    sip::Hop ack_hop_;
    std::string local_sdp_;
    std::string register_call_id_;
    std::uint32_t cseq_ = 0;
    std::string to_tag_;       // of responses outside a dialog
};

}  // namespace confab::probe
