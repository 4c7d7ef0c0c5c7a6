#include "sip-proxy/seals.hpp"

#include "base/hash.hpp"
#include "base/text.hpp"
#include "sip/forward.hpp"
#include "sip/grammar.hpp"

namespace confab::proxy {
namespace {

constexpr std::string_view kMagicCookie = "z9hG4bK";
constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuv";
constexpr std::size_t kDestinationLength = 7, kMacLength = 16, kSaltLength = 6, kFlowMacOctets = 8;

// Fields end with a NUL, which no header value holds, so they cannot run into each other.
void add(std::string& text, std::string_view field) {
    text += field;
    text += '\0';
}

void add_octets(std::string& text, std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) text += static_cast<char>(value >> (8 * i));
}

std::uint64_t take_octets(std::string_view& text, std::size_t count) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value |= std::uint64_t{static_cast<std::uint8_t>(text[i])} << (8 * i);
    text.remove_prefix(count);
    return value;
}

std::string_view octets_of(const base::IpAddress& ip) {
    return {reinterpret_cast<const char*>(ip.octets.data()), ip.family == base::Family::ipv4 ? std::size_t{4} : std::size_t{16}};
}

// Case folded, for branches are compared without regard to it (RFC 3261 §7.3.1): 5 bits a character.
template <class Out>
void append_digits(Out& out, const sip::TransactionKey& key, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto word = i < 12 ? key.low : key.high;
        const char digit = kDigits[(word >> (5 * (i % 12))) & 31];
        out.append(std::string_view(&digit, 1));
    }
}

sip::SipHashSecret key_of(std::string_view secret) {
    const auto octets = base::hmac_sha256(secret, "sip-proxy seals");
    std::string_view rest = octets;
    const auto first = take_octets(rest, 8);
    return {first, take_octets(rest, 8)};
}

// Where a response to this request goes by its Via alone: what `next_via_hop` reads in the response.
base::SocketAddress return_of(const sip::TopVia& via, const base::SocketAddress& source) {
    const auto written = via.port != 0 ? via.port : base::iequals(via.transport, "TLS") ? std::uint16_t{5061} : std::uint16_t{5060};
    if (const auto maddr = base::IpAddress::parse(via.maddr)) return {*maddr, written};
    return {source.ip, via.rport_requested ? source.port : written};
}

}  // namespace

Seals::Seals(std::string_view secret, std::string_view salt)
    : key_(key_of(secret)), salt_(base::hex(base::hmac_sha256(secret, salt)).substr(0, kSaltLength)) {}

// No capitals: peers that look for header names anywhere in a message (SIPp does for "CSeq") must not find one here.
Seals::Token Seals::dialog(std::string_view call_id) {
    scratch_.assign("d");
    scratch_ += call_id;
    const auto key = seal(scratch_);
    Token token;
    for (std::size_t i = 0; i < kTokenLength; ++i) {
        const auto word = i < kTokenLength / 2 ? key.low : key.high;
        token.append(kDigits.substr((word >> (5 * (i % (kTokenLength / 2)))) & 31, 1));
    }
    return token;
}

bool Seals::is_dialog(std::string_view token, std::string_view call_id) {
    return token.size() == kTokenLength && base::equal_in_constant_time(token, dialog(call_id).text());
}

Seals::Mark Seals::mark(const sip::Message& request) const {
    Mark mark;
    mark.append(sip::loop_mark(request));
    mark.append(salt_);
    return mark;
}

void Seals::describe_return(const sip::Message& message, std::string_view via_branch, const base::SocketAddress& back) {
    add(scratch_, via_branch);
    scratch_ += octets_of(back.ip);
    add_octets(scratch_, back.port, 2);
    add(scratch_, message.call_id);
    add(scratch_, message.from_tag);
    add(scratch_, message.cseq_method_token);
    add_octets(scratch_, message.cseq, 4);
}

