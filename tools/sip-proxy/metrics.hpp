// What sip-proxy counts. Owner: its signalling thread.
#pragma once

#include "metrics/table.hpp"

namespace confab::proxy {

enum class Metric {
    requests,
    responses,
    malformed,
    dropped,
    oversized,
    forwarded,
    challenged,
    refused_credentials,
    refused_relay,
    refused_loops,
    overloaded,
    unanswered_questions,
    unresolved,
    failovers,
    redirections,
    timer_c,
    cancelled,
    late_answers,
    strays,
    emergencies,
    refused_passcode,
    member_changes,
    call_records,
    lost_call_records,
    open_calls,
    refused_share,
    contexts,
    questions,
    client_transactions,
    server_transactions,
    count_
};

inline constexpr metrics::Row kMetricRows[] = {
    {"confab_proxy_requests", metrics::Kind::counter, "Requests received, without retransmissions"},
    {"confab_proxy_responses", metrics::Kind::counter, "Responses received, without retransmissions"},
    {"confab_proxy_malformed", metrics::Kind::counter, "Malformed messages received, answered 400 or 505 where possible"},
    {"confab_proxy_dropped", metrics::Kind::counter, "Messages dropped without an answer"},
    {"confab_proxy_oversized", metrics::Kind::counter, "Messages beyond message-limit, dropped without an answer; over TCP the connection is closed too"},
    {"confab_proxy_forwarded", metrics::Kind::counter, "Requests sent to a target"},
    {"confab_proxy_challenged", metrics::Kind::counter, "Requests answered 407"},
    {"confab_proxy_refused_credentials", metrics::Kind::counter, "Requests answered 403 for wrong credentials"},
    {"confab_proxy_refused_relay", metrics::Kind::counter, "Requests for foreign domains without a dialog of ours, answered 403"},
    {"confab_proxy_refused_loops", metrics::Kind::counter, "Requests answered 482 or 483"},
    {"confab_proxy_overloaded", metrics::Kind::counter, "Requests answered 503 because a bound was reached"},
    {"confab_proxy_unanswered_questions", metrics::Kind::counter, "Questions that registrar or directory did not answer"},
    {"confab_proxy_unresolved", metrics::Kind::counter, "Next hops whose names led nowhere"},
    {"confab_proxy_failovers", metrics::Kind::counter, "Targets given up for the next one"},
    {"confab_proxy_redirections", metrics::Kind::counter, "3xx that were followed"},
    {"confab_proxy_timer_c", metrics::Kind::counter, "Branches ended by Timer C"},
    {"confab_proxy_cancelled", metrics::Kind::counter, "Calls cancelled by the caller"},
    {"confab_proxy_late_answers", metrics::Kind::counter, "2xx of targets that had been given up, forwarded all the same"},
    {"confab_proxy_strays", metrics::Kind::counter, "Responses without a transaction"},
    {"confab_proxy_emergencies", metrics::Kind::counter, "Emergency calls, refused ones included"},
    {"confab_proxy_refused_passcode", metrics::Kind::counter, "Wrong passcodes found here, with interpret = proxy"},
    {"confab_proxy_member_changes", metrics::Kind::counter, "Members of groups that went down or came up again"},
    {"confab_proxy_call_records", metrics::Kind::counter, "Records written to the call log"},
    {"confab_proxy_lost_call_records", metrics::Kind::counter, "Records that no disk took"},
    {"confab_proxy_open_calls", metrics::Kind::gauge, "Answered calls whose end is waited for"},
    {"confab_proxy_refused_share", metrics::Kind::gauge, "Thousandths of new requests that are refused because messages wait too long"},
    {"confab_proxy_contexts", metrics::Kind::gauge, "Requests in flight, answered calls within 64*T1 included"},
    {"confab_proxy_questions", metrics::Kind::gauge, "Questions waiting for an answer"},
    {"confab_proxy_client_transactions", metrics::Kind::gauge, "Live client transactions"},
    {"confab_proxy_server_transactions", metrics::Kind::gauge, "Live server transactions"},
};
static_assert(std::size(kMetricRows) == static_cast<std::size_t>(Metric::count_));

using Counters = metrics::Counters<Metric>;

}  // namespace confab::proxy
