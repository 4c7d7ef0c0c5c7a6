// What conf-bridge counts. Owner: its signalling thread.
#pragma once

#include "metrics/table.hpp"

namespace confab::bridge {

enum class Metric {
    requests, malformed, dropped, oversized, invites, answered, joined, refused_untrusted, refused_unknown, refused_passcode, refused_attempts, refused_time, refused_full,
    refused_locked, refused_media, refused_methods, overloaded, unanswered_questions, cancelled, unacknowledged, media_stopped, refreshes, expired_sessions,
    replaced, announced, beats_failed, lost_ticks, rtp_received, rtp_sent, rtp_rejected, rtp_unauthentic, rtcp_received, rtcp_sent, rtcp_rejected,
    dials, dials_connected, dials_failed, dials_refused, referrals, referrals_failed, refers, redirected, redirects_refused,
    tickets_taken, tickets_refused, messages_relayed, messages_refused, dropped_digits, legs, lobby, conferences, dialogs, server_transactions,
    client_transactions, media_sockets, rooms, media_load, call_records, lost_call_records, recordings, recordings_failed,
    subscribed, refused_subscriptions, notified, subscriptions, count_
};

inline constexpr metrics::Row kMetricRows[] = {
    {"confab_bridge_requests", metrics::Kind::counter, "Requests received, without retransmissions"},
    {"confab_bridge_malformed", metrics::Kind::counter, "Malformed messages received, answered 400 or 505 where possible"},
    {"confab_bridge_dropped", metrics::Kind::counter, "Messages dropped without an answer"},
    {"confab_bridge_oversized", metrics::Kind::counter, "Messages beyond message-limit, dropped without an answer; over TCP the connection is closed too"},
    {"confab_bridge_invites", metrics::Kind::counter, "INVITE requests for a new leg"},
    {"confab_bridge_answered", metrics::Kind::counter, "New legs answered 200"},
    {"confab_bridge_joined", metrics::Kind::counter, "Legs that became members of a conference"},
    {"confab_bridge_refused_untrusted", metrics::Kind::counter, "Calls from peers outside trusted, answered 403"},
    {"confab_bridge_refused_unknown", metrics::Kind::counter, "Calls to unknown numbers, answered 404"},
    {"confab_bridge_refused_passcode", metrics::Kind::counter, "Wrong passcodes, leader PINs and security codes, by header, URI or keys"},
    {"confab_bridge_refused_attempts", metrics::Kind::counter, "Calls refused because of too many wrong codes of their caller"},
    {"confab_bridge_refused_time", metrics::Kind::counter, "Legs turned away because the conference had not started or was over"},
    {"confab_bridge_refused_full", metrics::Kind::counter, "Legs turned away from full conferences"},
    {"confab_bridge_refused_locked", metrics::Kind::counter, "Legs turned away from locked conferences"},
    {"confab_bridge_refused_media", metrics::Kind::counter, "Offers answered 400, 415 or 488, and answers in ACK that ended their leg"},
    {"confab_bridge_refused_methods", metrics::Kind::counter, "Requests answered 405, 420, 422 or 501"},
    {"confab_bridge_overloaded", metrics::Kind::counter, "Calls answered 503 because a bound was reached or the bridge drains"},
    {"confab_bridge_unanswered_questions", metrics::Kind::counter, "Questions that the directory did not answer"},
    {"confab_bridge_cancelled", metrics::Kind::counter, "Calls cancelled by the caller"},
    {"confab_bridge_unacknowledged", metrics::Kind::counter, "Legs ended because no ACK came"},
    {"confab_bridge_media_stopped", metrics::Kind::counter, "Legs ended because their RTP stopped"},
    {"confab_bridge_refreshes", metrics::Kind::counter, "Sessions that the bridge asked to refresh"},
    {"confab_bridge_expired_sessions", metrics::Kind::counter, "Legs ended because their session was not refreshed"},
    {"confab_bridge_replaced", metrics::Kind::counter, "Legs whose place another call took"},
    {"confab_bridge_announced", metrics::Kind::counter, "Refusals that the caller heard before their code"},
    {"confab_bridge_beats_failed", metrics::Kind::counter, "Beats that the directory did not accept"},
    {"confab_bridge_lost_ticks", metrics::Kind::counter, "Mixing ticks that came too late and were skipped"},
    {"confab_bridge_rtp_received", metrics::Kind::counter, "RTP packets taken"},
    {"confab_bridge_rtp_sent", metrics::Kind::counter, "RTP packets sent"},
    {"confab_bridge_rtp_rejected", metrics::Kind::counter, "Packets on RTP sockets that were no RTP, came from elsewhere or did not authenticate"},
    {"confab_bridge_rtp_unauthentic", metrics::Kind::counter, "Of those, SRTP packets whose authentication failed or that were replayed"},
    {"confab_bridge_rtcp_received", metrics::Kind::counter, "RTCP packets taken"},
    {"confab_bridge_rtcp_sent", metrics::Kind::counter, "RTCP reports sent"},
    {"confab_bridge_rtcp_rejected", metrics::Kind::counter, "Packets on RTCP sockets that were malformed, came from elsewhere or did not authenticate"},
    {"confab_bridge_dials", metrics::Kind::counter, "People to be called, repetitions not counted"},
    {"confab_bridge_dials_connected", metrics::Kind::counter, "Called people who joined"},
    {"confab_bridge_dials_failed", metrics::Kind::counter, "Called people who were not reached"},
    {"confab_bridge_dials_refused", metrics::Kind::counter, "Wishes to call somebody that policy or a bound refused"},
    {"confab_bridge_referrals", metrics::Kind::counter, "REFER requests sent to members and misdirected callers"},
    {"confab_bridge_referrals_failed", metrics::Kind::counter, "Such requests that were refused or led nowhere"},
    {"confab_bridge_refers", metrics::Kind::counter, "REFER requests received"},
    {"confab_bridge_redirected", metrics::Kind::counter, "Callers sent to the bridge where their conference lives, by 302 or REFER"},
    {"confab_bridge_redirects_refused", metrics::Kind::counter, "Callers who had been sent about more than redirect-limit times"},
    {"confab_bridge_tickets_taken", metrics::Kind::counter, "Callers seated by ticket"},
    {"confab_bridge_tickets_refused", metrics::Kind::counter, "Tickets that were forged, expired, used or not the bearer's"},
    {"confab_bridge_messages_relayed", metrics::Kind::counter, "MESSAGE requests passed on to a conference"},
    {"confab_bridge_messages_refused", metrics::Kind::counter, "MESSAGE requests refused"},
    {"confab_bridge_dropped_digits", metrics::Kind::counter, "Keys of telephone events that came faster than anybody can press them"},
    {"confab_bridge_legs", metrics::Kind::gauge, "Legs, the lobby included"},
    {"confab_bridge_lobby", metrics::Kind::gauge, "Legs that key their passcode"},
    {"confab_bridge_conferences", metrics::Kind::gauge, "Running conferences"},
    {"confab_bridge_dialogs", metrics::Kind::gauge, "Confirmed dialogs"},
    {"confab_bridge_server_transactions", metrics::Kind::gauge, "Live server transactions"},
    {"confab_bridge_client_transactions", metrics::Kind::gauge, "Live client transactions"},
    {"confab_bridge_media_sockets", metrics::Kind::gauge, "Open RTP and RTCP ports"},
    {"confab_bridge_rooms", metrics::Kind::gauge, "Rooms, lobbies included"},
    {"confab_bridge_media_load", metrics::Kind::gauge, "Percent of a processor that the busiest media thread has lately used"},
    {"confab_bridge_call_records", metrics::Kind::counter, "Records written to the call log"},
    {"confab_bridge_lost_call_records", metrics::Kind::counter, "Records that no disk took"},
    {"confab_bridge_recordings", metrics::Kind::gauge, "Files that are written now"},
    {"confab_bridge_recordings_failed", metrics::Kind::counter, "Recordings that ended because their file could not be written"},
    {"confab_bridge_subscribed", metrics::Kind::counter, "Subscriptions to rosters taken"},
    {"confab_bridge_refused_subscriptions", metrics::Kind::counter, "Subscriptions to rosters answered 403 or 404"},
    {"confab_bridge_notified", metrics::Kind::counter, "Rosters sent in NOTIFYs"},
    {"confab_bridge_subscriptions", metrics::Kind::gauge, "Live subscriptions to rosters"},
};
static_assert(std::size(kMetricRows) == static_cast<std::size_t>(Metric::count_));

using Counters = metrics::Counters<Metric>;

}  // namespace confab::bridge
