// The called side of a load: answers every INVITE 180 and 200, every BYE 200. It keeps nothing, so that a request that comes again gets the same answers;
// with `retransmit` it repeats each 200 until its ACK has come (RFC 3261 §13.3.1.4).
//
// Pure. Owner: the load's one thread, or a test.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "base/text.hpp"
#include "sip-probe/alarms.hpp"
#include "sip-probe/load_tally.hpp"
#include "sip/message.hpp"
#include "sip/transport.hpp"

namespace confab::probe {

class Callee {
public:
    // `contact`: a whole URI that leads here.
    Callee(std::string_view contact, base::Duration t1, bool retransmit);

    void receive(base::Instant now, const sip::Hop& source, std::string_view bytes, bool is_stream, sip::Outbox& out, LoadTally& tally);
    std::optional<base::Instant> next() const { return alarms_.next(); }
    void expire(base::Instant now, sip::Outbox& out, LoadTally& tally);

private:
    struct Accepted {
        std::string call_id, response;
        sip::Hop hop;
    };
    void accept(base::Instant now, const sip::Hop& source, sip::Outbox& out);
    void forget(std::string_view call_id);

    std::string headers_;
    bool retransmit_;
    Alarms alarms_;
    sip::Message request_;
    std::uint64_t last_ = 0;
    std::unordered_map<std::uint64_t, Accepted> accepted_;  // 200s that wait for their ACK
    std::unordered_map<std::string, std::uint64_t, base::TextHash, std::equal_to<>> by_call_id_;
};

// The session description of both sides: PCMU towards a port that nobody listens at.
std::string_view load_session();

}  // namespace confab::probe
