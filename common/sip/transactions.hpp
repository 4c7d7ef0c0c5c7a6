// The transaction layer (RFC 3261 §17 with RFC 6026): retransmissions and timers stop here.
//
// Owner: one signalling thread, or a test. Inputs are messages, answers and time; outputs are bytes in an `Outbox` and `Event`s. Each of the four
// machines is one file (client_invite, client_non_invite, server_invite, server_non_invite); this class finds the machine for a message.
//
//   receive → at most one Event for the transaction user, who answers at once or later with `respond`, `request`, `cancel`.
//   expire  → one due thing a call, whenever `next_deadline` has come: `while (t.more_due(now)) handle(t.expire(now, out));`
//             Most due things are retransmissions and answer Kind::none.
//
// An INVITE gets 100 Trying from the machine when the user has not answered it within 200 ms. A server transaction lives until the user gives a
// final answer: the user owes one for each Event::request. A transaction shrinks to what its retransmissions need once its final answer is out:
// the response for a server, the ACK for a refused INVITE of ours, otherwise nothing.
//
// Bound: `limit` live transactions of both kinds; a further request that would need one is answered 503 with Retry-After, and its ACK absorbed.
// The user's own `request` is never refused: what it starts is bounded by what it was asked.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/random.hpp"
#include "base/time.hpp"
#include "sip/message.hpp"
#include "sip/transport.hpp"

namespace confab::sip {

// RFC 3261 Table 4. Units: milliseconds.
struct Timers {
    base::milliseconds t1{500};
    base::milliseconds t2{4000};
    base::milliseconds t4{5000};
    base::milliseconds trying{200};     // 100 Trying is sent when the user has not answered by then (§17.2.1)
    base::milliseconds d() const { return 64 * t1; }  // wait for response retransmissions, INVITE client, UDP (at least 32 s at T1 = 500 ms)
    base::milliseconds b() const { return 64 * t1; }  // also F, H, L, M
};

struct ServerId {
    std::uint64_t value = 0;
    auto operator<=>(const ServerId&) const = default;
};
struct ClientId {
    std::uint64_t value = 0;
    auto operator<=>(const ClientId&) const = default;
};

struct Event {
    enum class Kind : std::uint8_t {
        none,          // absorbed: retransmission, ACK of a non-2xx, answered 4xx/5xx by the layer itself
        request,       // a new request: `server` is set, the message is the argument of `receive`
        ack,           // an ACK for a 2xx: no transaction of its own (§17); `server` is set where it carries its INVITE's branch (RFC 2543)
        cancel,        // a CANCEL for the live INVITE `server`; the layer has answered 200 to the CANCEL itself
        response,      // for `client`; `user` is what `request` was given. Every provisional, the first final, and in Accepted each further 2xx
        stray,         // a response without a transaction (a late 2xx after RFC 6026's Accepted state, or nonsense)
        timeout,       // `client` got no final answer in time: Timer B or F
        unreachable,   // `client`'s flow failed
        no_ack,        // `server` sent a non-2xx final answer and Timer H fired: over, for information
        gone,          // `server` INVITE answered 2xx left Accepted (Timer L): over, for information
    };
    Kind kind = Kind::none;
    ServerId server{};
    ClientId client{};
    std::uint64_t user = 0;
};

class Transactions {
public:
    Transactions(const Timers& timers, const base::Seed& seed, std::size_t limit);
    ~Transactions();
    Transactions(Transactions&&) noexcept;

    // `message` must have no parse error. `source` is where it came from.
    Event receive(base::Now now, const Hop& source, const Message& message, Outbox& out);

    // Sends a response in a server transaction: `response` is a whole message (compose.hpp). Unknown ids are ignored: the transaction is over.
    // A 2xx to INVITE enters Accepted: the user owns its retransmission (§13.3.1.4) and may call respond again with the same bytes.
    void respond(base::Now now, ServerId id, std::string_view response, Outbox& out);

    // Answers like a stateless server (§8.2.7): the transaction is over at once, and a repetition of the request comes as a new one. Right for a final answer
    // that a repetition gets again without harm: a challenge, OPTIONS, a refusal by policy. Its To tag must come from `append_stateless_tag`, so that
    // repeated answers agree and the ACK for one is absorbed.
    void respond_and_forget(ServerId id, std::string_view response, Outbox& out);
    void append_stateless_tag(std::string& out, const Message& request);
    // The request is left to a repetition of it, which comes as a new one: nothing is sent.
    void forget(ServerId id);

    // Starts a client transaction. `request` is a whole message, not an ACK, whose top Via carries a fresh branch of ours: `append_branch`, to
    // which the caller may add a suffix. `user` comes back with events.
    ClientId request(base::Now now, const Hop& to, std::string_view request, std::uint64_t user, Outbox& out);

    // Cancels a pending INVITE: sends CANCEL now if a provisional has come, otherwise when one comes (§9.1). No effect after a final answer.
    // The INVITE then ends with 487 or another final answer, or by Timer: 64*T1 after the CANCEL without one it is `timeout`.
    void cancel(base::Now now, ClientId id, Outbox& out);

    // Forgets a client transaction without telling anyone (its user is gone); its retransmissions stop.
    void abandon(ClientId id);

    // A flow died or a connection could not be made: client transactions on it that wait for a final answer become `unreachable` one by one
    // through `expire`. One that named flow 0 hangs on any flow to its peer. Server transactions run on: their timers end them.
    void flow_failed(base::Now now, const Hop& hop);

    std::optional<base::Instant> next_deadline();
    bool more_due(base::Now now);
    Event expire(base::Now now, Outbox& out);  // handles one due thing; Kind::none means only that the user need not know

    // A branch with the magic cookie, unique in this run and unguessable (§8.1.1.7).
    void append_branch(std::string& out);

    // A server transaction lives whose answer this response would be: its request's Via stands below ours.
    bool awaits(const Message& response) const;

    // Facts for `status` and for leak tests.
    std::size_t live_clients() const;
    std::size_t live_servers() const;

    // The server transaction's request facts, while it lives.
    const Hop* source_of(ServerId id) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace confab::sip

template <>
struct std::hash<confab::sip::ServerId> {
    std::size_t operator()(confab::sip::ServerId id) const noexcept { return std::hash<std::uint64_t>{}(id.value); }
};
template <>
struct std::hash<confab::sip::ClientId> {
    std::size_t operator()(confab::sip::ClientId id) const noexcept { return std::hash<std::uint64_t>{}(id.value); }
};
