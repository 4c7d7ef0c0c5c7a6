#include "conf-bridge/referral.hpp"

#include "base/text.hpp"
#include "sip/compose.hpp"
#include "sip/grammar.hpp"

namespace confab::bridge {
namespace {

// Names that the splitter does not number are compared as text; RFC 3515 gives Refer-To the compact form r, RFC 3892 Referred-By b.
std::string_view header(const sip::Message& message, std::string_view name) {
    const auto* found = message.find(name);
    return found ? base::trim(found->value) : std::string_view{};
}

std::string_view first_token(std::string_view value) { return base::trim(value.substr(0, value.find(';'))); }

}  // namespace

std::expected<ReferOrder, int> read_refer(const sip::Message& request) {
    if (request.count(sip::HeaderName::refer_to) != 1) return std::unexpected(400);
    const auto to = sip::parse_name_addr(request.value(sip::HeaderName::refer_to));
    if (!to || to->uri.host.empty() || to->uri.user.empty()) return std::unexpected(400);
    if (!to->uri.headers.empty()) return std::unexpected(403);
    ReferOrder order;
    const auto method = to->uri.params.get("method").value_or("INVITE");
    order.is_removal = base::iequals(method, "BYE");
    if (!order.is_removal && !base::iequals(method, "INVITE")) return std::unexpected(501);
    order.target = std::string(to->uri.scheme) + ':' + std::string(to->uri.user) + '@' + std::string(to->uri.host);
    if (to->uri.port != 0) order.target += ':' + std::to_string(to->uri.port);
    const auto referred_by = request.value(sip::HeaderName::referred_by);
    const bool is_usable = referred_by.size() <= kLongestReferredBy && referred_by.find_first_of("\r\n") == referred_by.npos;
    if (!referred_by.empty() && (!is_usable || !sip::parse_name_addr(referred_by))) return std::unexpected(400);
    order.referred_by = std::string(referred_by);
    order.wants_reports = !base::iequals(first_token(header(request, "Refer-Sub")), "false");
    return order;
}

int sipfrag_status(std::string_view body) {
    const auto line = body.substr(0, body.find_first_of("\r\n"));
    if (!line.starts_with("SIP/2.0 ") || line.size() < 11 || (line.size() > 11 && line[11] != ' ')) return 0;
    const auto status = base::parse_number<int>(line.substr(8, 3)).value_or(0);
    return status >= 100 && status < 700 ? status : 0;
}

std::string sipfrag(int status) { return "SIP/2.0 " + std::to_string(status) + ' ' + std::string(sip::reason_phrase(status)) + "\r\n"; }

ReferEvent refer_event(const sip::Message& notify) {
    const auto value = notify.value(sip::HeaderName::event);
    const auto semicolon = std::min(value.find(';'), value.size());
    return {base::iequals(first_token(value), "refer"), sip::Params{value.substr(semicolon)}.get("id").value_or("")};
}

bool is_terminated(const sip::Message& notify) { return base::iequals(first_token(header(notify, "Subscription-State")), "terminated"); }

}  // namespace confab::bridge
