// Core, first part: inputs, admission, answers of our own. crossing.cpp has the way across.
#include "sbc-edge/core.hpp"

#include <algorithm>

#include "sip/compose.hpp"
#include "sip/forward.hpp"
#include "sip/identity.hpp"

namespace confab::edge {
namespace {

constexpr std::string_view kAllow = "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, UPDATE, INFO, MESSAGE, PRACK, REFER, NOTIFY, SUBSCRIBE\r\n";

}  // namespace

Core::Core(Config config, std::vector<config::Listener> listeners, std::string token_secret, const base::Seed& seed)
    : config_(std::move(config)), listeners_(std::move(listeners)), tokens_(std::move(token_secret)), transactions_(sip::Timers{.t1 = config_.t1, .t2 = config_.t2, .t4 = config_.t4}, seed, config_.transactions),
      random_(seed) {
    mark_salt_ = random_.token(8);
    tag_ = random_.token(10);
}

void Core::receive(base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream, Effects& out) {
    const Turn turn{now, out};
    sip::Message message;
    if (sip::split(bytes, message, is_stream) != sip::ParseError::none) {
        counters_.add(Metric::malformed);
        if (!message.is_request || !message.answerable() || message.method == sip::Method::ack) return counters_.add(Metric::dropped);
        out.transmit.compose(sip::response_hop(message, source), [&](std::string& text) {
            sip::append_response(text, message, source, {.status = sip::status_for(message.error), .reason = sip::parse_error_text(message.error), .to_tag = tag_});
        });
        return;
    }
    handle(turn, transactions_.receive(now, source, message, out.transmit), source, message);
}

void Core::handle(Turn turn, const sip::Event& event, const sip::Hop& source, const sip::Message& message) {
    switch (event.kind) {
        case sip::Event::Kind::request:
            counters_.add(Metric::requests);
            return on_request(turn, event.server, source, message);
        case sip::Event::Kind::ack: return on_ack(turn, source, message);
        case sip::Event::Kind::cancel: return on_cancel(turn, event.server);
        case sip::Event::Kind::response:
            counters_.add(Metric::responses);
            return on_response(turn, event, message);
        case sip::Event::Kind::stray: return counters_.add(Metric::dropped);
        default: return;
    }
}

bool Core::admit(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Message& request) {
    const bool outside = is_outside(source);
    if (!outside && std::ranges::none_of(config_.inside_peers, [&](const auto& network) { return network.contains(source.peer.ip); })) {
        counters_.add(Metric::refused_peers);
        reply(turn, server, source, request, 403);
        return false;
    }
    const auto uri = sip::parse_uri(request.uri);
    const bool to_us = uri && uri->user.empty() && is_own(uri->host, uri->port);
    if (request.method == sip::Method::options && (to_us || request.max_forwards == 0)) {
        reply(turn, server, source, request, draining_ ? 503 : 200, std::string(kAllow).append("Accept: application/sdp\r\n"));
        return false;
    }
    const auto fault = sip::check_request(request, loop_mark(request));
    if (fault.status != 0) {
        reply(turn, server, source, request, fault.status, fault.headers);
        return false;
    }
    const bool new_call = request.method == sip::Method::invite && request.to_tag.empty();
    if (new_call && (draining_ || calls_.size() >= config_.calls)) {
        counters_.add(Metric::overloaded);
        reply(turn, server, source, request, 503, "Retry-After: " + std::to_string(config_.retry_after.count()) + "\r\n");
        return false;
    }
    return true;
}

void Core::on_request(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Message& request) {
    if (!admit(turn, server, source, request)) return;
    if (sip::count_stripped(request, sip::Boundary::untrusted, {}) > sip::kMaxIdentityEdits) return reply(turn, server, source, request, 400);
    const auto passage = find_passage(source, request);
    if (!passage) return reply(turn, server, source, request, 404);
    if (!passage->from_outside && !flows_.contains(passage->client_flow)) {
        counters_.add(Metric::dead_flows);
        return reply(turn, server, source, request, 430);
    }
    const auto id = ++last_id_;
    Exchange exchange;
    exchange.server = server;
    exchange.source = source;
    exchange.passage = *passage;
    exchange.request = request.bytes;
    exchange.call = find_call(request, passage->from_outside);
    if (request.method == sip::Method::invite && request.to_tag.empty() && !exchange.call) {
        exchange.call = open_call(turn, request, server, passage->from_outside);
        exchange.opens_call = exchange.waiting = true;
    }
    exchanges_.emplace(id, std::move(exchange));
    by_server_[server] = id;
    if (!exchanges_.at(id).waiting) cross(turn, id);
}

void Core::on_cancel(Turn turn, sip::ServerId server) {
    const auto found = by_server_.find(server);
    if (found == by_server_.end()) return;
    auto& exchange = exchanges_.at(found->second);
    if (exchange.waiting) return refuse(turn, found->second, 487);
    transactions_.cancel(turn.now, exchange.client, turn.out.transmit);
}

void Core::on_lost(Turn turn, ExchangeId id, int status) {
    const auto found = exchanges_.find(id);
    if (found == exchanges_.end()) return;
    if (!found->second.answered) refuse(turn, id, status);
}

void Core::on_gone(sip::ServerId server) {
    const auto found = by_server_.find(server);
    if (found == by_server_.end()) return;
    exchanges_.erase(found->second);
    by_server_.erase(found);
}

bool Core::is_idle() const {
    return calls_.empty() && std::ranges::all_of(exchanges_, [](const auto& row) { return row.second.answered; });
}

void Core::refuse(Turn turn, ExchangeId id, int status) {
    const auto found = exchanges_.find(id);
    const auto exchange = std::move(found->second);
    exchanges_.erase(found);
    by_server_.erase(exchange.server);
    sip::Message request;
    sip::split(exchange.request, request, sip::is_stream(exchange.source.transport));
    reply(turn, exchange.server, exchange.source, request, status);
    if (exchange.call && (exchange.opens_call || request.method == sip::Method::bye)) close_call(turn, *exchange.call);
}

void Core::flow_opened(base::Now now, const sip::Hop& hop) {
    if (is_outside(hop)) flows_[hop.flow] = {hop, now.steady, false};
}

void Core::flow_failed(base::Now now, const sip::Hop& hop, Effects& out) {
    const auto found = flows_.find(hop.flow);
    if (found != flows_.end()) {
        if (found->second.registered) out.gone_flows.push_back(tokens_.for_path(hop.flow));
        flows_.erase(found);
    }
    transactions_.flow_failed(now, hop);
    expire(now, out);
}

void Core::expire(base::Now now, Effects& out) {
    const Turn turn{now, out};
    while (transactions_.more_due(now)) on_timer_event(turn, transactions_.expire(now, out.transmit));
}

void Core::on_timer_event(Turn turn, const sip::Event& event) {
    if (event.kind == sip::Event::Kind::timeout) return on_lost(turn, event.user, 408);
    if (event.kind == sip::Event::Kind::gone) return on_gone(event.server);
    if (event.kind != sip::Event::Kind::unreachable) return;
    const auto found = exchanges_.find(event.user);
    if (found == exchanges_.end()) return;
    // RFC 5626 §5.3.1: a dead flow is 430, so that whoever registered over it can be forgotten at once.
    on_lost(turn, event.user, is_outside(found->second.source) ? 503 : 430);
}

void Core::relay_opened(base::Now now, CallId call, const base::SocketAddress& outside, const base::SocketAddress& inside, Effects& out) {
    const Turn turn{now, out};
    const auto found = calls_.find(call);
    if (found == calls_.end()) return;
    found->second.path.emplace(outside, inside, config_.srtp_suites);
    const auto waiting = by_server_.find(found->second.first_invite);
    if (waiting == by_server_.end()) return;
    exchanges_.at(waiting->second).waiting = false;
    cross(turn, waiting->second);
}

void Core::relay_failed(base::Now now, CallId call, Effects& out) {
    const Turn turn{now, out};
    const auto found = calls_.find(call);
    if (found == calls_.end()) return;
    counters_.add(Metric::overloaded);
    const auto waiting = by_server_.find(found->second.first_invite);
    if (waiting != by_server_.end()) return refuse(turn, waiting->second, 503);
    close_call(turn, call);
}

void Core::relay_idle(base::Now now, CallId call, Effects& out) {
    if (!calls_.contains(call)) return;
    counters_.add(Metric::relays_closed_idle);
    close_call({now, out}, call);
}

void Core::reply(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Message& request, int status, std::string_view headers) {
    scratch_.clear();
    sip::append_response(scratch_, request, source, {.status = status, .to_tag = tag_, .headers = headers});
    transactions_.respond(turn.now, server, scratch_, turn.out.transmit);
}

local::Value Core::status() const {
    return local::Value::object({{"calls", calls_.size()},
                                 {"flows", flows_.size()},
                                 {"exchanges", exchanges_.size()},
                                 {"client_transactions", transactions_.live_clients()},
                                 {"server_transactions", transactions_.live_servers()}});
}

std::vector<local::Value> Core::flows() const {
    std::vector<local::Value> rows;
    for (const auto& [id, flow] : flows_)
        rows.push_back(local::Value::object({{"flow", id.value}, {"peer", flow.hop.peer.text()}, {"registered", flow.registered}}));
    return rows;
}

std::vector<local::Value> Core::calls() const {
    std::vector<local::Value> rows;
    for (const auto& [id, call] : calls_) {
        const auto& relay = call.sent;
        rows.push_back(local::Value::object({{"call", id},
                                             {"call_id", call.call_id},
                                             {"direction", call.from_outside ? "in" : "out"},
                                             {"answered", call.answered},
                                             {"outside", relay.outside ? relay.outside->text() : ""},
                                             {"inside", relay.inside ? relay.inside->text() : ""},
                                             {"suite", relay.keys ? relay.keys->receive.suite : ""}}));
    }
    return rows;
}

Counters& Core::counters() {
    counters_.set(Metric::calls, calls_.size());
    counters_.set(Metric::flows, flows_.size());
    counters_.set(Metric::exchanges, exchanges_.size());
    counters_.set(Metric::client_transactions, transactions_.live_clients());
    counters_.set(Metric::server_transactions, transactions_.live_servers());
    return counters_;
}

}  // namespace confab::edge
