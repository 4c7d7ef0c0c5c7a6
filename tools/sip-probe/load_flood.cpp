#include "sip-probe/load_flood.hpp"

namespace confab::probe {
namespace {

// The lines of one message, each of which a kind may spoil.
struct Lines {
    std::string start, via, from, to, call_id, cseq, rest = "Content-Length: 0\r\n\r\n";

    void append(std::string& out) const { out.append(start).append(via).append(from).append(to).append(call_id).append(cseq).append("Max-Forwards: 70\r\n").append(rest); }
};

Lines request(const LoadPlan& plan, std::string_view user, std::string_view local, const std::string& id, const std::string& method) {
    const auto address = std::string(user) + "@" + plan.domain;
    const auto uri = method == "REGISTER" ? "sip:" + plan.domain : plan.uri;
    return {.start = method + " " + uri + " SIP/2.0\r\n",
            .via = "Via: SIP/2.0/" + std::string(sip::via_name(plan.server.transport)) + " " + std::string(local) + ";rport;branch=z9hG4bK" + id + "\r\n",
            .from = "From: <sip:" + address + ">;tag=" + id + "\r\n",
            .to = "To: <sip:" + address + ">\r\n",
            .call_id = "Call-ID: " + id + "\r\n",
            .cseq = "CSeq: 1 " + method + "\r\n"};
}

}  // namespace

void append_flood(std::string& out, const LoadPlan& plan, std::string_view user, std::string_view local, std::string_view run, std::uint64_t number) {
    const auto id = "flood" + std::string(run) + std::to_string(number);
    const auto kind = number % kFloodKinds;
    auto lines = request(plan, user, local, id, kind == 2 ? "INVITE" : "REGISTER");
    switch (kind) {
        case 1:
            lines.rest = "Authorization: Digest username=\"" + std::string(user) + "\", realm=\"" + plan.domain + "\", nonce=\"" + id + "\", uri=\"sip:" + plan.domain +
                         "\", response=\"00000000000000000000000000000000\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"0\"\r\nContent-Length: 0\r\n\r\n";
            break;
        case 3: lines.cseq = "CSeq: one REGISTER\r\n"; break;
        case 4: lines.via.clear(); break;
        case 5: lines.rest = "Content-Length: 4000000000\r\n\r\n"; break;
        case 6: lines.start = std::string("\x16\x03\x01\0\xff REGISTER \0 SIP", 19); break;
        case 7: lines.from = "From: <sip:" + std::string(1'200, '%') + "@[::::]>;;tag\r\n"; break;
        default: break;  // no credentials
    }
    lines.append(out);
}

}  // namespace confab::probe
