// One provisional response that is sent reliably (RFC 3262 §3): again and again until its PRACK. Pure; a value of its leg.
// Owner: the signalling thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "sip/message.hpp"

namespace confab::bridge {

// RAck: which response of which request.
struct RAck {
    std::uint32_t rseq = 0, cseq = 0;
    std::string_view method;
    static std::optional<RAck> parse(std::string_view value);
};

class ReliableResponse {
public:
    enum class Due : std::uint8_t { nothing, resend, give_up };

    // Whether the caller of this INVITE can take one: 100rel in Supported or Require.
    static bool is_wanted(const sip::Message& invite);
    static std::string lines(std::uint32_t rseq);  // Require and RSeq

    ReliableResponse(std::string bytes, std::uint32_t rseq, std::uint32_t cseq, base::milliseconds t1, base::Now now);

    bool acknowledge(const RAck& rack);  // false: it names another, or this one once more: 481
    std::optional<base::Instant> next() const;
    Due take_due(base::Now now);  // after 64*T1 it is given up
    const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
    std::uint32_t rseq_, cseq_;
    base::milliseconds interval_;
    base::Instant resend_at_, ends_at_;
    bool acknowledged_ = false;
};

}  // namespace confab::bridge
