#include "app/control.hpp"

#include "base/check.hpp"

namespace confab::app {
namespace {

constexpr std::size_t kInFlight = 10'000;
constexpr std::size_t kRoom = 64 << 10;        // a listing goes on while less than this waits for its client
constexpr std::size_t kEventRoom = 256 << 10;  // far below the server's own bound: a slow subscriber loses events, not its connection
constexpr base::milliseconds kOneGo{1};        // then others have their turn, the daemon's proper work among them

}  // namespace

std::string_view version() { return CONFAB_VERSION; }

Control::Control(io::Loop& loop, const std::string& path, const local::Vocabulary& vocabulary, OnRequest on_request,
                 base::milliseconds patience)
    : loop_(loop),
      vocabulary_(vocabulary),
      on_request_(std::move(on_request)),
      patience_(patience),
      server_(loop, {.path = path},
              {.greeting = [this] { return local::greeting_line(vocabulary_, version()); },
               .line = [this](ClientId id, std::string_view line) { take_line(id, line); },
               .closed = [this](ClientId id) { forget(id); }}),
      look_(loop, [this] { look_for_stalled(); }) {}

void Control::take_line(ClientId id, std::string_view line) {
    ++counts_.requests;
    auto request = local::read_request(vocabulary_, line);
    auto& client = clients_[id];
    if (request && client.in_flight >= kInFlight)
        request = std::unexpected(local::BadRequest{request->id, {"too-many", "too many requests of this client are in flight"}});
    if (!request) {
        ++counts_.refused;
        server_.send(id, local::failure_line(request.error().id, request.error().failure));
        return;
    }
    ++client.in_flight;
    const auto token = ++last_token_;
    asked_.emplace(token, Asked{id, request->id});
    on_request_(token, *request);
}

void Control::forget(ClientId id) {
    clients_.erase(id);
    std::erase_if(asked_, [&](const auto& entry) { return entry.second.client == id; });
}

// A token whose client has gone, or that was answered already, is nobody's: the answer is dropped.
void Control::finish(std::uint64_t token, const std::string& line) {
    const auto found = asked_.find(token);
    if (found == asked_.end()) return;
    const auto id = found->second.client;
    asked_.erase(found);
    if (const auto client = clients_.find(id); client != clients_.end()) --client->second.in_flight;
    server_.send(id, line);
}

void Control::reply(std::uint64_t token, local::Value fields) {
    if (const auto found = asked_.find(token); found != asked_.end()) finish(token, local::ok_line(found->second.id, std::move(fields)));
}

void Control::reply_more(std::uint64_t token, local::Value row) {
    if (const auto found = asked_.find(token); found != asked_.end())
        server_.send(found->second.client, local::ok_line(found->second.id, std::move(row), true));
}

void Control::fail(std::uint64_t token, std::string_view code, std::string_view message) {
    const auto found = asked_.find(token);
    if (found == asked_.end()) return;
    ++counts_.refused;
    finish(token, local::failure_line(found->second.id, {std::string(code), std::string(message)}));
}

void Control::stream(std::uint64_t token, std::function<bool()> next) {
    const auto found = asked_.find(token);
    if (found == asked_.end() || !advance(token, next)) return;
    const auto id = found->second.client;
    const auto client = clients_.find(id);
    CHECK(client != clients_.end(), "request " + std::to_string(token) + " of unknown client " + std::to_string(id));
    client->second.streams.emplace_back(token, std::move(next));
    wait_for_room(id, client->second);
}

// True: there is more to come, later.
bool Control::advance(std::uint64_t token, const std::function<bool()>& next) {
    for (const auto end = loop_.now().steady + kOneGo; loop_.now().steady < end;) {
        const auto found = asked_.find(token);
        if (found == asked_.end()) return false;
        if (server_.queued(found->second.client) >= kRoom) return true;
        if (next()) continue;
        reply(token, {});
        return false;
    }
    return asked_.contains(token);
}

void Control::wait_for_room(ClientId id, Client& client) {
    if (client.waits_for_room) return;
    client.waits_for_room = true;
    if (!std::exchange(looking_, true)) look_.after(patience_);
    if (server_.queued(id) > 0)
        server_.on_drained(id, [this, id] { has_room(id); });
    else
        loop_.post([this, id] { has_room(id); });
}

void Control::has_room(ClientId id) {
    const auto found = clients_.find(id);
    if (found == clients_.end()) return;
    auto& client = found->second;
    client.waits_for_room = false;
    client.unread = 0;
    if (const auto lost = std::exchange(client.lost, 0); lost > 0)
        server_.send(id, local::to_json(local::Value::object({{"event", "lost"}, {"count", lost}})));
    // `send` may find that the client has gone and forget it: the streams are taken out first.
    for (auto& [token, next] : std::exchange(client.streams, {})) stream(token, std::move(next));
}

// While a client waits nothing is added for it, so what is queued shrinks exactly when it reads.
void Control::look_for_stalled() {
    looking_ = false;
    std::vector<ClientId> stalled;
    for (auto& [id, client] : clients_) {
        if (!client.waits_for_room) continue;
        looking_ = true;
        const auto unread = server_.queued(id);
        if (client.unread > 0 && unread >= client.unread) stalled.push_back(id);
        client.unread = unread;
    }
    for (auto id : stalled) {
        ++counts_.cut_off;
        server_.close(id);
    }
    if (looking_) look_.after(patience_);
}

void Control::subscribe(std::uint64_t token) {
    const auto found = asked_.find(token);
    if (found == asked_.end()) return;
    const auto id = found->second.client;
    reply(token, local::Value::object({{"seq", last_event_}}));
    if (const auto client = clients_.find(id); client != clients_.end()) client->second.subscribed = true;
}

void Control::publish(std::string_view event, const local::Value& fields) {
    const auto line = local::event_line(event, ++last_event_, fields);
    std::vector<ClientId> subscribers;
    for (const auto& [id, client] : clients_)
        if (client.subscribed) subscribers.push_back(id);
    for (auto id : subscribers)
        if (const auto found = clients_.find(id); found != clients_.end()) send_event(id, found->second, line);
}

void Control::send_event(ClientId id, Client& client, const std::string& line) {
    if (client.lost == 0 && server_.queued(id) < kEventRoom) {
        server_.send(id, line);
        return;
    }
    ++client.lost;
    ++counts_.events_lost;
    wait_for_room(id, client);
}

}  // namespace confab::app
