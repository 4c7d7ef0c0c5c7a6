#include "sip/transaction_clients.hpp"

#include "base/check.hpp"
#include "sip/compose.hpp"

namespace confab::sip {
namespace {

template <class Cause>  // a status or a Timer
Reaction<ClientAction> react(auto& machine, Cause cause) {
    return std::visit([&](auto& m) { return m.take(std::decay_t<decltype(m)>::Table::input_of(cause)); }, machine);
}

bool is_proceeding(const auto& machine) {
    return std::visit([](const auto& m) { return m.state() == std::decay_t<decltype(m)>::State::proceeding; }, machine);
}

// A transaction that let io choose the flow hangs on whatever reached the peer.
bool runs_over(const Hop& to, const Hop& failed) {
    if (to.flow != FlowId{}) return to.flow == failed.flow;
    return to.transport == failed.transport && to.peer == failed.peer;
}

}  // namespace

ClientId TransactionClients::request(base::Now now, const Hop& to, std::string_view request, std::uint64_t user, Outbox& out) {
    Client client;
    client.to = to;
    client.user = user;
    return {insert(now, client, request, out)};
}

// Of a message of our own only the method and the top branch matter here: splitting it would cost more than all the rest.
std::uint64_t TransactionClients::insert(base::Now now, Client client, std::string_view request, Outbox& out) {
    const auto token = request.substr(0, request.find(' '));
    const auto method = method_of(token);
    TopVia via;
    CHECK(read_via(peek(request, HeaderName::via), via) && !via.branch.empty(), "a request of ours without a branch in its top Via");
    CHECK(method != Method::ack, "an ACK has no transaction of its own");
    const bool is_invite = method == Method::invite;
    if (!is_invite) client.machine = Machine<ClientNonInvite>{};
    client.method = common_.keys.method_id(method, token);
    common_.texts.store(client.wire, request);
    const auto id = table_.insert(common_.keys.client_key(via.branch), client);
    const auto start = [](const auto& step, FlagSet<Timer> running) { return ClientReaction{step.actions, step.start, running, false}; };
    const auto first = is_invite ? start(ClientInvite::start(), ClientInvite::running(ClientInvite::State::calling))
                                 : start(ClientNonInvite::start(), ClientNonInvite::running(ClientNonInvite::State::trying));
    perform(now, id, *table_.find(id), first, nullptr, out);
    return id;
}

void TransactionClients::end(std::uint64_t id, Client& client) {
    common_.timers.stop_all_but(client.armed, {});
    common_.texts.drop(client.wire);
    table_.erase(id);
}

Event TransactionClients::receive(base::Now now, const Message& response, Outbox& out) {
    const auto method = common_.keys.method_id(response.cseq_method, response.cseq_method_token);
    const auto id = table_.find(common_.keys.client_key(response.via.branch), [&](const Client& client) { return client.method == method; });
    if (id == 0 || response.cseq_method == Method::ack) return {.kind = Event::Kind::stray};
    auto& client = *table_.find(id);
    const auto event = perform(now, id, client, react(client.machine, response.status), &response, out);
    cancel_if_wanted(now, id, out);
    return event;
}

void TransactionClients::cancel_if_wanted(base::Now now, std::uint64_t id, Outbox& out) {
    const auto* client = table_.find(id);
    if (client && client->cancel_wanted && !client->cancel_sent && is_proceeding(client->machine)) cancel(now, {id}, out);
}

void TransactionClients::cancel(base::Now now, ClientId id, Outbox& out) {
    auto* client = table_.find(id.value);
    if (!client || client->cancel_sent) return;
    auto* machine = std::get_if<Machine<ClientInvite>>(&client->machine);
    if (machine) perform(now, id.value, *client, machine->take(ClientInvite::Input::cancel), nullptr, out);
}

void TransactionClients::abandon(ClientId id) {
    auto* client = table_.find(id.value);
    if (client) end(id.value, *client);
}

Event TransactionClients::timer_fired(base::Now now, std::uint64_t id, Timer timer, Outbox& out) {
    auto& client = *table_.find(id);
    return perform(now, id, client, react(client.machine, timer), nullptr, out);
}

void TransactionClients::flow_failed(base::Now now, const Hop& hop) {
    if (failed_.empty()) failed_at_ = now.steady;
    table_.each([&](std::uint64_t id, const Client& client) {
        if (runs_over(client.to, hop)) failed_.push_back(id);
    });
}

std::optional<base::Instant> TransactionClients::next_failure() const {
    if (failed_.empty()) return std::nullopt;
    return failed_at_;
}

Event TransactionClients::take_failure(base::Now now, Outbox& out) {
    const auto id = failed_.back();
    failed_.pop_back();
    auto* client = table_.find(id);
    if (!client) return {};
    const auto reaction = std::visit([](auto& m) { return m.take(std::decay_t<decltype(m)>::Input::transport_error); }, client->machine);
    return perform(now, id, *client, reaction, nullptr, out);
}

Event TransactionClients::perform(base::Now now, std::uint64_t id, Client& client, const ClientReaction& reaction, const Message* response,
                                  Outbox& out) {
    using enum ClientAction;
    Event event{.client = {id}, .user = client.user};
    if (reaction.actions.has(send_request)) out.send(client.to, client.wire.text());
    if (reaction.actions.has(send_ack)) acknowledge(client, *response, out);
    if (reaction.actions.has(remember_cancel)) client.cancel_wanted = true;
    if (reaction.actions.has(send_cancel)) issue_cancel(now, client, out);
    if (reaction.actions.has(pass_up)) event.kind = Event::Kind::response;
    if (reaction.actions.has(tell_timeout)) event.kind = Event::Kind::timeout;
    if (reaction.actions.has(tell_unreachable)) event.kind = Event::Kind::unreachable;
    const bool is_silent = client.is_own_cancel || event.kind == Event::Kind::none;
    settle(now, id, client, reaction, out);
    return is_silent ? Event{} : event;
}

void TransactionClients::settle(base::Now now, std::uint64_t id, Client& client, const ClientReaction& reaction, Outbox& out) {
    if (reaction.terminated) return end(id, client);
    common_.timers.stop_all_but(client.armed, reaction.running);
    if (reaction.running.has(Timer::k) || reaction.running.has(Timer::m)) common_.texts.drop(client.wire);
    for (std::size_t i = 0; i < kTimerCount && !reaction.start.empty(); ++i) {
        const auto timer = static_cast<Timer>(i);
        if (!reaction.start.has(timer)) continue;
        const TimerOwner owner{table_.index_of(id), false};
        const bool is_over =
            common_.arm(now, timer, owner, client.armed, client.interval, is_stream(client.to.transport), is_proceeding(client.machine));
        if (is_over) {
            timer_fired(now, id, timer, out);
            return;
        }
    }
}

// §17.1.1.3: one ACK is built, and sent again for each retransmission of the final response.
void TransactionClients::acknowledge(Client& client, const Message& response, Outbox& out) {
    if (!client.acknowledged) {
        Message request;
        split(client.wire.text(), request);
        common_.scratch.clear();
        append_ack(common_.scratch, request, response);
        common_.texts.store(client.wire, common_.scratch);
        client.acknowledged = true;
    }
    out.send(client.to, client.wire.text());
}

void TransactionClients::issue_cancel(base::Now now, Client& client, Outbox& out) {
    client.cancel_sent = true;
    Message invite;
    split(client.wire.text(), invite);
    common_.scratch.clear();
    append_cancel(common_.scratch, invite);
    Client own;
    own.to = client.to;
    own.is_own_cancel = true;
    insert(now, own, common_.scratch, out);
}

}  // namespace confab::sip
