// What every proxy does to a message before it goes on (RFC 3261 §16.3–§16.7, RFC 5393, RFC 5658): shared by sip-proxy and sbc-edge. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sip/grammar.hpp"
#include "sip/message.hpp"
#include "sip/splice.hpp"
#include "sip/transport.hpp"

namespace confab::sip {

// Checks of §16.3 that need no policy. 0: fine. 483 Max-Forwards used up, 482 loop, 416 scheme, 420 Proxy-Require (then `headers` has
// Unsupported).
struct RequestFault {
    int status = 0;
    std::string headers;  // whole lines for the answer
};
//
// Every branch that an element of ours makes is "z9hG4bK" + random token + "." + mark, where mark = the element's own id +
// loop_mark(request).
// The id tells our elements apart (a request may pass proxy, PBX and proxy again unchanged); it is a token without '.'.
// `own_branch_mark` is that mark: a Via whose branch ends in "." + mark is ours and saw this very request. "" skips the loop check.
// A Max-Forwards of 0 on OPTIONS is also 483: the caller may answer it itself instead (§16.3 step 3).
RequestFault check_request(const Message& request, std::string_view own_branch_mark);

// The loop fingerprint of RFC 5393 §4.2: what decides where a request goes (Request-URI, From tag, To tag, Call-ID, CSeq, Route,
// Proxy-Require, Proxy-Authorization), hashed to 13 characters [0-9a-v]; it ends our branch, so that a request that returns unchanged
// is recognised. A CANCEL, and the ACK for a failure, repeat the branch of their INVITE instead.
std::string loop_mark(const Message& request);

// One outgoing copy of a request. Edits are spliced; text members must outlive `append_forward`.
struct Forward {
    std::string_view via_sent_by;  // our host:port towards the target
    Transport transport = Transport::udp;
    std::string_view branch;
    std::string_view record_route{};              // the URI values to put on top, each "<…;lr>", comma separated; "" for none
    std::string_view request_uri{};               // new Request-URI, "" to keep
    bool pop_route = false;                       // remove the first Route value: it named us
    std::string_view push_route{};                // Route values to put on top ("" for none): a binding's Path
    std::string_view extra_headers{};             // whole lines added
    const base::SocketAddress* source = nullptr;  // where the request came from: fills received/rport into the received top Via
};
// `splice` may already hold the caller's own edits (identity headers removed, body replaced). Max-Forwards is decremented, or 70 is
// added where it is missing. On top come Via, Record-Route and pushed Routes, below what the caller has prepended before.
void append_forward(std::string& out, const Message& request, Splice& splice, const Forward& forward);

// A response on its way back: our Via removed (§16.7 step 3). `splice` may hold the caller's edits.
void append_response_forward(std::string& out, const Message& response, Splice& splice);
// The value below the topmost Via: behind a comma in the first Via header, or in the next one. "" when there is none.
std::string_view second_via(const Message& message);
// Where it goes then: the second Via (received, rport, maddr), on UDP; a stream answer needs the flow that the caller remembers.
std::optional<Hop> next_via_hop(const Message& response);

}  // namespace confab::sip
