#include "sip/compose.hpp"

#include "base/text.hpp"
#include "sip/via.hpp"

namespace confab::sip {
namespace {

struct Reason {
    int status;
    std::string_view phrase;
};

constexpr Reason kReasons[] = {
    {100, "Trying"},
    {180, "Ringing"},
    {181, "Call Is Being Forwarded"},
    {182, "Queued"},
    {183, "Session Progress"},
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Notification"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Moved Temporarily"},
    {305, "Use Proxy"},
    {380, "Alternative Service"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {410, "Gone"},
    {412, "Conditional Request Failed"},
    {413, "Request Entity Too Large"},
    {414, "Request-URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Unsupported URI Scheme"},
    {420, "Bad Extension"},
    {421, "Extension Required"},
    {422, "Session Interval Too Small"},
    {423, "Interval Too Brief"},
    {430, "Flow Failed"},
    {433, "Anonymity Disallowed"},
    {436, "Bad Identity Info"},
    {439, "First Hop Lacks Outbound Support"},
    {440, "Max-Breadth Exceeded"},
    {480, "Temporarily Unavailable"},
    {481, "Call/Transaction Does Not Exist"},
    {482, "Loop Detected"},
    {483, "Too Many Hops"},
    {484, "Address Incomplete"},
    {485, "Ambiguous"},
    {486, "Busy Here"},
    {487, "Request Terminated"},
    {488, "Not Acceptable Here"},
    {489, "Bad Event"},
    {491, "Request Pending"},
    {493, "Undecipherable"},
    {494, "Security Agreement Required"},
    {500, "Server Internal Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Server Time-out"},
    {505, "Version Not Supported"},
    {513, "Message Too Large"},
    {580, "Precondition Failure"},
    {600, "Busy Everywhere"},
    {603, "Decline"},
    {604, "Does Not Exist Anywhere"},
    {606, "Not Acceptable"},
    {607, "Unwanted"},
};

void append_line(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
}

void append_body(std::string& out, std::string_view content_type, std::string_view body) {
    if (!content_type.empty()) append_line(out, "Content-Type", content_type);
    out += "Content-Length: ";
    base::append_number(out, body.size());
    out += "\r\n\r\n";
    out += body;
}

// The first value with received and rport, then what follows it in the same header.
void append_top_via(std::string& out, const Message& request, std::string_view header, const base::SocketAddress& source) {
    const TopVia& via = request.via;
    out += "Via: ";
    if (request.error == ParseError::via) {
        out += header;
    } else {
        const ViaStamp stamp(via, source);
        std::size_t copied = 0;
        for (const auto& edit : stamp.edits()) {
            const auto offset = static_cast<std::size_t>(edit.place.data() - header.data());
            out.append(header, copied, offset - copied);
            out += edit.text;
            copied = offset + edit.place.size();
        }
        out.append(header, copied);
    }
    out += "\r\n";
}

void append_vias(std::string& out, const Message& request, const base::SocketAddress& source) {
    bool top = true;
    for (const auto& header : request.headers()) {
        if (header.id != HeaderName::via) continue;
        if (top)
            append_top_via(out, request, header.value, source);
        else
            append_line(out, "Via", header.value);
        top = false;
    }
}

void append_copies(std::string& out, const Message& from, HeaderName name) {
    for (const auto& header : from.headers())
        if (header.id == name) append_line(out, header_name_text(name), header.value);
}

void append_to(std::string& out, const Message& request, const ResponseParts& parts) {
    if (request.to.empty()) return;
    out += "To: ";
    out += request.to;
    if (request.to_tag.empty() && !parts.to_tag.empty() && parts.status != 100 && request.error != ParseError::from_to) {
        out += ";tag=";
        out += parts.to_tag;
    }
    out += "\r\n";
}

void append_cseq(std::string& out, std::uint32_t number, std::string_view method) {
    out += "CSeq: ";
    base::append_number(out, number);
    out += ' ';
    out += method;
    out += "\r\n";
}

bool makes_dialog(Method method) {
    return method == Method::invite || method == Method::subscribe || method == Method::refer || method == Method::notify;
}

// The head that an ACK or CANCEL takes from the request it belongs to.
void append_sibling(std::string& out, const Message& request, std::string_view method, std::string_view to) {
    out += method;
    out += ' ';
    out += request.uri;
    out += " SIP/2.0\r\n";
    append_line(out, "Via", request.via.value);
    out += "Max-Forwards: 70\r\n";
    append_copies(out, request, HeaderName::route);
    append_line(out, "From", request.from);
    append_line(out, "To", to);
    append_line(out, "Call-ID", request.call_id);
    append_cseq(out, request.cseq, method);
    append_body(out, {}, {});
}

}  // namespace

void append_response(std::string& out, const Message& request, const Hop& source, const ResponseParts& parts) {
    out += "SIP/2.0 ";
    base::append_number(out, static_cast<std::uint64_t>(parts.status));
    out += ' ';
    out += parts.reason.empty() ? reason_phrase(parts.status) : parts.reason;
    out += "\r\n";
    append_vias(out, request, source.peer);
    const bool establishes = (parts.status > 100 && parts.status < 200) || parts.status / 100 == 2;
    if (establishes && makes_dialog(request.method)) append_copies(out, request, HeaderName::record_route);
    if (!request.from.empty()) append_line(out, "From", request.from);
    append_to(out, request, parts);
    if (!request.call_id.empty()) append_line(out, "Call-ID", request.call_id);
    if (const auto* cseq = request.find(HeaderName::cseq)) append_line(out, "CSeq", cseq->value);
    if (parts.status == 100)  // RFC 3261 §8.2.6.1
        if (const auto* timestamp = request.find("Timestamp")) append_line(out, "Timestamp", timestamp->value);
    out += parts.headers;
    append_body(out, parts.content_type, parts.body);
}

Hop response_hop(const Message& request, const Hop& source) {
    if (is_stream(source.transport)) return source;
    Hop hop = source;
    const TopVia& via = request.via;
    const auto port = via.port != 0 ? via.port : default_port(source.transport);
    if (const auto maddr = base::IpAddress::parse(via.maddr); maddr && is_unicast(*maddr)) {
        hop.peer = {*maddr, port};
    } else if (!via.rport_requested) {
        hop.peer.port = port;
    }
    return hop;
}

void append_request(std::string& out, const RequestParts& parts) {
    const auto method = method_name(parts.method);
    out += method;
    out += ' ';
    out += parts.uri;
    out += " SIP/2.0\r\nVia: SIP/2.0/";
    out += via_name(parts.transport);
    out += ' ';
    out += parts.via_sent_by;
    out += ";branch=";
    out += parts.branch;
    out += ";rport\r\nMax-Forwards: ";
    base::append_number(out, static_cast<std::uint64_t>(parts.max_forwards));
    out += "\r\n";
    append_line(out, "From", parts.from);
    append_line(out, "To", parts.to);
    append_line(out, "Call-ID", parts.call_id);
    append_cseq(out, parts.cseq, method);
    out += parts.headers;
    append_body(out, parts.content_type, parts.body);
}

void append_ack(std::string& out, const Message& request, const Message& response) {
    append_sibling(out, request, method_name(Method::ack), response.to);
}

void append_cancel(std::string& out, const Message& request) { append_sibling(out, request, method_name(Method::cancel), request.to); }

std::string_view reason_phrase(int status) {
    for (const auto& reason : kReasons)
        if (reason.status == status) return reason.phrase;
    // An unknown code means what the first of its class means (RFC 3261 §8.1.3.2).
    constexpr std::string_view kClasses[] = {"Trying", "OK", "Moved", "Bad Request", "Server Error", "Decline"};
    return status >= 100 && status < 700 ? kClasses[status / 100 - 1] : std::string_view{};
}

}  // namespace confab::sip
