// Header names by perfect hash: the table is found at compile time, so that one probe and one comparison tell a name.
#include <array>

#include "base/text.hpp"
#include "sip/message.hpp"

namespace confab::sip {
namespace {

struct Name {
    std::string_view text;
    HeaderName id;
};

constexpr std::array kNames = {
    Name{"Via", HeaderName::via},
    Name{"From", HeaderName::from},
    Name{"To", HeaderName::to},
    Name{"Call-ID", HeaderName::call_id},
    Name{"CSeq", HeaderName::cseq},
    Name{"Max-Forwards", HeaderName::max_forwards},
    Name{"Contact", HeaderName::contact},
    Name{"Route", HeaderName::route},
    Name{"Record-Route", HeaderName::record_route},
    Name{"Path", HeaderName::path},
    Name{"Service-Route", HeaderName::service_route},
    Name{"Expires", HeaderName::expires},
    Name{"Min-Expires", HeaderName::min_expires},
    Name{"Content-Length", HeaderName::content_length},
    Name{"Content-Type", HeaderName::content_type},
    Name{"Content-Encoding", HeaderName::content_encoding},
    Name{"Authorization", HeaderName::authorization},
    Name{"Proxy-Authorization", HeaderName::proxy_authorization},
    Name{"WWW-Authenticate", HeaderName::www_authenticate},
    Name{"Proxy-Authenticate", HeaderName::proxy_authenticate},
    Name{"Authentication-Info", HeaderName::authentication_info},
    Name{"Require", HeaderName::require},
    Name{"Proxy-Require", HeaderName::proxy_require},
    Name{"Supported", HeaderName::supported},
    Name{"Unsupported", HeaderName::unsupported},
    Name{"Allow", HeaderName::allow},
    Name{"Accept", HeaderName::accept},
    Name{"Event", HeaderName::event},
    Name{"Retry-After", HeaderName::retry_after},
    Name{"User-Agent", HeaderName::user_agent},
    Name{"Server", HeaderName::server},
    Name{"P-Asserted-Identity", HeaderName::p_asserted_identity},
    Name{"P-Preferred-Identity", HeaderName::p_preferred_identity},
    Name{"Remote-Party-ID", HeaderName::remote_party_id},
    Name{"Privacy", HeaderName::privacy},
    Name{"Reason", HeaderName::reason},
    Name{"Warning", HeaderName::warning},
    Name{"Date", HeaderName::date},
    Name{"Replaces", HeaderName::replaces},
    Name{"Refer-To", HeaderName::refer_to},
    Name{"Referred-By", HeaderName::referred_by},
    Name{"Session-Expires", HeaderName::session_expires},
    Name{"Min-SE", HeaderName::min_se},
    Name{"RAck", HeaderName::rack},
    Name{"RSeq", HeaderName::rseq},
    Name{"Subject", HeaderName::subject},
    Name{"Max-Breadth", HeaderName::max_breadth},
    // compact forms: RFC 3261 §20, RFC 6665, RFC 3515, RFC 3892, RFC 4028
    Name{"v", HeaderName::via},
    Name{"f", HeaderName::from},
    Name{"t", HeaderName::to},
    Name{"i", HeaderName::call_id},
    Name{"m", HeaderName::contact},
    Name{"l", HeaderName::content_length},
    Name{"c", HeaderName::content_type},
    Name{"e", HeaderName::content_encoding},
    Name{"k", HeaderName::supported},
    Name{"o", HeaderName::event},
    Name{"s", HeaderName::subject},
    Name{"r", HeaderName::refer_to},
    Name{"b", HeaderName::referred_by},
    Name{"x", HeaderName::session_expires},
};

constexpr std::size_t kSlots = 512;
constexpr std::uint8_t kEmpty = 255;

struct Factors {
    unsigned length, first, last, middle;
};

constexpr std::size_t slot_of(std::string_view name, Factors factors) {
    const auto octet = [&](std::size_t at) { return static_cast<unsigned>(static_cast<unsigned char>(name[at])) | 0x20; };  // as good as lower case here
    const auto length = static_cast<unsigned>(name.size());
    return (length * factors.length + octet(0) * factors.first + octet(name.size() - 1) * factors.last +
            octet(name.size() / 2) * factors.middle) %
           kSlots;
}

constexpr bool is_perfect(Factors factors) {
    std::array<bool, kSlots> taken{};
    for (const auto& name : kNames) {
        auto& slot = taken[slot_of(name.text, factors)];
        if (slot) return false;
        slot = true;
    }
    return true;
}

constexpr Factors find_factors() {
    for (unsigned a = 1; a < 16; ++a)
        for (unsigned b = 1; b < 16; ++b)
            for (unsigned c = 1; c < 16; ++c)
                if (is_perfect({a * 11, b, c * 3, a + b})) return {a * 11, b, c * 3, a + b};
    return {};
}
constexpr Factors kFactors = find_factors();
static_assert(is_perfect(kFactors));

constexpr std::array<std::uint8_t, kSlots> make_table() {
    std::array<std::uint8_t, kSlots> table{};
    table.fill(kEmpty);
    for (std::size_t i = 0; i < kNames.size(); ++i) table[slot_of(kNames[i].text, kFactors)] = static_cast<std::uint8_t>(i);
    return table;
}
constexpr auto kTable = make_table();

}  // namespace

HeaderName header_name_of(std::string_view name) {
    if (name.empty()) return HeaderName::other;
    const auto found = kTable[slot_of(name, kFactors)];
    if (found == kEmpty) return HeaderName::other;
    const Name& candidate = kNames[found];
    // Most peers write the usual capitals, and then one memcmp settles it.
    return candidate.text == name || base::iequals(candidate.text, name) ? candidate.id : HeaderName::other;
}

std::string_view header_name_text(HeaderName name) {
    for (const auto& candidate : kNames)
        if (candidate.id == name) return candidate.text;
    return {};
}

}  // namespace confab::sip
