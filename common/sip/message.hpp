// One SIP message as slices into the bytes that were received: split once, copied never (RFC 3261 §7).
//
// `Message` holds no memory of its own and lives no longer than the bytes. Splitting finds the start line, every header's
// boundaries and the fields that each element needs for each message (top Via, tags, Call-ID, CSeq, Max-Forwards, Content-Length);
// the rest is parsed on demand by `grammar.hpp`. A folded value keeps its line breaks (RFC 3261 §7.3.1 makes them spaces): the
// grammar functions accept them as white space.
//
// A malformed message has `error` set and keeps whatever could be found, so that a 400 can be built where Via, From, To, Call-ID and
// CSeq allow it (`answerable()`). Compact header names are resolved (RFC 3261 §7.3.3). Splitting allocates nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/socket_address.hpp"
#include "sip/method.hpp"

namespace confab::sip {

enum class HeaderName : std::uint8_t {
    other,
    via,
    from,
    to,
    call_id,
    cseq,
    max_forwards,
    contact,
    route,
    record_route,
    path,
    service_route,
    expires,
    min_expires,
    content_length,
    content_type,
    content_encoding,
    authorization,
    proxy_authorization,
    www_authenticate,
    proxy_authenticate,
    authentication_info,
    require,
    proxy_require,
    supported,
    unsupported,
    allow,
    accept,
    event,
    retry_after,
    user_agent,
    server,
    p_asserted_identity,
    p_preferred_identity,
    remote_party_id,
    privacy,
    reason,
    warning,
    date,
    replaces,
    refer_to,
    referred_by,
    session_expires,
    min_se,
    rack,
    rseq,
    subject,
    max_breadth
};

HeaderName header_name_of(std::string_view name);    // case-insensitive, long or compact form
std::string_view header_name_text(HeaderName name);  // the canonical long form, "" for `other`

struct Header {
    HeaderName id = HeaderName::other;
    std::string_view name;   // as received
    std::string_view value;  // as received, outer white space trimmed
    std::string_view line;   // the whole field with folded lines and its final CRLF: what an edit removes
};

// The first value of the topmost Via (RFC 3261 §20.42).
struct TopVia {
    std::string_view value;      // the whole first value, without a following comma
    std::string_view transport;  // "UDP"
    std::string_view host;       // IPv6 in brackets, as sent
    std::uint16_t port = 0;      // 0: absent
    std::string_view branch;     // "" when absent
    std::string_view received;
    bool rport_requested = false;  // `rport` with or without a value (RFC 3581)
    std::string_view rport_text;   // that parameter as written
    std::uint16_t rport = 0;
    std::string_view maddr;
};

enum class ParseError : std::uint8_t {
    none,
    empty,
    start_line,
    version,
    header_line,
    too_many_headers,
    missing_header,
    repeated_header,
    via,
    from_to,
    call_id,
    cseq,
    max_forwards,
    content_length,
    body_too_short,
    status_code,
    uri,
    expires,
    contact,
    control_character
};
std::string_view parse_error_text(ParseError error);  // a reason phrase that says what was wrong: "Bad CSeq"

// Reads the first value of a Via header. False for malformed text; what stands before the fault is filled in all the same.
bool read_via(std::string_view value, TopVia& via);

struct MessageFields {
    ParseError error = ParseError::none;
    bool is_request = false;

    // Request: method, Request-URI. Response: status, reason.
    Method method = Method::other;  // of the start line for requests, of CSeq for responses
    std::string_view method_token;
    std::string_view uri;
    int status = 0;
    std::string_view reason;

    TopVia via;
    std::string_view from, to;          // whole header values
    std::string_view from_tag, to_tag;  // "" when absent
    std::string_view call_id;
    std::uint32_t cseq = 0;
    Method cseq_method = Method::other;
    std::string_view cseq_method_token;
    std::optional<std::uint8_t> max_forwards;
    std::optional<std::uint32_t> content_length;

    std::string_view bytes;  // the whole message, without what follows the body in a datagram
    std::string_view head;   // start line and headers with the empty line that ends them
    std::string_view body;
};

class Message : public MessageFields {
public:
    static constexpr std::size_t kMaxHeaders = 128;

    std::span<const Header> headers() const { return {slots_.at.data(), count_}; }
    const Header* find(HeaderName name) const;        // the first such header, or nullptr
    const Header* find(std::string_view name) const;  // for extension headers, case-insensitive
    std::string_view value(HeaderName name) const;    // "" when absent
    std::size_t count(HeaderName name) const;
    bool answerable() const;  // enough was understood to build a response (RFC 3261 §8.2.6)

private:
    friend class Splitter;
    // Only the first `count_` are ever written: clearing all of them would cost more than splitting a message.
    union Slots {
        Slots() {}
        std::array<Header, kMaxHeaders> at;
    };
    Slots slots_;
    std::size_t count_ = 0;
};

// Splits one message. With `is_stream` the bytes are exactly one framed message; without, they are a datagram: what follows
// Content-Length is ignored, and a body shorter than it is an error (RFC 3261 §18.3). Returns `message.error`.
// A version other than SIP/2.0 is ParseError::version (answered 505).
ParseError split(std::string_view bytes, Message& message, bool is_stream = false);

// The value of the first such header, "" without one, for messages of our own of which little is needed: nothing is checked.
std::string_view peek(std::string_view bytes, HeaderName name);

// The code for a response to a malformed request: 400, or 505 for the version.
int status_for(ParseError error);

}  // namespace confab::sip
