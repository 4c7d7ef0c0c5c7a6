// sip-proxy's decisions: a transaction-stateful proxy (RFC 3261 §16 with RFC 6026) as an ordinary object. Messages, answers and time go in;
// bytes, questions and notes come out in `Effects`. No descriptors, no clock, no log.
//
// Owner: the shell's signalling thread, or a test. A request goes through admission (validity, relay policy, credentials), routing
// (routes; directory, then registrar) and forwarding (branches, failover, best response); while a question is out it waits in its response context.
// Bounds: contexts and transactions; beyond them 503.
//
// Nothing that a peer would not repeat depends on memory: branches are derived (seals.hpp), responses without a transaction go on by their
// Via, ACK for 2xx and requests inside a dialog follow their Route. A proxy that was restarted in mid-call carries the call on.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/note.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "base/timer_wheel.hpp"
#include "dns/endpoint.hpp"
#include "dns/failure_marks.hpp"
#include "local/messages.hpp"
#include "local/value.hpp"
#include "sip-proxy/authentication.hpp"
#include "sip-proxy/call_records.hpp"
#include "sip-proxy/config.hpp"
#include "sip-proxy/context_table.hpp"
#include "sip-proxy/groups.hpp"
#include "sip-proxy/metrics.hpp"
#include "sip-proxy/passcode.hpp"
#include "sip-proxy/returns.hpp"
#include "sip-proxy/route.hpp"
#include "sip-proxy/routes.hpp"
#include "sip-proxy/seals.hpp"
#include "sip/identity.hpp"
#include "sip/message.hpp"
#include "sip/overload.hpp"
#include "sip/transactions.hpp"
#include "sip/transport.hpp"

namespace confab::proxy {

enum class Asked : std::uint8_t { registrar, locate };

struct Question {
    std::uint64_t id = 0;  // 0: nobody waits for the answer
    Asked asked = Asked::registrar;
    std::string_view command;
    local::Value arguments;
};
using Answer = std::expected<local::Value, local::Failure>;

// A next hop's name to look up; the answer comes back through `Core::resolved`.
struct Resolve {
    std::uint64_t id = 0;
    dns::Query query;
};
using Located = std::expected<std::vector<dns::Endpoint>, dns::Failure>;

// What was decided about a request, for `explain`. Texts hold no secret.
struct Decision {
    std::string_view step;  // "listener", "authentication", "route", …
    std::string text;
};

struct Effects {
    sip::Outbox transmit;
    base::Notes notes;
    std::vector<Question> ask;
    std::vector<Resolve> resolve;
    std::vector<base::CallEntry> records;  // to be spooled before `transmit` is sent
    std::vector<Decision>* trace = nullptr;  // where somebody wants to know why
    std::vector<sip::FlowId> vouched;  // connections whose peers have proven themselves

    void clear() {
        transmit.clear();
        notes.clear();
        ask.clear();
        resolve.clear();
        records.clear();
        vouched.clear();
    }
};

class Core {
public:
    // `listeners` in the order of sip::Hop::listener, with the ports that were bound.
    Core(Config config, std::vector<config::Listener> listeners, const std::string& secret, const base::Seed& seed);

    void receive(base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream, Effects& effects);
    void answer(base::Now now, std::uint64_t question, const Answer& answer, Effects& effects);
    void resolved(base::Now now, std::uint64_t id, const Located& located, Effects& effects);
    void flow_failed(base::Now now, const sip::Hop& hop, Effects& effects);
    std::optional<base::Instant> next_deadline();
    void expire(base::Now now, Effects& effects);

    void reload(const Config& fresh);
    void batch_begin(base::Now now, base::Duration queue_delay) { overload_.batch_begin(now.steady, queue_delay); }
    void drain() { draining_ = true; }
    void reopen_call(std::string_view line) { records_.reopen(line); }  // a call that was open when the last run ended
    bool remember_call(base::Now now, std::string_view line) { return records_.remember(now, line); }
    // A core that decides like this one now, for `explain`; as if `user` had proven himself where that is not empty.
    void rehearse(const Core& live, std::string user);
    bool is_idle() const { return contexts_.unanswered() == 0; }  // every request has its final answer

    local::Value status() const;
    std::vector<local::Value> calls() const;  // INVITEs without a final answer, and answered calls where they are kept
    std::vector<local::Value> members(base::Now now) const;
    std::span<const std::uint64_t> metrics();
    Counters& counters() { return counters_; }  // for what only the shell sees
    const Config& config() const { return config_; }
    bool is_trusted(const sip::Hop& source) const;

private:
    struct Turn {
        base::Now now;
        Effects& effects;
    };
    using ContextId = ContextTable::Id;
    // A request while it is looked at: split once, and its Route understood once. Slices live until the next input.
    struct Reading {
        ContextId id = 0;
        const sip::Message* message = nullptr;
        RoutePlan plan;
        Seals::Mark mark;
    };

