#include "conf-bridge/reliable.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "conf-bridge/capabilities.hpp"

namespace confab::bridge {

std::optional<RAck> RAck::parse(std::string_view value) {
    std::string_view words[3];
    std::size_t count = 0;
    for (const auto word : base::split(value, ' ')) {
        if (word.empty()) continue;
        if (count == 3) return std::nullopt;
        words[count++] = word;
    }
    const auto rseq = base::parse_number<std::uint32_t>(words[0]);
    const auto cseq = base::parse_number<std::uint32_t>(words[1]);
    if (!rseq || !cseq || words[2].empty()) return std::nullopt;
    return RAck{*rseq, *cseq, words[2]};
}

bool ReliableResponse::is_wanted(const sip::Message& invite) {
    return lists(invite, sip::HeaderName::supported, kReliableTag) || lists(invite, sip::HeaderName::require, kReliableTag);
}

std::string ReliableResponse::lines(std::uint32_t rseq) {
    return "Require: " + std::string(kReliableTag) + "\r\nRSeq: " + std::to_string(rseq) + "\r\n";
}

ReliableResponse::ReliableResponse(std::string bytes, std::uint32_t rseq, std::uint32_t cseq, base::milliseconds t1, base::Now now)
    : bytes_(std::move(bytes)), rseq_(rseq), cseq_(cseq), interval_(t1), resend_at_(now.steady + t1), ends_at_(now.steady + 64 * t1) {}

bool ReliableResponse::acknowledge(const RAck& rack) {
    if (acknowledged_ || rack.rseq != rseq_ || rack.cseq != cseq_ || rack.method != sip::method_name(sip::Method::invite)) return false;
    acknowledged_ = true;
    return true;
}

std::optional<base::Instant> ReliableResponse::next() const {
    if (acknowledged_) return std::nullopt;
    return std::min(resend_at_, ends_at_);
}

ReliableResponse::Due ReliableResponse::take_due(base::Now now) {
    if (acknowledged_) return Due::nothing;
    if (ends_at_ <= now.steady) return Due::give_up;
    if (resend_at_ > now.steady) return Due::nothing;
    interval_ *= 2;
    resend_at_ = now.steady + interval_;
    return Due::resend;
}

}  // namespace confab::bridge
