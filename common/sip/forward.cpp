#include "sip/forward.hpp"

#include <array>
#include <functional>

#include "base/text.hpp"
#include "sip/via.hpp"

namespace confab::sip {
namespace {

bool carries_mark(std::string_view branch, std::string_view mark) {
    return branch.size() > mark.size() && branch.ends_with(mark) && branch[branch.size() - mark.size() - 1] == '.';
}

bool has_looped(const Message& request, std::string_view mark) {
    if (mark.empty()) return false;
    for (const auto& header : request.headers()) {
        if (header.id != HeaderName::via || header.value.find(mark) == std::string_view::npos) continue;
        auto rest = header.value;
        TopVia via;
        while (const auto value = next_value(rest))
            if (read_via(*value, via) && carries_mark(via.branch, mark)) return true;
    }
    return false;
}

std::string unsupported_of(const Message& request) {
    std::string line = "Unsupported: ";
    bool first = true;
    for (const auto& header : request.headers()) {
        if (header.id != HeaderName::proxy_require || header.value.empty()) continue;
        if (!first) line += ", ";
        line += header.value;
        first = false;
    }
    return line += "\r\n";
}

bool understands_scheme(std::string_view uri) { return base::istarts_with(uri, "sip:") || base::istarts_with(uri, "sips:"); }

constexpr std::array<std::array<char, 3>, 256> make_decimals() {
    std::array<std::array<char, 3>, 256> table{};
    for (unsigned i = 0; i < 256; ++i)
        table[i] = {static_cast<char>('0' + i / 100), static_cast<char>('0' + i / 10 % 10), static_cast<char>('0' + i % 10)};
    return table;
}

// 0..255 as text that outlives every splice.
std::string_view decimal(std::uint8_t value) {
    static constexpr auto kDecimals = make_decimals();
    const std::string_view digits(kDecimals[value].data(), 3);
    return digits.substr(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

void decrement_max_forwards(const Message& request, Splice& splice) {
    const auto* header = request.find(HeaderName::max_forwards);
    if (!header) return splice.append_header("Max-Forwards: 70\r\n");
    const auto left = request.max_forwards.value_or(0);
    splice.replace(header->value, decimal(static_cast<std::uint8_t>(left > 0 ? left - 1 : 0)));
}

void prepend_line(Splice& splice, std::string_view name, std::string_view value) {
    if (value.empty()) return;
    splice.prepend_header(name);
    splice.prepend_header(value);
    splice.prepend_header("\r\n");
}

void prepend_via(Splice& splice, const Forward& forward) {
    splice.prepend_header("Via: SIP/2.0/");
    splice.prepend_header(via_name(forward.transport));
    splice.prepend_header(" ");
    splice.prepend_header(forward.via_sent_by);
    splice.prepend_header(";branch=");
    splice.prepend_header(forward.branch);
    splice.prepend_header("\r\n");
}

// Order-dependent mixing of field hashes; an attacker who finds a collision only has his own request refused.
class Fingerprint {
public:
    void add(std::string_view field) { add(std::uint64_t{std::hash<std::string_view>{}(field)}); }
    void add(std::uint64_t number) {
        state_ = (state_ ^ number) * 0x9e3779b97f4a7c15u;
        state_ ^= state_ >> 29;
    }
    std::string text() const {
        constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuv";
        std::string out(13, '0');
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = kAlphabet[(state_ >> (5 * i)) & 31];
        return out;
    }

private:
    std::uint64_t state_ = 0x6a09e667f3bcc908u;
};

std::optional<Transport> transport_of(std::string_view via_transport) {
    for (auto transport : {Transport::udp, Transport::tcp, Transport::tls})
        if (base::iequals(via_transport, via_name(transport))) return transport;
    return std::nullopt;
}

}  // namespace

RequestFault check_request(const Message& request, std::string_view own_branch_mark) {
    if (!understands_scheme(request.uri)) return {416, {}};
    if (request.max_forwards == std::uint8_t{0}) return {483, {}};
    if (has_looped(request, own_branch_mark)) return {482, {}};
    // Neither ACK nor CANCEL can be refused for an extension (RFC 3261 §8.2.2.3).
    if (request.method != Method::ack && request.method != Method::cancel && request.count(HeaderName::proxy_require) > 0)
        return {420, unsupported_of(request)};
    return {};
}

std::string loop_mark(const Message& request) {
    Fingerprint fingerprint;
    fingerprint.add(request.uri);
    fingerprint.add(request.from_tag);
    fingerprint.add(request.to_tag);
    fingerprint.add(request.call_id);
    fingerprint.add(std::uint64_t{request.cseq});
    for (const auto& header : request.headers()) {
        const bool routes =
            header.id == HeaderName::route || header.id == HeaderName::proxy_require || header.id == HeaderName::proxy_authorization;
        if (routes) fingerprint.add(header.value);
    }
    return fingerprint.text();
}

void append_forward(std::string& out, const Message& request, Splice& splice, const Forward& forward) {
    if (!forward.request_uri.empty()) splice.replace(request.uri, forward.request_uri);
    prepend_via(splice, forward);
    prepend_line(splice, "Record-Route: ", forward.record_route);
    prepend_line(splice, "Route: ", forward.push_route);
    std::optional<ViaStamp> stamp;
    if (forward.source) {
        stamp.emplace(request.via, *forward.source);
        for (const auto& edit : stamp->edits()) splice.replace(edit.place, edit.text);
    }
    if (const auto* route = forward.pop_route ? request.find(HeaderName::route) : nullptr) splice.remove_first_value(*route);
    decrement_max_forwards(request, splice);
    if (!forward.extra_headers.empty()) splice.append_header(forward.extra_headers);
    splice.write(out);
}

void append_response_forward(std::string& out, const Message& response, Splice& splice) {
    if (const auto* via = response.find(HeaderName::via)) splice.remove_first_value(*via);
    splice.write(out);
}

std::string_view second_via(const Message& message) {
    bool first = true;
    for (const auto& header : message.headers()) {
        if (header.id != HeaderName::via) continue;
        auto rest = header.value;
        if (first) next_value(rest);
        first = false;
        if (const auto value = next_value(rest)) return *value;
    }
    return {};
}

std::optional<Hop> next_via_hop(const Message& response) {
    TopVia via;
    if (!read_via(second_via(response), via)) return std::nullopt;
    const auto transport = transport_of(via.transport);
    if (!transport) return std::nullopt;
    const auto maddr = base::IpAddress::parse(via.maddr);
    const auto received = base::IpAddress::parse(via.received);
    const auto ip = maddr ? maddr : received ? received : base::IpAddress::parse(via.host);
    if (!ip || !is_unicast(*ip)) return std::nullopt;
    Hop hop{*transport, {*ip, via.port != 0 ? via.port : default_port(*transport)}, {}, kAnyListener};
    if (!maddr && via.rport != 0) hop.peer.port = via.rport;
    return hop;
}

}  // namespace confab::sip
