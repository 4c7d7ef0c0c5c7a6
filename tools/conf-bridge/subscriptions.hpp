// The conference event package (RFC 4575): who may watch a roster, and what the operator sets about it. Pure.
//
// Members watch their own conference, peers of `roster-watchers` every one; the identity of others is not believed. Documents are roster.hpp's,
// the dialogs sip::Notifier's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/socket_address.hpp"
#include "config/table.hpp"
#include "sip/message.hpp"
#include "sip/notifier.hpp"

namespace confab::bridge {

inline constexpr std::string_view kRosterType = "application/conference-info+xml";
// Apart from what other requests of the bridge's own have as their user.
inline constexpr std::uint64_t kNotifyUser = std::uint64_t{1} << 63;

struct SubscriptionKeys {
    std::uint32_t subscriptions = 0, roster_size = 0;
    base::seconds subscription_expires{3600}, subscription_min_expires{60};
    base::milliseconds roster_interval{500};
    std::vector<base::Network> roster_watchers;
};
config::Table subscription_keys();
void check_subscriptions(const SubscriptionKeys& keys, const config::Entries& entries, config::Problems& problems);
sip::Notifier::Limits subscription_limits(const SubscriptionKeys& keys);

// What is wrong with a SUBSCRIBE, whoever sends it: 0, 406 or 489.
int flaw_of(const sip::Message& request);

}  // namespace confab::bridge
