#include "sip/transaction_servers.hpp"

#include "base/check.hpp"
#include "base/text.hpp"
#include "sip/compose.hpp"
#include "sip/forward.hpp"
#include "sip/grammar.hpp"

namespace confab::sip {
namespace {

constexpr std::string_view kRetryAfter = "Retry-After: 5\r\n";
constexpr std::size_t kTagLength = 12;

int status_of(std::string_view response) {
    const auto space = response.find(' ');
    const auto rest = space == std::string_view::npos ? std::string_view() : response.substr(space + 1);
    const auto status = base::parse_number<int>(rest.substr(0, 3));
    CHECK(status && *status >= 100 && *status <= 699, "a response of ours without a status");
    return *status;
}

template <class Cause>  // a status or a Timer
Reaction<ServerAction> react(auto& machine, Cause cause) {
    return std::visit([&](auto& m) { return m.take(std::decay_t<decltype(m)>::Table::input_of(cause)); }, machine);
}

bool is_waiting(const Machine<ServerInvite>& machine) { return machine.state() == ServerInvite::State::proceeding; }

std::string_view to_tag_of(std::string_view response) {
    const auto to = parse_name_addr(peek(response, HeaderName::to));
    return to ? to->params.get("tag").value_or("") : std::string_view();
}

}  // namespace

Event TransactionServers::receive(base::Now now, const Hop& source, const Message& request, bool full, Outbox& out) {
    const auto key = common_.keys.server_key(request);
    if (request.method == Method::ack) return receive_ack(now, key, request, out);
    const auto method = common_.keys.method_id(request.method, request.method_token);
    if (const auto id = table_.find(key, [&](const Server& server) { return server.method == method; }); id != 0) {
        auto& server = *table_.find(id);
        follow(server, source, request);
        const auto reaction = std::visit([](auto& m) { return m.take(std::decay_t<decltype(m)>::Input::retransmission); }, server.machine);
        return perform(now, id, server, reaction, out);
    }
    if (request.method == Method::cancel) return receive_cancel(now, source, key, request, full, out);
    if (full) {
        refuse(source, request, 503, kRetryAfter, out);
        return {};
    }
    return {.kind = Event::Kind::request, .server = {insert(now, source, key, request, out)}};
}

// A client whose connection broke repeats its request on a new one: that is where its answer can reach it.
void TransactionServers::follow(Server& server, const Hop& source, const Message& request) {
    const bool moved = is_stream(source.transport) && source.transport == server.source.transport && source.flow != server.source.flow;
    if (!moved || source.peer.ip != server.source.peer.ip) return;
    server.source = source;
    server.reply_to = response_hop(request, source).peer;
}

// An ACK without a transaction belongs to a 2xx (§17), unless its tag shows that it answers a refusal given without one.
Event TransactionServers::receive_ack(base::Now now, const TransactionKey& key, const Message& ack, Outbox& out) {
    const auto id = table_.find(key, [](const Server& server) { return server.method == static_cast<std::uint64_t>(Method::invite); });
    if (id == 0) return {.kind = common_.keys.is_stateless_tag(ack) ? Event::Kind::none : Event::Kind::ack};
    auto& server = *table_.find(id);
    return perform(now, id, server, std::get<Machine<ServerInvite>>(server.machine).take(ServerInvite::Input::ack), out);
}

// §9.2: 481 without a transaction to cancel, otherwise 200 with the tag of that transaction's answers. It has an effect on an INVITE
// without a final answer only.
Event TransactionServers::receive_cancel(base::Now now, const Hop& source, const TransactionKey& key, const Message& cancel, bool full, Outbox& out) {
    const auto target = table_.find(key, [](const Server& server) { return server.method != static_cast<std::uint64_t>(Method::cancel); });
    if (target == 0) {
        refuse(source, cancel, 481, {}, out);
        return {};
    }
    const auto& invite = *table_.find(target);
    std::string tag;
    if (invite.kept == Kept::tag) tag = invite.text.text();
    if (invite.kept == Kept::response) tag = to_tag_of(invite.text.text());
    if (tag.empty()) common_.random.append_token(tag, kTagLength);
    std::string response;
    append_response(response, cancel, source, {.status = 200, .to_tag = tag});
    if (full)
        out.send(response_hop(cancel, source), response);
    else
        respond(now, {insert(now, source, key, cancel, out)}, response, out);
    const auto* machine = std::get_if<Machine<ServerInvite>>(&table_.find(target)->machine);
    if (!machine || !is_waiting(*machine)) return {};
    return {.kind = Event::Kind::cancel, .server = {target}};
}

std::uint64_t TransactionServers::insert(base::Now now, const Hop& source, const TransactionKey& key, const Message& request, Outbox& out) {
    Server server;
    server.method = common_.keys.method_id(request.method, request.method_token);
    server.source = source;
    server.reply_to = response_hop(request, source).peer;
    if (request.method != Method::invite) {
        server.machine = Machine<ServerNonInvite>{};
        return table_.insert(key, server);
    }
    keep(server, Kept::request, request.bytes);
    const auto id = table_.insert(key, server);
    const auto start = ServerInvite::start();
    settle(now, id, *table_.find(id), {start.actions, start.start, ServerInvite::running(start.next), false}, out);
    return id;
}

void TransactionServers::keep(Server& server, Kept kept, std::string_view text) {
    server.kept = kept;
    common_.texts.store(server.text, text);
}

// The last answer again; 100 Trying where the user has given none.
void TransactionServers::repeat(const Server& server, Outbox& out) {
    if (server.kept == Kept::response) return out.send(server.reply_hop(), server.text.text());
    if (server.kept != Kept::request) return;
    Message request;
    split(server.text.text(), request, is_stream(server.source.transport));
    out.compose(server.reply_hop(), [&](std::string& text) { append_response(text, request, server.source, {.status = 100}); });
}

void TransactionServers::end(std::uint64_t id, Server& server) {
    common_.timers.stop_all_but(server.armed, {});
    common_.texts.drop(server.text);
    table_.erase(id);
}

void TransactionServers::refuse(const Hop& source, const Message& request, int status, std::string_view headers, Outbox& out) {
    std::string tag;
    common_.keys.append_stateless_tag(tag, request);
    out.compose(response_hop(request, source), [&](std::string& text) {
        append_response(text, request, source, {.status = status, .to_tag = tag, .headers = headers});
    });
}

void TransactionServers::respond(base::Now now, ServerId id, std::string_view response, Outbox& out) {
    auto* server = table_.find(id.value);
    if (!server) return;
    const auto reaction = react(server->machine, status_of(response));
    if (!reaction.actions.has(ServerAction::send_response)) return;
    out.send(server->reply_hop(), response);
    if (!reaction.running.has(Timer::l))
        keep(*server, Kept::response, response);
    else if (server->kept != Kept::tag)
        keep(*server, Kept::tag, to_tag_of(response));
    settle(now, id.value, *server, reaction, out);
}

void TransactionServers::respond_and_forget(ServerId id, std::string_view response, Outbox& out) {
    auto* server = table_.find(id.value);
    if (!server) return;
    out.send(server->reply_hop(), response);
    end(id.value, *server);
}

void TransactionServers::forget(ServerId id) {
    if (auto* server = table_.find(id.value)) end(id.value, *server);
}

Event TransactionServers::timer_fired(base::Now now, std::uint64_t id, Timer timer, Outbox& out) {
    auto& server = *table_.find(id);
    return perform(now, id, server, react(server.machine, timer), out);
}

bool TransactionServers::awaits(const Message& response) const {
    Message request;
    if (!read_via(second_via(response), request.via)) return false;
    const auto method = common_.keys.method_id(response.cseq_method, response.cseq_method_token);
    return table_.find(common_.keys.server_key(request), [&](const Server& server) { return server.method == method; }) != 0;
}

const Hop* TransactionServers::source_of(ServerId id) const {
    const auto* server = table_.find(id.value);
    return server ? &server->source : nullptr;
}

Event TransactionServers::perform(base::Now now, std::uint64_t id, Server& server, const ServerReaction& reaction, Outbox& out) {
    using enum ServerAction;
    Event event;
    if (reaction.actions.has(send_response)) repeat(server, out);
    if (reaction.actions.has(pass_up)) event.kind = Event::Kind::ack;
    if (reaction.actions.has(tell_no_ack)) event.kind = Event::Kind::no_ack;
    if (reaction.actions.has(tell_gone)) event.kind = Event::Kind::gone;
    if (event.kind != Event::Kind::none) event.server = {id};
    if (reaction.running.has(Timer::i) && server.kept == Kept::response) keep(server, Kept::tag, to_tag_of(server.text.text()));
    settle(now, id, server, reaction, out);
    return event;
}

void TransactionServers::settle(base::Now now, std::uint64_t id, Server& server, const ServerReaction& reaction, Outbox& out) {
    if (reaction.terminated) return end(id, server);
    common_.timers.stop_all_but(server.armed, reaction.running);
    if (reaction.actions.has(ServerAction::stop_trying)) common_.timers.stop(server.armed, Timer::trying);
    for (std::size_t i = 0; i < kTimerCount && !reaction.start.empty(); ++i) {
        const auto timer = static_cast<Timer>(i);
        if (!reaction.start.has(timer)) continue;
        const TimerOwner owner{table_.index_of(id), true};
        if (common_.arm(now, timer, owner, server.armed, server.interval, is_stream(server.source.transport), false)) {
            timer_fired(now, id, timer, out);
            return;
        }
    }
}

}  // namespace confab::sip
