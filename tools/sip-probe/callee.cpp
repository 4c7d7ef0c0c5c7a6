#include "sip-probe/callee.hpp"

#include "sip/compose.hpp"

namespace confab::probe {
namespace {

constexpr std::string_view kTag = "callee";
constexpr std::uint32_t kLongest = 3;  // T1·2³ = T2
constexpr std::uint32_t kTimes = 10;   // 64·T1 in all

}  // namespace

std::string_view load_session() {
    return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
           "a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";
}

Callee::Callee(std::string_view contact, base::Duration t1, bool retransmit)
    : headers_("Contact: <" + std::string(contact) + ">\r\n"), retransmit_(retransmit), alarms_({t1, 2 * t1, 4 * t1, 8 * t1}) {}

void Callee::receive(base::Instant now, const sip::Hop& source, std::string_view bytes, bool is_stream, sip::Outbox& out, LoadTally& tally) {
    if (sip::split(bytes, request_, is_stream) != sip::ParseError::none || !request_.is_request) {
        ++tally.stray;
        return;
    }
    const auto to = sip::response_hop(request_, source);
    switch (request_.method) {
        case sip::Method::invite:
            ++tally.invited;
            out.compose(to, [&](std::string& text) { sip::append_response(text, request_, source, {.status = 180, .to_tag = kTag, .headers = headers_}); });
            return accept(now, source, out);
        case sip::Method::ack:
            ++tally.acknowledged;
            return forget(request_.call_id);
        case sip::Method::bye:
            ++tally.ended;
            forget(request_.call_id);
            break;
        default: break;
    }
    out.compose(to, [&](std::string& text) { sip::append_response(text, request_, source, {.status = 200, .to_tag = kTag}); });
}

void Callee::accept(base::Instant now, const sip::Hop& source, sip::Outbox& out) {
    const auto to = sip::response_hop(request_, source);
    const auto response = out.compose(to, [&](std::string& text) {
        sip::append_response(text, request_, source,
                             {.status = 200, .to_tag = kTag, .headers = headers_, .content_type = "application/sdp", .body = load_session()});
    });
    if (!retransmit_ || by_call_id_.contains(request_.call_id)) return;
    const auto id = ++last_;
    accepted_.emplace(id, Accepted{std::string(request_.call_id), std::string(response), to});
    by_call_id_.emplace(request_.call_id, id);
    alarms_.set(0, now, id, 0);
}

void Callee::forget(std::string_view call_id) {
    const auto found = by_call_id_.find(call_id);
    if (found == by_call_id_.end()) return;
    accepted_.erase(found->second);
    by_call_id_.erase(found);
}

void Callee::expire(base::Instant now, sip::Outbox& out, LoadTally& tally) {
    while (const auto due = alarms_.pop_due(now)) {
        const auto found = accepted_.find(due->owner);
        if (found == accepted_.end()) continue;
        if (due->mark == kTimes) {
            forget(std::string(found->second.call_id));
            continue;
        }
        ++tally.retransmitted;
        out.send(found->second.hop, found->second.response);
        alarms_.set(std::min(due->mark + 1, kLongest), now, due->owner, due->mark + 1);
    }
}

}  // namespace confab::probe
