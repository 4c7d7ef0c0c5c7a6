// REFER (RFC 3515): what one that came asks for, and what one of ours has come to. Pure.
//
// Bounds: a Referred-By of at most kLongestReferredBy octets is kept, a longer one refused. A Refer-To that holds headers (`?Replaces=…`)
// asks for more than a plain call and is refused.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "sip/message.hpp"
#include "sip/transactions.hpp"

namespace confab::bridge {

inline constexpr std::size_t kLongestReferredBy = 512;

struct ReferOrder {
    bool is_removal = false;     // method=BYE (RFC 4579 §5.11): take this participant out; otherwise call him
    std::string target;          // scheme:user@host[:port]
    std::string referred_by;     // RFC 3892, the whole value
    bool wants_reports = true;   // Refer-Sub: false (RFC 4488): no NOTIFY
};
// Or the refusing status.
std::expected<ReferOrder, int> read_refer(const sip::Message& request);

// The status line of a message/sipfrag (RFC 3420): 0 where there is none.
int sipfrag_status(std::string_view body);
std::string sipfrag(int status);

// Event: refer;id=93809823.
struct ReferEvent {
    bool is_refer = false;
    std::string_view id;
};
ReferEvent refer_event(const sip::Message& notify);
bool is_terminated(const sip::Message& notify);  // Subscription-State (RFC 6665 §4.1.3)

// A REFER of ours within a leg's dialog, until its fate is known.
struct Referral {
    enum class Why : std::uint8_t { transfer, misdirected, drained };
    Why why = Why::transfer;
    std::string target;
    std::uint32_t cseq = 0;
    sip::ClientId request{};
};

}  // namespace confab::bridge
