// What sip-registrar counts. Owner: its signalling thread.
#pragma once

#include "metrics/table.hpp"

namespace confab::registrar {

enum class Metric {
    requests, malformed, dropped, oversized, registered, challenged, proven_md5, proven_sha256, proven_sha512_256, refused_credentials, users_unavailable, refused_owner,
    refused_domain, refused_brief, refused_order, refused_bounds, refused_outbound, refused_methods, overloaded, expired, flows_gone, unreachable, store_failures,
    bindings, users, subscriptions, transactions, connections, store_queue, held, asked, count_
};

inline constexpr metrics::Row kMetricRows[] = {
    {"confab_registrar_requests", metrics::Kind::counter, "Requests received; a REGISTER or OPTIONS that comes again counts again"},
    {"confab_registrar_malformed", metrics::Kind::counter, "Malformed messages and headers, answered 400 or 505 where possible"},
    {"confab_registrar_dropped", metrics::Kind::counter, "Messages dropped without an answer"},
    {"confab_registrar_oversized", metrics::Kind::counter, "Messages beyond message-limit, dropped without an answer; over TCP the connection is closed too"},
    {"confab_registrar_registered", metrics::Kind::counter, "REGISTER requests answered 200"},
    {"confab_registrar_challenged", metrics::Kind::counter, "Requests answered 401"},
    {"confab_registrar_proven_md5", metrics::Kind::counter, "Requests whose sender proved himself with MD5"},
    {"confab_registrar_proven_sha256", metrics::Kind::counter, "Requests whose sender proved himself with SHA-256"},
    {"confab_registrar_proven_sha512_256", metrics::Kind::counter, "Requests whose sender proved himself with SHA-512-256"},
    {"confab_registrar_refused_credentials", metrics::Kind::counter, "Requests answered 403 for a wrong password or an unknown user"},
    {"confab_registrar_users_unavailable", metrics::Kind::counter, "Requests answered 500 because the external user database did not answer"},
    {"confab_registrar_refused_owner", metrics::Kind::counter, "Requests answered 403 for somebody else's address"},
    {"confab_registrar_refused_domain", metrics::Kind::counter, "REGISTER requests answered 404 for a domain that is not served here"},
    {"confab_registrar_refused_brief", metrics::Kind::counter, "REGISTER requests answered 423"},
    {"confab_registrar_refused_order", metrics::Kind::counter, "REGISTER requests answered 500 for a CSeq that goes back"},
    {"confab_registrar_refused_bounds", metrics::Kind::counter, "Requests answered 403 or 503 because a bound on bindings or subscriptions was reached"},
    {"confab_registrar_refused_outbound", metrics::Kind::counter, "REGISTER requests answered 439"},
    {"confab_registrar_refused_methods", metrics::Kind::counter, "Requests answered 405, 420 or 501"},
    {"confab_registrar_overloaded", metrics::Kind::counter, "REGISTER requests answered 503 while draining, overloaded or waiting for the disk"},
    {"confab_registrar_expired", metrics::Kind::counter, "Bindings that ran out"},
    {"confab_registrar_flows_gone", metrics::Kind::counter, "Bindings forgotten because their flow died"},
    {"confab_registrar_unreachable", metrics::Kind::counter, "Bindings that stopped answering OPTIONS"},
    {"confab_registrar_store_failures", metrics::Kind::counter, "Failed writes of the database"},
    {"confab_registrar_bindings", metrics::Kind::gauge, "Live bindings"},
    {"confab_registrar_users", metrics::Kind::gauge, "Users"},
    {"confab_registrar_subscriptions", metrics::Kind::gauge, "Live subscriptions to the reg event package"},
    {"confab_registrar_transactions", metrics::Kind::gauge, "Live transactions; REGISTER and OPTIONS need none"},
    {"confab_registrar_connections", metrics::Kind::gauge, "Open connections"},
    {"confab_registrar_store_queue", metrics::Kind::gauge, "Changes waiting for the disk"},
    {"confab_registrar_held", metrics::Kind::gauge, "Answers waiting for the disk"},
    {"confab_registrar_asked", metrics::Kind::gauge, "Requests waiting for the external user database"},
};
static_assert(std::size(kMetricRows) == static_cast<std::size_t>(Metric::count_));

using Counters = metrics::Counters<Metric>;

}  // namespace confab::registrar
