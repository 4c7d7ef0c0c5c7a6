// The splitter and the grammar on arbitrary bytes: nothing crashes, slices stay inside the message, a splice without edits gives the same
// bytes, what is made of an accepted message is accepted again, and where osip reads a header as well, both read the same.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "base/text.hpp"
#include "sip/compose.hpp"
#include "sip/digest.hpp"
#include "sip/forward.hpp"
#include "sip/grammar.hpp"
#include "sip/message.hpp"
#include "sip/osip_grammar.hpp"
#include "sip/splice.hpp"
#include "sip/stun_keepalive.hpp"

using namespace confab;
using namespace confab::sip;

namespace {

bool is_inside(std::string_view part, std::string_view whole) {
    return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void expect_inside(const Message& m, std::string_view input) {
    for (auto part : {m.method_token, m.uri, m.reason, m.via.value, m.via.host, m.via.branch, m.via.received, m.via.maddr, m.via.rport_text,
                      m.from, m.to, m.from_tag, m.to_tag, m.call_id, m.cseq_method_token, m.bytes, m.head, m.body})
        CHECK(is_inside(part, input), "a field outside the message: " + std::string(part));
    for (const auto& header : m.headers()) {
        CHECK(is_inside(header.line, m.head), "a line outside the head");
        CHECK(is_inside(header.name, header.line) && is_inside(header.value, header.line), "a header outside its line");
    }
}

void expect_same(const char* what, std::string_view ours, std::string_view osips, std::string_view value) {
    CHECK(ours == osips,
          std::string(what) + ": ours '" + std::string(ours) + "' osip '" + std::string(osips) + "' in '" + std::string(value) + "'");
}

std::string_view without_brackets(std::string_view host) { return host.starts_with('[') ? host.substr(1, host.size() - 2) : host; }

std::string port_text(std::uint16_t port) { return port == 0 ? "" : std::to_string(port); }

std::string unescaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto code = text[i] == '%' ? base::unhex(text.substr(i + 1, 2)) : std::nullopt;
        out += code ? *code : std::string(1, text[i]);
        if (code) i += 2;
    }
    return out;
}

void compare_uri(const Uri& uri, const OsipUri& osip) {
    expect_same("scheme", base::to_lower(uri.scheme), base::to_lower(osip.scheme), uri.text);
    if (uri.host.empty()) return;
    expect_same("user", unescaped(uri.user).c_str(), osip.user, uri.text);
    expect_same("host", without_brackets(uri.host), osip.host, uri.text);
    if (base::parse_number<std::uint16_t>(osip.port))
        expect_same("port", port_text(uri.port), std::to_string(std::stoi(osip.port)), uri.text);
}

void compare_address(std::string_view value, std::string_view tag) {
    const auto ours = parse_name_addr(value);
    const auto osip = osip_read_address(value);
    if (!ours || !osip) return;
    compare_uri(ours->uri, osip->uri);
    expect_same("tag", tag, osip->tag, value);
}

void compare_with_osip(const Message& m) {
    compare_address(m.from, m.from_tag);
    compare_address(m.to, m.to_tag);
    if (const auto via = osip_read_via(m.via.value)) {
        expect_same("via host", without_brackets(m.via.host), via->host, m.via.value);
        expect_same("via transport", m.via.transport, via->transport, m.via.value);
        expect_same("branch", m.via.branch, via->branch, m.via.value);
    }
    if (const auto call_id = osip_read_call_id(m.call_id)) expect_same("call-id", m.call_id, *call_id, m.call_id);
    if (const auto cseq = osip_read_cseq(m.value(HeaderName::cseq))) {
        const auto number = base::parse_number<std::uint32_t>(cseq->number);
        if (number) expect_same("cseq", std::to_string(m.cseq), std::to_string(*number), m.value(HeaderName::cseq));
        expect_same("cseq method", m.cseq_method_token, cseq->method, m.value(HeaderName::cseq));
    }
    const auto uri = m.is_request ? parse_uri(m.uri) : std::nullopt;
    const auto osip_uri = uri ? osip_read_uri(m.uri) : std::nullopt;
    if (osip_uri) compare_uri(*uri, *osip_uri);
}

