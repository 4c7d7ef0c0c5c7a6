// SIP MESSAGE (RFC 3428) from a member: passed on to everybody else in the conference, within the dialogs that there are.
#include "conf-bridge/core.hpp"
#include "conf-bridge/parameters.hpp"

namespace confab::bridge {
namespace {

constexpr base::seconds kRateWindow{10};
constexpr std::string_view kAccepted = "Accept: text/plain, message/cpim\r\n";

bool is_text(std::string_view content_type) {
    const auto type = base::trim(content_type.substr(0, content_type.find(';')));
    return base::iequals(type, "text/plain") || base::iequals(type, "message/cpim");
}

std::string sender_line(std::string_view name, std::string_view identity) {
    std::string line = "P-Asserted-Identity: \"";
    for (const char c : name) {
        if (c == '"' || c == '\\') line += '\\';
        if (static_cast<unsigned char>(c) >= ' ' && c != 0x7f) line += c;
    }
    return line.append("\" <").append(identity).append(">\r\n");
}

}  // namespace

// 202 rather than 200: it is passed on, and nobody waits for those who get it (RFC 3428 §7).
void Core::on_message(Turn turn, sip::ServerId server, const sip::Hop& source, Leg* leg) {
    const auto refuse = [&](int status, std::string_view headers = {}) {
        counters_.add(Metric::messages_refused);
        reply(turn, server, source, status, headers);
    };
    if (!leg && !is_trusted(source)) return refuse(403);
    if (!leg && is_merged(server)) return refuse(482);
    auto* conference = find_conference(leg ? leg->conference : dialled_number(*sip::parse_uri(message_.uri)));
    if (!conference) return refuse(leg ? 403 : 404);
    if (!leg) leg = member_who_writes(*conference, false);
    if (!leg || leg->member == 0 || leg->waiting) return refuse(403);
    const auto encoding = message_.value(sip::HeaderName::content_encoding);
    if (!is_text(message_.value(sip::HeaderName::content_type)) || !(encoding.empty() || base::iequals(encoding, "identity")))
        return refuse(415, kAccepted);
    if (config_.relay_size == 0) return refuse(403);
    if (message_.body.size() > config_.relay_size) return refuse(413);
    auto& out = leg->outgoing;
    if (turn.now.steady - out.relay_since >= kRateWindow) {
        out.relay_since = turn.now.steady;
        out.relayed = 0;
    }
    if (++out.relayed > config_.relay_rate) return refuse(480, "Retry-After: 10\r\n");
    reply(turn, server, source, 202);
    relay(turn, *conference, *leg);
}

void Core::relay(Turn turn, const Conference& conference, const Leg& from) {
    counters_.add(Metric::messages_relayed);
    const std::string type(message_.value(sip::HeaderName::content_type)), body(message_.body);
    const bool is_hidden = is_masked(from);
    const auto sender =
        sender_line(is_hidden ? shown(from) : shown_name(from), is_hidden ? "sip:anonymous@anonymous.invalid" : from.identity);
    for (const auto& [member, id] : conference.members) {
        Leg* leg = find(id);
        if (leg && leg->id != from.id && leg->is_confirmed() && !leg->waiting)
            send_request(turn, *leg, sip::Method::message, Errand::bye, sender, type, body);
    }
    publish(turn, "message", from, {{"type", type}, {"text", body}});
}

}  // namespace confab::bridge