    // core.cpp: inputs
    void handle(Turn turn, const sip::Event& event, const sip::Hop& source, const sip::Message& message);
    void handle_timer(Turn turn, const sip::Event& event);
    void on_malformed(Turn turn, const sip::Hop& source);
    void on_cancel(Turn turn, sip::ServerId server);
    void on_gone(sip::ServerId server);
    void reply(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Message& request, int status, std::string_view headers,
               std::string_view reason = {});
    void reply_and_forget(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Message& request, int status,
                          std::string_view headers);
    void refuse_overload(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Message& request);
    void challenge(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Message& request, bool stale);

    // admission.cpp: what a new request must be
    struct Arrival {
        sip::ServerId server;
        const sip::Hop& source;
        const sip::Message& request;
        RoutePlan plan;
        Seals::Mark mark;
        std::optional<sip::Uri> uri;
        std::optional<sip::Hop> flow;  // its Route names a client's connection of ours (RFC 5626 §5.3)
        bool in_dialog = false;
        unsigned breadth = 0;  // Max-Breadth: its own or ours
        bool emergency = false;
        RouteTable::Rule rule{};  // the route that lets it leave for a foreign domain, or an emergency's
    };
    void on_request(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Message& request);
    bool admit(Turn turn, const Arrival& arrival);
    bool admit_route(Turn turn, const Arrival& arrival);
    bool belongs_to_dialog(const sip::Message& request, const RoutePlan& plan);
    std::optional<sip::Hop> flow_of(const RoutePlan& plan, const sip::Hop& source);
    bool admit_load(Turn turn, const Arrival& arrival);
    void answer_ourselves(Turn turn, const Arrival& arrival);
    void authenticate(Turn turn, const Arrival& arrival);
    ContextId open_context(Turn turn, const Arrival& arrival);
    void vouch_for(Turn turn, const sip::Hop& source);
    void on_ack(Turn turn, const sip::Hop& source, const sip::Message& request);
    const Reading& read(ContextId id, const ResponseContext& context);

    // routing.cpp: where it goes
    void route(Turn turn, ContextId id);
    void route_home(Turn turn, ContextId id, const sip::Uri& uri);
    void ask(Turn turn, ContextId id, ResponseContext::Stage stage, Asked asked, std::string_view command, local::Value arguments);
    void ask_registrar(Turn turn, ContextId id, const sip::Uri& uri);
    void on_verified(Turn turn, ContextId id, const Answer& answer);
    void on_located(Turn turn, ContextId id, const Answer& answer);
    void on_looked_up(Turn turn, ContextId id, const Answer& answer);
    void finish(Turn turn, ContextId id, int status, std::string_view headers = {}, std::string_view reason = {});
    void finish_unavailable(Turn turn, ContextId id);

    // policy.cpp: routes and what they say
    void configure_policy();
    bool is_emergency(const Arrival& arrival) const;
    void refuse_emergency(Turn turn, const Arrival& arrival);
    RouteTable::Rule match(const sip::Message& request, const sip::Uri& uri) const;
    void follow_rule(Turn turn, ContextId id, const sip::Uri& uri);
    void interpret(Turn turn, ContextId id, Targets&& targets);
    void on_wrong_passcode(Turn turn, ContextId id, const sip::Uri& uri);
    void on_interpreted(Turn turn, ContextId id, const Answer& answer);
    void send_to_group(Turn turn, ContextId id, const sip::Uri& uri);
    void send_to_uri(Turn turn, ContextId id);
    void redirect(Turn turn, ContextId id, const sip::Uri& uri);
    void take_targets(Turn turn, ContextId id, Targets&& targets);  // and goes on
    bool may_redirect(const Target& target) const;
    PasscodePlaces passcode_places() const { return {config_.passcode_header, config_.passcode_parameter}; }
    template <class Text>
    static void explain(Turn turn, std::string_view step, Text&& text) {
        if (turn.effects.trace != nullptr) turn.effects.trace->push_back({step, text()});
    }

    // watch.cpp: health of groups' members, records of calls
    // A transaction's and a question's number: with this bit not a context's, but a probe's and its member's.
    static constexpr std::uint64_t kProbe = std::uint64_t{1} << 63;
    void send_probes(Turn turn);
    void send_probe(Turn turn, std::uint64_t number, sip::Hop hop);
    void on_probe_located(Turn turn, std::uint64_t number, const Located& located);
    void on_probe_outcome(Turn turn, std::uint64_t number, const sip::Message* response);
    void heard(Turn turn, MemberId member, const sip::Message* response, std::uint32_t probe = 0);  // nullptr: silence
    // `response` is nullptr for one of our own; `target` is where it came from, by default the last that was tried.
    void record(Turn turn, const ResponseContext& context, int status, const sip::Message* response, const Target* target = nullptr);
    void close_old_calls(Turn turn);

