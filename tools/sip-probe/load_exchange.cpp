// LoadCore, second part: the requests of an operation and what answers them.
#include <utility>

#include "base/text.hpp"
#include "sip-probe/callee.hpp"
#include "sip-probe/load_core.hpp"
#include "sip/compose.hpp"
#include "sip/grammar.hpp"

namespace confab::probe {
namespace {

constexpr std::string_view kCookie = "z9hG4bK";
constexpr std::size_t kTokenLength = 12;  // slot and generation in hex, 24 bits each
constexpr unsigned kSlotBits = 24;

void append_hex(std::string& out, std::uint64_t value, std::size_t digits) {
    for (auto shift = static_cast<int>(digits * 4) - 4; shift >= 0; shift -= 4) out.push_back("0123456789abcdef"[(value >> shift) & 15]);
}

std::string_view transport_parameter(sip::Transport transport) {
    return transport == sip::Transport::udp ? "" : transport == sip::Transport::tcp ? ";transport=tcp" : ";transport=tls";
}

}  // namespace

std::string_view first_method(Operation operation) {
    return operation == Operation::options ? "OPTIONS" : operation == Operation::register_ ? "REGISTER" : "INVITE";
}

std::string request_template(const LoadPlan& plan) {
    return "{method} {target} SIP/2.0\r\nVia: SIP/2.0/" + std::string(sip::via_name(plan.server.transport)) +
           " {local};rport;branch={branch}\r\nMax-Forwards: 70\r\n{route}From: <sip:{user}@" + plan.domain +
           ">;tag={tag}\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\n{extra}{tail}";
}

// `to`: the dialog's To; empty before there is one.
void LoadCore::compose(std::size_t at, Step step, std::string_view to, std::string_view method, std::uint32_t cseq, std::string& out) {
    const auto& slot = slots_[at];
    const auto& user = credentials_.user(slot.user);
    const auto token = std::uint64_t{slot.generation} << kSlotBits | at;
    branch_.assign(kCookie).append(run_);
    append_hex(branch_, token, kTokenLength);
    tag_.assign(branch_, kCookie.size());
    branch_.push_back(static_cast<char>(step));
    call_.assign(plan_.operation == Operation::register_ ? user : tag_).append(1, '@').append(run_);
    cseq_.clear();
    base::append_number(cseq_, cseq);
    if (plan_.operation == Operation::register_)
        to_.assign("<sip:").append(user).append(1, '@').append(plan_.domain).append(1, '>');
    else
        to_.assign(1, '<').append(plan_.uri).append(1, '>');
    template_[Gap::method] = method;
    template_[Gap::target] = slot.target.empty() ? plan_.uri : slot.target;
    template_[Gap::local] = plan_.lines[slot.line];
    template_[Gap::branch] = branch_;
    template_[Gap::route] = slot.route;
    template_[Gap::user] = user;
    template_[Gap::tag] = tag_;
    template_[Gap::to] = to.empty() ? to_ : to;
    template_[Gap::call] = call_;
    template_[Gap::cseq] = cseq_;
    template_[Gap::extra] = extra_;
    template_[Gap::tail] = tail_;
    template_.append(out);
}

// `extra_` holds the credentials, where there are any.
void LoadCore::request(base::Instant now, std::size_t at, Step step, Sendings& out) {
    auto& slot = slots_[at];
    const auto& user = credentials_.user(slot.user);
    slot.step = step;
    slot.tries = 0;
    slot.is_quiet = false;
    ++slot.mark;
    tail_.clear();
    if (step != Step::ending && plan_.operation != Operation::options) {
        const bool binds = plan_.operation == Operation::register_;
        const auto& host = binds && !plan_.contact.empty() ? plan_.contact : plan_.lines[slot.line];
        tail_.append("Contact: <sip:").append(user).append(1, '@').append(host).append(transport_parameter(plan_.server.transport)).append(">\r\n");
        if (binds) base::append_number(tail_.append("Expires: "), plan_.expires);
        if (binds) tail_ += "\r\n";
    }
    if (is_call() && step != Step::ending) {
        base::append_number(tail_.append("Content-Type: application/sdp\r\nContent-Length: "), load_session().size());
        tail_.append("\r\n\r\n").append(load_session());
    } else {
        tail_ += "Content-Length: 0\r\n\r\n";
    }
    const auto method = step == Step::ending ? "BYE" : first_method(plan_.operation);
    const auto cseq = slot.cseq + (step == Step::first ? 0U : step == Step::authorized ? 1U : step == Step::renewed ? 2U : 3U);
    const auto bytes = out.compose(slot.line, [&](std::string& text) { compose(at, step, slot.to, method, cseq, text); });
    if (plan_.retransmit) slot.request = bytes;
    alarms_.set(give_up, now, at, slot.mark);
    if (plan_.retransmit && !sip::is_stream(plan_.server.transport)) alarms_.set(resend, now, at, slot.mark);
}

// RFC 3261 §17.1.1.3 for a refused INVITE, whose branch it repeats; §13.2.2.4 for an accepted one.
void LoadCore::acknowledge(std::size_t at, Step step, const std::string& to, Sendings& out) {
    extra_.clear();
    tail_ = "Content-Length: 0\r\n\r\n";
    out.compose(slots_[at].line, [&](std::string& text) { compose(at, step, to, "ACK", message_.cseq, text); });
}

void LoadCore::end_call(base::Instant now, std::size_t at, Sendings& out) {
    extra_.clear();
    request(now, at, Step::ending, out);
}

std::optional<std::size_t> LoadCore::slot_of(std::string_view branch, Step& step) const {
    if (!branch.starts_with(kCookie)) return std::nullopt;
    branch.remove_prefix(kCookie.size());
    if (!branch.starts_with(run_) || branch.size() != run_.size() + kTokenLength + 1) return std::nullopt;
    step = static_cast<Step>(branch.back());
    std::uint64_t token = 0;
    for (const char c : branch.substr(run_.size(), kTokenLength)) token = token << 4 | static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    const auto at = static_cast<std::size_t>(token & ((1U << kSlotBits) - 1));
    if (at >= slots_.size() || slots_[at].generation != token >> kSlotBits) return std::nullopt;
    return at;
}

void LoadCore::receive(base::Instant now, std::size_t line, std::string_view bytes, Sendings& out) {
    if (sip::split(bytes, message_, sip::is_stream(plan_.server.transport)) != sip::ParseError::none) {
        ++tally_.stray;
        return;
    }
    if (message_.is_request) return answer_request(line, out);
    if (plan_.operation == Operation::flood) {
        ++tally_.answers[message_.status];
        return;
    }
    Step step{};
    const auto at = slot_of(message_.via.branch, step);
    if (!at || slots_[*at].step == Step::none) {
        ++tally_.repeated;
        return;
    }
    auto& slot = slots_[*at];
    if (slot.step != step) return on_repeated(*at, step, out);
    if (message_.status >= 200) return on_final(now, *at, out);
    slot.is_quiet = is_call() && step != Step::ending;
}

// A registrar asks whether a contact is alive, a proxy whether we are.
void LoadCore::answer_request(std::size_t line, Sendings& out) {
    if (message_.method == sip::Method::ack) return;
    out.compose(line, [&](std::string& text) { sip::append_response(text, message_, plan_.server, {.status = 200, .to_tag = "load"}); });
}

// An answer that came before. The 200 of a call and the refusal of an INVITE come again until they are acknowledged.
void LoadCore::on_repeated(std::size_t at, Step step, Sendings& out) {
    const auto& slot = slots_[at];
    ++tally_.repeated;
    if (message_.cseq_method != sip::Method::invite || message_.status < 200) return;
    if (message_.status < 300 && step == slot.invited) acknowledge(at, Step::talking, slot.to, out);
    if (message_.status >= 300) acknowledge(at, step, std::string(message_.to), out);
}

void LoadCore::on_final(base::Instant now, std::size_t at, Sendings& out) {
    auto& slot = slots_[at];
    if (const auto resumed = std::exchange(slot.resumed, std::nullopt)) tally_.resumed.record(now - *resumed);
    const bool is_invite = message_.cseq_method == sip::Method::invite;
    if (is_invite && message_.status >= 300) acknowledge(at, slot.step, std::string(message_.to), out);
    if (message_.status < 300) {
        if (is_invite) return on_accepted(now, at, out);
        if (!is_call()) record_latency(now, slot);
        return succeed(now, at);
    }
    const bool challenged = message_.status == 401 || message_.status == 407;
    extra_.clear();
    if (challenged && slot.step == Step::first && credentials_.append_answer(extra_, message_, slot.user)) return request(now, at, Step::authorized, out);
    if (challenged && slot.step == Step::authorized && credentials_.append_renewed(extra_, message_, slot.user)) return request(now, at, Step::renewed, out);
    fail(at, std::to_string(message_.status));
}

void LoadCore::on_accepted(base::Instant now, std::size_t at, Sendings& out) {
    auto& slot = slots_[at];
    record_latency(now, slot);
    slot.invited = slot.step;
    keep_dialog(slot);
    acknowledge(at, Step::talking, slot.to, out);
    if (plan_.hold == base::Duration{}) return end_call(now, at, out);
    slot.step = Step::talking;
    ++slot.mark;
    alarms_.set(hang_up, now, at, slot.mark);
}

// The route set is Record-Route in reverse (RFC 3261 §12.1.2).
void LoadCore::keep_dialog(Slot& slot) {
    slot.to = message_.to;
    slot.route.clear();
    for (const auto& header : message_.headers()) {
        if (header.id != sip::HeaderName::record_route) continue;
        auto rest = header.value;
        while (const auto value = sip::next_value(rest)) slot.route.insert(0, "Route: " + std::string(*value) + "\r\n");
    }
    const auto contact = sip::parse_name_addr(message_.value(sip::HeaderName::contact));
    if (contact) slot.target = contact->uri.text;
}

}  // namespace confab::probe