std::uint64_t Seals::destination(const sip::Hop& hop, std::string_view request_uri, std::string_view route, std::size_t attempt) {
    scratch_.assign("t");
    scratch_ += static_cast<char>(hop.transport);
    scratch_ += octets_of(hop.peer.ip);
    add_octets(scratch_, hop.peer.port, 2);
    add(scratch_, request_uri);
    add(scratch_, route);
    scratch_ += static_cast<char>(attempt);
    return seal(scratch_).low;
}

void Seals::append_branch(std::string& out, const sip::Message& request, const base::SocketAddress& source, std::uint64_t destination,
                          const Mark& mark) {
    Letters<kDestinationLength> where;
    append_digits(where, {destination, 0}, kDestinationLength);
    scratch_.assign("b");
    add(scratch_, where.text());
    describe_return(request, request.via.branch, return_of(request.via, source));
    out += kMagicCookie;
    out += where.text();
    append_digits(out, seal(scratch_), kMacLength);
    out += '.';
    out += mark.text();
}

bool Seals::is_ours(const sip::Message& response) {
    const auto branch = response.via.branch;
    if (branch.size() <= kMagicCookie.size() + kDestinationLength + kMacLength || !branch.starts_with(kMagicCookie)) return false;
    const auto below = sip::second_via(response);
    sip::TopVia via;
    const auto back = sip::next_via_hop(response);
    if (!back || !sip::read_via(below, via)) return false;
    scratch_.assign("b");
    add(scratch_, branch.substr(kMagicCookie.size(), kDestinationLength));
    describe_return(response, via.branch, back->peer);
    Letters<kMacLength> mac;
    append_digits(mac, seal(scratch_), kMacLength);
    return base::equal_in_constant_time(branch.substr(kMagicCookie.size() + kDestinationLength, kMacLength), mac.text());
}

void Seals::append_flow(std::string& out, const sip::Hop& hop) {
    scratch_.assign("f");
    scratch_ += static_cast<char>(hop.transport);
    add_octets(scratch_, hop.listener, 2);
    add_octets(scratch_, sip::is_stream(hop.transport) ? hop.flow.value : 0, 8);  // a datagram flow is its peer's address
    scratch_ += octets_of(hop.peer.ip);
    add_octets(scratch_, hop.peer.port, 2);
    const auto mac = seal(scratch_);
    add_octets(scratch_, mac.low, kFlowMacOctets);
    out += base::base64url(std::string_view(scratch_).substr(1));
}

std::optional<sip::Hop> Seals::open_flow(std::string_view token) {
    constexpr std::size_t kFixed = 1 + 2 + 8 + 2 + kFlowMacOctets;
    if (token.size() > 64) return std::nullopt;
    const auto octets = base::unbase64url(token);
    if (!octets || (octets->size() != kFixed + 4 && octets->size() != kFixed + 16)) return std::nullopt;
    scratch_.assign("f");
    scratch_.append(*octets, 0, octets->size() - kFlowMacOctets);
    std::string expected;
    add_octets(expected, seal(scratch_).low, kFlowMacOctets);
    if (!base::equal_in_constant_time(std::string_view(*octets).substr(octets->size() - kFlowMacOctets), expected)) return std::nullopt;
    std::string_view rest = *octets;
    sip::Hop hop;
    hop.transport = static_cast<sip::Transport>(take_octets(rest, 1));
    hop.listener = static_cast<std::uint16_t>(take_octets(rest, 2));
    hop.flow.value = take_octets(rest, 8);
    const auto length = rest.size() - kFlowMacOctets - 2;
    hop.peer.ip.family = length == 4 ? base::Family::ipv4 : base::Family::ipv6;
    for (std::size_t i = 0; i < length; ++i) hop.peer.ip.octets[i] = static_cast<std::uint8_t>(rest[i]);
    rest.remove_prefix(length);
    hop.peer.port = static_cast<std::uint16_t>(take_octets(rest, 2));
    return hop;
}

}  // namespace confab::proxy
