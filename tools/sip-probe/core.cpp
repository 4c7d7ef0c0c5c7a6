#include "sip-probe/core.hpp"

#include <utility>

#include "sip/compose.hpp"
#include "sip/grammar.hpp"

namespace confab::probe {
namespace {

constexpr std::size_t kTransactions = 1000;
constexpr std::uint64_t kOperation = 1;  // the pending request
constexpr std::uint64_t kFarewell = 2;   // a BYE to a leg that nobody wants: its fate concerns no one
constexpr std::string_view kAllow = "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n";

std::string reason_of_bye(const sip::Message& message) { return std::string(message.value(sip::HeaderName::reason)); }

// The first challenge, in the order of the response, that we can answer: the server lists them by its own preference (RFC 8760 §2.4).
std::optional<sip::Challenge> choose_challenge(const sip::Message& message, sip::HeaderName name) {
    for (const auto& header : message.headers()) {
        if (header.id != name) continue;
        if (auto challenge = sip::parse_challenge(header.value)) return challenge;
    }
    return std::nullopt;
}

}  // namespace

Core::Core(const sip::Timers& timers, const base::Seed& seed, Account account, Local local, sip::Hop next_hop)
    : transactions_(timers, seed, kTransactions), random_(seed), account_(std::move(account)), local_(std::move(local)), next_hop_(next_hop) {
    to_tag_ = random_.token(10);
    register_call_id_ = random_.token(20);
}

std::string Core::branch() {
    std::string text;
    transactions_.append_branch(text);
    return text;
}

void Core::begin(base::Now now, sip::Method method, std::string_view uri, std::string_view to, std::string headers, std::string body, Effects& out) {
    Pending pending;
    pending.method = method;
    pending.uri = uri;
    pending.to = to;
    pending.headers = std::move(headers);
    pending.body = std::move(body);
    // §10.2: all registrations of a user agent share one Call-ID.
    pending.call_id = method == sip::Method::register_ ? register_call_id_ : random_.token(20);
    pending.from_tag = random_.token(10);
    pending_ = std::move(pending);
    send_pending(now, {}, out);
}

void Core::send_pending(base::Now now, std::string_view authorization, Effects& out) {
    auto& pending = *pending_;
    pending.cseq = ++cseq_;
    const auto mark = branch();
    const auto from = "<" + account_.address + ">;tag=" + pending.from_tag;
    const auto headers = pending.headers + std::string(authorization);
    pending.sent.clear();
    sip::append_request(pending.sent, {.method = pending.method,
                                       .uri = pending.uri,
                                       .via_sent_by = local_.sent_by,
                                       .transport = next_hop_.transport,
                                       .branch = mark,
                                       .from = from,
                                       .to = pending.to,
                                       .call_id = pending.call_id,
                                       .cseq = pending.cseq,
                                       .headers = headers,
                                       .content_type = pending.body.empty() ? "" : "application/sdp",
                                       .body = pending.body});
    pending.client = transactions_.request(now, next_hop_, pending.sent, kOperation, out.transmit);
}

void Core::ask_options(base::Now now, std::string_view uri, std::string_view headers, Effects& out) {
    begin(now, sip::Method::options, uri, "<" + std::string(uri) + ">",
          "Contact: <" + local_.contact + ">\r\nAccept: application/sdp\r\n" + std::string(headers), {}, out);
}

void Core::register_contact(base::Now now, std::string_view registrar_uri, bool with_contact, base::seconds expires, Effects& out) {
    std::string headers = "Supported: path\r\n";
    if (with_contact) headers += "Contact: <" + local_.contact + ">\r\nExpires: " + std::to_string(expires.count()) + "\r\n";
    begin(now, sip::Method::register_, registrar_uri, "<" + account_.address + ">", std::move(headers), {}, out);
}

void Core::invite(base::Now now, const CallPlan& plan, Effects& out) {
    local_sdp_ = plan.sdp;
    ack_.clear();
    begin(now, sip::Method::invite, plan.uri, "<" + plan.uri + ">", "Contact: <" + local_.contact + ">\r\n" + std::string(kAllow) + plan.headers, plan.sdp,
          out);
}

void Core::acknowledge(base::Now, std::string_view sdp, Effects& out) {
    if (!dialog_) return;
    ack_.clear();
    ack_hop_ = dialog_->hop;
    dialog_->append_request(ack_, sip::Method::ack, branch(), local_.sent_by, local_.contact, {}, sdp.empty() ? "" : "application/sdp", sdp, invite_cseq_);
    out.transmit.send(ack_hop_, ack_);
}

void Core::cancel(base::Now now, Effects& out) {
    if (!pending_ || pending_->method != sip::Method::invite || pending_->cancelled) return;
    pending_->cancelled = true;
    transactions_.cancel(now, pending_->client, out.transmit);
}

void Core::hang_up(base::Now now, Effects& out) {
    if (!dialog_) return cancel(now, out);
    Pending bye;
    bye.method = sip::Method::bye;
    dialog_->append_request(bye.sent, sip::Method::bye, branch(), local_.sent_by, local_.contact);
    bye.client = transactions_.request(now, dialog_->hop, bye.sent, kOperation, out.transmit);
    pending_ = std::move(bye);
    dialog_.reset();
}

void Core::receive(base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream, Effects& out) {
    sip::Message message;
    if (sip::split(bytes, message, is_stream) != sip::ParseError::none) {
        if (message.is_request && message.answerable() && message.method != sip::Method::ack) {
            out.transmit.compose(sip::response_hop(message, source), [&](std::string& text) {
                sip::append_response(text, message, source, {.status = sip::status_for(message.error), .reason = sip::parse_error_text(message.error), .to_tag = to_tag_});
            });
        }
        return;
    }
    const auto event = transactions_.receive(now, source, message, out.transmit);
    switch (event.kind) {
        case sip::Event::Kind::request: return request(now, event, source, message, out);
        case sip::Event::Kind::response: return response(now, event, message, out);
        case sip::Event::Kind::stray:
            if (message.cseq_method == sip::Method::invite && message.status / 100 == 2 && !invite_sent_.empty()) invite_accepted(now, message, out);
            return;
        default: return;
    }
}

void Core::response(base::Now now, const sip::Event& event, const sip::Message& message, Effects& out) {
    if (event.user != kOperation) return;
    const bool current = pending_ && pending_->client == event.client;
    if (message.cseq_method == sip::Method::invite && message.status / 100 == 2) {
        if (current) invite_sent_ = pending_->sent;
        return invite_accepted(now, message, out);
    }
    if (!current) return;
    if (message.status < 200) {
        out.happenings.push_back({Happening::Kind::provisional, message.status, {}, std::string(message.reason)});
        return;
    }
    if ((message.status == 401 || message.status == 407) && !pending_->cancelled && answer_challenge(now, message, out)) return;
    const bool is_invite = pending_->method == sip::Method::invite;
    pending_.reset();
    std::string text(message.body);
    if (message.cseq_method == sip::Method::register_) {
        text.clear();
        for (const auto& header : message.headers())
            if (header.id == sip::HeaderName::contact) text += (text.empty() ? "" : ", ") + std::string(header.value);
    }
    out.happenings.push_back({is_invite ? Happening::Kind::refused : Happening::Kind::answered, message.status, std::move(text), std::string(message.reason)});
}

bool Core::answer_challenge(base::Now now, const sip::Message& message, Effects& out) {
    const bool proxy = message.status == 407;
    const auto challenge = choose_challenge(message, proxy ? sip::HeaderName::proxy_authenticate : sip::HeaderName::www_authenticate);
    if (!challenge || account_.user.empty() || account_.password.empty()) return false;
    // A second challenge means that the password was wrong, unless only the nonce was (RFC 7616 §3.3 stale).
    if (!pending_->answered_nonce.empty() && (!challenge->stale || challenge->nonce == pending_->answered_nonce)) return false;
    pending_->answered_nonce = challenge->nonce;
    out.happenings.push_back({Happening::Kind::challenged, message.status, {}, std::string(message.reason)});
    std::string line;
    sip::append_authorization(line, proxy ? "Proxy-Authorization" : "Authorization", *challenge, account_.user, account_.password,
                              sip::method_name(pending_->method), pending_->uri, 1, random_.token(12));
    send_pending(now, line, out);
    return true;
}

void Core::invite_accepted(base::Now now, const sip::Message& message, Effects& out) {
    if (dialog_ && dialog_->id.remote_tag == message.to_tag && dialog_->id.call_id == message.call_id) {
        if (!ack_.empty()) out.transmit.send(ack_hop_, ack_);
        return;
    }
    sip::Message sent;
    if (sip::split(invite_sent_, sent, true) != sip::ParseError::none || sent.call_id != message.call_id) return;
    auto dialog = sip::Dialog::establish(sent, message, next_hop_);
    if (!dialog) return;
    // §9.1 and §13.2.2.4: a 2xx that crossed our CANCEL, or a second fork's, is a call that must be ended.
    const bool wanted = pending_ && pending_->method == sip::Method::invite && !pending_->cancelled;
    if (!wanted) {
        const bool crossed = pending_ && pending_->cancelled;
        end_unwanted(now, std::move(*dialog), sent.cseq, out);
        if (crossed) {
            pending_.reset();
            out.happenings.push_back({Happening::Kind::refused, 487, {}, "answered while being cancelled; ended with BYE"});
        }
        return;
    }
    pending_.reset();
    dialog_ = std::move(*dialog);
    invite_cseq_ = sent.cseq;
    out.happenings.push_back({Happening::Kind::accepted, message.status, std::string(message.body), std::string(message.reason)});
}

void Core::end_unwanted(base::Now now, sip::Dialog dialog, std::uint32_t cseq, Effects& out) {
    out.transmit.compose(dialog.hop, [&](std::string& text) {
        dialog.append_request(text, sip::Method::ack, branch(), local_.sent_by, local_.contact, {}, {}, {}, cseq);
    });
    std::string bye;
    dialog.append_request(bye, sip::Method::bye, branch(), local_.sent_by, local_.contact);
    transactions_.request(now, dialog.hop, bye, kFarewell, out.transmit);
}

void Core::request(base::Now now, const sip::Event& event, const sip::Hop& source, const sip::Message& message, Effects& out) {
    const bool ours = dialog_ && message.call_id == dialog_->id.call_id && message.to_tag == dialog_->id.local_tag && message.from_tag == dialog_->id.remote_tag;
    if (message.method == sip::Method::options && message.to_tag.empty()) return reply(now, event, source, message, 200, kAllow, {}, out);
    if (message.method == sip::Method::invite && message.to_tag.empty()) return reply(now, event, source, message, 486, {}, {}, out);
    if (message.method == sip::Method::other) return reply(now, event, source, message, 501, kAllow, {}, out);
    if (!ours) return reply(now, event, source, message, message.to_tag.empty() ? 405 : 481, kAllow, {}, out);
    if (!dialog_->receive(message)) return reply(now, event, source, message, 500, {}, {}, out);
    switch (message.method) {
        case sip::Method::bye:
            reply(now, event, source, message, 200, {}, {}, out);
            dialog_.reset();
            out.happenings.push_back({Happening::Kind::ended, 0, {}, reason_of_bye(message)});
            return;
        case sip::Method::invite:
            out.happenings.push_back({Happening::Kind::renegotiated, 0, std::string(message.body), {}});
            return reply(now, event, source, message, 200, "Contact: <" + local_.contact + ">\r\n", local_sdp_, out);
        case sip::Method::options:
        case sip::Method::info: return reply(now, event, source, message, 200, kAllow, {}, out);
        default: return reply(now, event, source, message, 405, kAllow, {}, out);
    }
}

void Core::reply(base::Now now, const sip::Event& event, const sip::Hop& source, const sip::Message& message, int status, std::string_view headers,
                 std::string_view sdp, Effects& out) {
    std::string text;
    sip::append_response(text, message, source,
                         {.status = status, .to_tag = to_tag_, .headers = headers, .content_type = sdp.empty() ? "" : "application/sdp", .body = sdp});
    transactions_.respond(now, event.server, text, out.transmit);
}

void Core::failed(const sip::Event& event, Happening::Kind kind, Effects& out) {
    if (event.user != kOperation || !pending_ || pending_->client != event.client) return;
    pending_.reset();
    out.happenings.push_back({kind, 0, {}, {}});
}

void Core::flow_failed(base::Now now, const sip::Hop& hop, Effects& out) {
    transactions_.flow_failed(now, hop);
    expire(now, out);
}

void Core::expire(base::Now now, Effects& out) {
    while (transactions_.more_due(now)) {
        const auto event = transactions_.expire(now, out.transmit);
        if (event.kind == sip::Event::Kind::timeout) failed(event, Happening::Kind::silent, out);
        if (event.kind == sip::Event::Kind::unreachable) failed(event, Happening::Kind::unreachable, out);
    }
}

}  // namespace confab::probe
