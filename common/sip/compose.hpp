// Messages of our own, appended to a buffer (RFC 3261 §8.1.1, §8.2.6).
#pragma once

#include <string>
#include <string_view>

#include "sip/message.hpp"
#include "sip/transport.hpp"

namespace confab::sip {

std::string_view reason_phrase(int status);

struct ResponseParts {
    int status = 200;
    std::string_view reason{};   // default: reason_phrase(status)
    std::string_view to_tag{};   // added when the request's To has none and status is not 100
    std::string_view headers{};  // whole lines, CRLF included
    std::string_view content_type{};
    std::string_view body{};
};

// Copies every Via (with received and rport filled in from `source`, RFC 3261 §18.2.1 and RFC 3581 §4), From, To, Call-ID, CSeq and,
// for a dialog-creating 2xx or 101–199, Record-Route. Works on malformed requests that are `answerable()`.
void append_response(std::string& out, const Message& request, const Hop& source, const ResponseParts& parts);

// Where a response goes (RFC 3261 §18.2.2, RFC 3581 §4): back on the flow for streams; for UDP to maddr, received with rport, or sent-by.
Hop response_hop(const Message& request, const Hop& source);

struct RequestParts {
    Method method = Method::options;
    std::string_view uri;
    std::string_view via_sent_by;  // host[:port] of the sender
    Transport transport = Transport::udp;
    std::string_view branch;  // with the magic cookie
    int max_forwards = 70;
    std::string_view from, to;  // whole values, tags included
    std::string_view call_id;
    std::uint32_t cseq = 1;
    std::string_view headers{};  // whole lines, CRLF included: Route, Contact, …
    std::string_view content_type{};
    std::string_view body{};
};
void append_request(std::string& out, const RequestParts& parts);

// The ACK for a non-2xx final response (RFC 3261 §17.1.1.3) and the CANCEL (§9.1) of a request that was sent, from its own bytes.
void append_ack(std::string& out, const Message& request, const Message& response);
void append_cancel(std::string& out, const Message& request);

}  // namespace confab::sip
