// sbc-edge's decisions: a record-routing, transaction-stateful proxy between clients outside (TLS, SRTP) and the site inside (plain SIP, RTP).
//
// Pure. Owner: the shell's signalling thread, or a test. Call-ID, tags and CSeq pass unchanged; X-headers and unknown headers stay byte-identical (S1-07).
// Requests from outside go to the next hop and nowhere else; requests from inside go to the client connection that a token of ours names, or are
// answered 430. A call's media waits for its relay: the INVITE goes on when the relay's ports are known.
// Bounds: calls, transactions; beyond them 503 with Retry-After.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/note.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "local/value.hpp"
#include "sbc-edge/config.hpp"
#include "sbc-edge/flow_token.hpp"
#include "sbc-edge/media_path.hpp"
#include "sbc-edge/metrics.hpp"
#include "sip/message.hpp"
#include "sip/splice.hpp"
#include "sip/transactions.hpp"
#include "sip/transport.hpp"

namespace confab::edge {

using CallId = std::uint64_t;

struct Effects {
    struct Update {
        CallId call;
        RelaySettings settings;
    };
    sip::Outbox transmit;
    base::Notes notes;
    std::vector<CallId> open_relays;       // answered by relay_opened or relay_failed
    std::vector<Update> update_relays;
    std::vector<CallId> close_relays;
    std::vector<std::string> gone_flows;   // Path tokens, for the registrar

    void clear() {
        transmit.clear();
        notes.clear();
        open_relays.clear();
        update_relays.clear();
        close_relays.clear();
        gone_flows.clear();
    }
};

class Core {
public:
    // `listeners`: outside first, then inside, in the order of sip::Hop::listener, with the ports that were bound.
    Core(Config config, std::vector<config::Listener> listeners, std::string token_secret, const base::Seed& seed);

    void receive(base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream, Effects& out);
    void flow_opened(base::Now now, const sip::Hop& hop);
    void flow_failed(base::Now now, const sip::Hop& hop, Effects& out);
    void relay_opened(base::Now now, CallId call, const base::SocketAddress& outside, const base::SocketAddress& inside, Effects& out);
    void relay_failed(base::Now now, CallId call, Effects& out);
    void relay_idle(base::Now now, CallId call, Effects& out);  // no media for media-timeout
    std::optional<base::Instant> next_deadline() { return transactions_.next_deadline(); }
    void expire(base::Now now, Effects& out);

    void reload(const Config& fresh) { take_live(config_, fresh); }
    void drain() { draining_ = true; }
    bool is_idle() const;

    local::Value status() const;
    std::vector<local::Value> flows() const;
    std::vector<local::Value> calls() const;
    Counters& counters();
    base::milliseconds media_timeout() const { return config_.media_timeout; }

private:
    struct Flow {
        sip::Hop hop;
        base::Instant since;
        bool registered = false;
    };
    struct Call {
        std::string call_id, caller_tag;
        bool from_outside = true;
        bool answered = false;
        base::Instant since;
        std::optional<MediaPath> path;
        RelaySettings sent;
        sip::ServerId first_invite{};
    };
    // Where a request goes, and the URIs of ours on the way.
    struct Passage {
        bool from_outside = true;
        sip::Hop target;
        unsigned own_routes = 0;
        sip::FlowId client_flow{};
    };
    // A request on its way across, until its final answer.
    struct Exchange {
        sip::ServerId server;
        sip::ClientId client{};
        sip::Hop source;
        Passage passage;
        std::string request;          // as received
        std::optional<CallId> call;
        bool offered = false;         // its body was an offer
        bool waiting = false;         // for the relay
        bool opens_call = false;
        bool answered = false;        // INVITE with a 2xx: kept for its repetitions
    };
    using ExchangeId = std::uint64_t;
    struct Turn {
        base::Now now;
        Effects& out;
    };

    // core.cpp: inputs and answers of our own
    void handle(Turn turn, const sip::Event& event, const sip::Hop& source, const sip::Message& message);
    void on_request(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Message& request);
    bool admit(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Message& request);
    void on_cancel(Turn turn, sip::ServerId server);
    void on_ack(Turn turn, const sip::Hop& source, const sip::Message& request);
    void on_gone(sip::ServerId server);
    void on_lost(Turn turn, ExchangeId id, int status);
    void on_timer_event(Turn turn, const sip::Event& event);
    void reply(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Message& request, int status, std::string_view headers = {});
    void refuse(Turn turn, ExchangeId id, int status);

    // crossing.cpp: routes, edits, media
    bool is_outside(const sip::Hop& hop) const { return hop.listener < config_.outside.size(); }
    std::optional<Passage> find_passage(const sip::Hop& source, const sip::Message& request) const;
    bool is_own(std::string_view uri_host, std::uint16_t port) const;
    std::uint16_t listener_towards(const sip::Hop& hop) const;
    void cross(Turn turn, ExchangeId id);
    void send_on(Turn turn, Exchange& exchange, ExchangeId id, const sip::Message& request, std::string_view body, bool new_body);
    void append_crossing(std::string& out, const sip::Message& request, const sip::Hop& source, const Passage& passage, std::string_view body, bool new_body,
                         std::string_view branch);
    void on_response(Turn turn, const sip::Event& event, const sip::Message& response);
    std::expected<std::string, int> pass_description(Turn turn, CallId call, media::Side from, std::string_view text, bool is_offer);
    std::optional<CallId> find_call(const sip::Message& message, bool from_outside) const;
    CallId open_call(Turn turn, const sip::Message& request, sip::ServerId server, bool from_outside);
    void close_call(Turn turn, CallId call);
    std::string loop_mark(const sip::Message& request) const;

    Config config_;
    std::vector<config::Listener> listeners_;
    FlowTokens tokens_;
    std::string mark_salt_, tag_;
    sip::Transactions transactions_;
    base::Random random_;
    std::unordered_map<sip::FlowId, Flow> flows_;
    std::unordered_map<CallId, Call> calls_;
    std::unordered_map<std::string, CallId> call_index_;  // Call-ID and the caller's tag
    std::unordered_map<ExchangeId, Exchange> exchanges_;
    std::unordered_map<sip::ServerId, ExchangeId> by_server_;
    std::uint64_t last_id_ = 0;
    bool draining_ = false;
    Counters counters_;
    std::string scratch_;
};

}  // namespace confab::edge
