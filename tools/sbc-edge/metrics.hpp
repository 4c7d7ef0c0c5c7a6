// What sbc-edge counts. Owner: its signalling thread.
#pragma once

#include "metrics/table.hpp"

namespace confab::edge {

enum class Metric {
    requests, responses, malformed, dropped, oversized, forwarded, refused_plain_media, refused_peers, dead_flows, overloaded, identity_removed, relays_closed_idle,
    calls, relays, flows, exchanges, client_transactions, server_transactions, relayed_packets, rejected_packets, count_
};

inline constexpr metrics::Row kMetricRows[] = {
    {"confab_edge_requests", metrics::Kind::counter, "Requests received, without retransmissions"},
    {"confab_edge_responses", metrics::Kind::counter, "Responses received, without retransmissions"},
    {"confab_edge_malformed", metrics::Kind::counter, "Malformed messages received, answered 400 or 505 where possible"},
    {"confab_edge_dropped", metrics::Kind::counter, "Messages dropped without an answer"},
    {"confab_edge_oversized", metrics::Kind::counter, "Messages beyond message-limit, dropped without an answer; over TCP the connection is closed too"},
    {"confab_edge_forwarded", metrics::Kind::counter, "Requests sent across the border"},
    {"confab_edge_refused_plain_media", metrics::Kind::counter, "Descriptions without usable SRTP, answered 488"},
    {"confab_edge_refused_peers", metrics::Kind::counter, "Requests inside from peers that are not configured, answered 403"},
    {"confab_edge_dead_flows", metrics::Kind::counter, "Requests to a connection that is gone, answered 430"},
    {"confab_edge_overloaded", metrics::Kind::counter, "Requests answered 503 because a bound was reached"},
    {"confab_edge_identity_removed", metrics::Kind::counter, "Requests from outside that claimed an identity, which was removed"},
    {"confab_edge_relays_closed_idle", metrics::Kind::counter, "Relays closed because no media came from either side"},
    {"confab_edge_calls", metrics::Kind::gauge, "Calls with media"},
    {"confab_edge_relays", metrics::Kind::gauge, "Open media relays"},
    {"confab_edge_flows", metrics::Kind::gauge, "Client connections"},
    {"confab_edge_exchanges", metrics::Kind::gauge, "Requests that wait for their final answer"},
    {"confab_edge_client_transactions", metrics::Kind::gauge, "Live client transactions"},
    {"confab_edge_server_transactions", metrics::Kind::gauge, "Live server transactions"},
    {"confab_edge_relayed_packets", metrics::Kind::counter, "Media packets received from peers of open and closed relays"},
    {"confab_edge_rejected_packets", metrics::Kind::counter, "Media packets dropped: not authentic, from elsewhere, or not RTP"},
};
static_assert(std::size(kMetricRows) == static_cast<std::size_t>(Metric::count_));

using Counters = metrics::Counters<Metric>;

}  // namespace confab::edge