void exercise_value(std::string_view value) {
    const auto address = parse_name_addr(value);
    if (address) {
        CHECK(is_inside(address->uri.text, value) && is_inside(address->params.text, value) && is_inside(address->display, value),
              "address outside");
        CHECK(equal_uris(address->uri, address->uri), "unequal to itself: " + std::string(address->uri.text));
        if (const auto key = address_key(address->uri)) {
            const auto again = parse_uri(*key);
            CHECK(again && address_key(*again) == key, "unstable key " + *key);
        }
        address->params.get("q");
    }
    parse_via(value);
    if (const auto credentials = parse_credentials(value)) credentials->get("nonce");
    std::string scratch;
    const auto fields = read_digest(value, scratch);
    const auto answer = parse_digest_answer(value);
    CHECK(fields.has_value() == answer.has_value(), "two verdicts on credentials");
    if (fields) CHECK(fields->nonce == answer->nonce && fields->username == answer->username, "two readings of credentials");
}

void exercise_headers(const Message& m) {
    for (const auto& header : m.headers()) {
        auto rest = header.value;
        for (int i = 0; i < 8; ++i)
            if (const auto value = next_value(rest)) exercise_value(*value);
    }
}

// What goes out must be a message again, with the same identity and body.
void exercise_request(const Message& m) {
    const auto source = *base::SocketAddress::parse("192.0.2.7:40000");
    const auto mark = loop_mark(m);
    check_request(m, mark);
    Splice splice(m);
    std::string out;
    append_forward(out, m, splice,
                   {.via_sent_by = "192.0.2.1",
                    .transport = Transport::udp,
                    .branch = "z9hG4bKq",
                    .record_route = "<sip:192.0.2.1;lr>",
                    .request_uri = "sip:x@y",
                    .pop_route = true,
                    .push_route = "<sip:p;lr>",
                    .extra_headers = "X-Extra: 1\r\n",
                    .source = &source});
    Message forwarded;
    const auto error = split(out, forwarded);
    const bool full = m.headers().size() + 5 > Message::kMaxHeaders;
    CHECK(full || error == ParseError::none, "forwarded: " + std::string(parse_error_text(error)) + "\n" + out);
    CHECK(full || (forwarded.body == m.body && forwarded.call_id == m.call_id && forwarded.from == m.from), "forwarding changed\n" + out);
    out.clear();
    append_response(out, m, {Transport::udp, source, {}, 0}, {.status = 404, .to_tag = "t"});
    Message response;
    const auto fault = split(out, response, true);
    CHECK(fault == ParseError::none, "response: " + std::string(parse_error_text(fault)) + "\n" + out);
    CHECK(response.via.branch == m.via.branch && response.cseq == m.cseq && response.call_id == m.call_id,
          "response belongs to nothing\n" + out);
}

void run(std::string_view input, bool is_stream) {
    Message m;
    const auto error = split(input, m, is_stream);
    CHECK(error == m.error, "two verdicts");
    expect_inside(m, input);
    Splice splice(m);
    std::string copy;
    splice.write(copy);
    CHECK(copy == m.bytes, "a splice without edits changed the message");
    exercise_headers(m);
    if (error != ParseError::none) {
        if (!m.answerable()) return;
        copy.clear();
        append_response(copy, m, {}, {.status = status_for(error), .reason = parse_error_text(error), .to_tag = "t"});
        return;
    }
    compare_with_osip(m);
    if (m.is_request) exercise_request(m);
    if (!m.is_request) next_via_hop(m);
}

// What is no SIP: an answer is never three times as long as its request, and never a request itself.
void run_datagram(std::span<const std::uint8_t> datagram) {
    kind_of(datagram);
    std::array<std::uint8_t, kStunAnswerSize> out;
    const auto length = answer_stun(datagram, *base::SocketAddress::parse("[2001:db8::7]:40000"), out);
    if (!length) return;
    CHECK(*length < 3 * datagram.size() && kind_of(std::span(out).first(*length)) == DatagramKind::stun, "a bad answer");
    std::array<std::uint8_t, kStunAnswerSize> again;
    CHECK(!answer_stun(std::span(out).first(*length), {}, again), "an answer is answered");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(octets), size);
    run(input, false);
    run(input, true);
    run_datagram({octets, size});
    return 0;
}
