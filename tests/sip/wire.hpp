// Raw messages and a clock for the tests of this layer.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "sip/message.hpp"
#include "sip/transport.hpp"

namespace confab::sip::test {

using base::milliseconds;
using base::seconds;

inline base::Now at(milliseconds since_start) {
    return {base::Instant{} + std::chrono::hours(1) + since_start, base::WallTime{std::chrono::hours(24 * 20000)} + since_start};
}

inline base::Seed seed_of(std::uint8_t value) {
    base::Seed seed{};
    seed.fill(value);
    return seed;
}

inline Hop hop_of(Transport transport, const char* peer, std::uint64_t flow = 0) {
    return {transport, *base::SocketAddress::parse(peer), FlowId{flow}, 0};
}

// A message that owns its bytes.
struct Parsed {
    explicit Parsed(std::string text) : bytes(std::move(text)) {
        split(bytes, message);
        INFO(bytes);
        CHECK(parse_error_text(message.error) == parse_error_text(ParseError::none));
    }
    Parsed(const Parsed&) = delete;
    Parsed& operator=(const Parsed&) = delete;

    std::string bytes;
    Message message;
};

struct RequestText {
    std::string method = "INVITE";
    std::string branch = "z9hG4bK1";
    std::string uri = "sip:bob@192.0.2.2";
    std::string from = "<sip:alice@192.0.2.1>;tag=a1";
    std::string to = "<sip:bob@192.0.2.2>";
    std::string call_id = "c1";
    std::string cseq = "1";
    std::string cseq_method{};
    std::string transport = "UDP";
    std::string sent_by = "192.0.2.1:5060";
    std::string headers = "Contact: <sip:alice@192.0.2.1>\r\n";

    std::string text() const {
        return method + " " + uri + " SIP/2.0\r\nVia: SIP/2.0/" + transport + " " + sent_by + (branch.empty() ? "" : ";branch=" + branch) +
               "\r\nMax-Forwards: 70\r\nFrom: " + from + "\r\nTo: " + to + "\r\nCall-ID: " + call_id + "\r\nCSeq: " + cseq + " " +
               (cseq_method.empty() ? method : cseq_method) + "\r\n" + headers + "Content-Length: 0\r\n\r\n";
    }
};

// A peer's answer to a request that was sent, by its text.
inline std::string answer(std::string_view request, int status, const std::string& to_tag = "b1", const std::string& headers = "") {
    Parsed parsed{std::string(request)};
    const auto& m = parsed.message;
    std::string text = "SIP/2.0 " + std::to_string(status) + " Whatever\r\nVia: " + std::string(m.value(HeaderName::via)) + "\r\n";
    text += "From: " + std::string(m.from) + "\r\nTo: " + std::string(m.to) + (to_tag.empty() ? "" : ";tag=" + to_tag) + "\r\n";
    text += "Call-ID: " + std::string(m.call_id) + "\r\nCSeq: " + std::string(m.value(HeaderName::cseq)) + "\r\n" + headers;
    return text + "Content-Length: 0\r\n\r\n";
}

inline std::vector<std::string> texts(const Outbox& out) {
    std::vector<std::string> all;
    for (const auto& entry : out.entries()) all.emplace_back(out.bytes(entry));
    return all;
}

// "INVITE", "ACK", "200", …: what was sent, in order.
inline std::vector<std::string> kinds(const Outbox& out) {
    std::vector<std::string> all;
    for (const auto& text : texts(out)) {
        const auto first = text.substr(0, text.find(' '));
        all.push_back(first == "SIP/2.0" ? text.substr(8, 3) : first);
    }
    return all;
}

}  // namespace confab::sip::test