    // forwarding.cpp: branches
    static constexpr unsigned kBranchBits = 8;  // of a number that names a context and one of its branches or targets
    static constexpr std::uint64_t kBranchMask = (1U << kBranchBits) - 1;
    struct Outgoing {  // what a copy of a request is made from
        const Reading& reading;
        const sip::Hop& source;
        const Target& target;
        std::string_view user;    // who proved himself
        std::size_t twins = 0;    // other branches to the same place
        std::size_t breadth = 0;  // 0: no Max-Breadth
        bool trusted = false;     // the source may assert identities
    };
    void advance(Turn turn, ContextId id);
    void start_group(Turn turn, ContextId id, ResponseContext& context);
    bool start_next_endpoint(Turn turn, ContextId id, ResponseContext& context, std::size_t target);
    bool start_branch(Turn turn, ContextId id, ResponseContext& context, std::size_t target);
    bool fail_over(Turn turn, ContextId id, ResponseContext& context, std::size_t branch);
    bool prefer_stream(Turn turn, const ResponseContext& context, Target& target, std::size_t size);
    static std::size_t twins_of(const ResponseContext& context, std::size_t target);
    void note_unreachable(Turn turn, const Target& target);
    void arm(Turn turn, ContextId id, ResponseContext& context, std::size_t branch);
    void disarm(Branch& branch);
    bool needs_flow(const sip::Message& request, const sip::Hop& source) const;
    void localise(Target& target);
    void compose_forward(std::string& out, const Outgoing& outgoing);
    std::string_view place_uri(sip::Splice& splice, const Outgoing& outgoing, std::string& lines);
    void append_record_route(std::string& out, const Outgoing& outgoing);
    void append_path(std::string& out, const Outgoing& outgoing);
    void cancel_pending(Turn turn, ResponseContext& context);
    void report_flow(Turn turn, const Target& target);

    // answers.cpp: what comes back
    void on_response(Turn turn, const sip::Event& event, const sip::Hop& source, const sip::Message& response);
    void on_provisional(Turn turn, ContextId id, ResponseContext& context, std::size_t branch, const sip::Hop& source,
                        const sip::Message& response);
    void on_success(Turn turn, ContextId id, ResponseContext& context, std::size_t branch, const sip::Hop& source,
                    const sip::Message& response);
    void on_failure(Turn turn, ContextId id, ResponseContext& context, std::size_t branch, const sip::Hop& source,
                    const sip::Message& response);
    void on_late(Turn turn, ContextId id, Remains& remains, std::size_t branch, const sip::Hop& source, const sip::Message& response);
    bool follow(ResponseContext& context, std::size_t target, const Reading& reading, const sip::Message& response);
    void on_branch_lost(Turn turn, std::uint64_t user, bool timed_out);
    void on_branch_timer(Turn turn, std::uint64_t timer);
    void on_stray(Turn turn, const sip::Hop& source, const sip::Message& response);
    sip::Hop way_back(const sip::Message& response, sip::Hop hop);
    void acknowledge(Turn turn, const sip::Hop& source, const sip::Message& response);
    void conclude(Turn turn, ContextId id, ResponseContext& context);
    void compose_backward(std::string& out, const sip::Hop& source, const sip::Message& response) const;
    void mark_answered(ContextId id, ResponseContext& context, int status);
    void drop_if_over(ContextId id);

    ResponseContext* find(ContextId id) { return contexts_.pending(id); }  // until it has its final answer

    Config config_;
    OwnNames names_;
    Seals seals_;
    Authentication authentication_;
    sip::Transactions transactions_;
    base::Random random_;
    Counters counters_;
    base::TimerWheel<std::uint64_t> timers_;  // of branches
    dns::FailureMarks marks_;
    RouteTable routes_;
    Groups groups_;
    CallRecords records_;
    sip::Overload overload_;
    std::optional<base::Instant> next_look_;  // for calls whose end never came
    std::string assumed_user_;                // only in a rehearsal
    ContextTable contexts_;
    std::unordered_map<std::uint64_t, ContextId> questions_;
    std::unordered_map<sip::FlowId, sip::Hop> registered_flows_;  // that a REGISTER succeeded over: the registrar hears when they end
    sip::Message arrived_, stored_;  // scratch: the message just received, and a stored request split again
    Reading reading_;
    std::string scratch_, lines_, top_, uri_, branch_, record_route_, flow_;
    Returns returns_;
    base::Instant strays_until_ = base::Instant::max();  // from the first input on: as long as a transaction of a run before may last
    std::uint64_t last_question_ = 0;
    bool draining_ = false;
};

}  // namespace confab::proxy
