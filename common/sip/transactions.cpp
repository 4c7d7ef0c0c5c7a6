#include "sip/transactions.hpp"

#include "base/check.hpp"
#include "sip/transaction_clients.hpp"
#include "sip/transaction_servers.hpp"

namespace confab::sip {
namespace {

constexpr std::size_t kBranchLength = 16;  // 80 bits

}  // namespace

struct Transactions::Impl {
    Impl(const Timers& timers, const base::Seed& seed, std::size_t limit_) : common(timers, seed), clients(common), servers(common), limit(limit_) {}

    bool is_full() const { return clients.size() + servers.size() >= limit; }
    auto finder() {
        return [this](TimerOwner owner) -> ArmedTimers& { return owner.is_server ? servers.armed(owner.index) : clients.armed(owner.index); };
    }

    TransactionCommon common;
    TransactionClients clients;
    TransactionServers servers;
    std::size_t limit;
};

Transactions::Transactions(const Timers& timers, const base::Seed& seed, std::size_t limit) : impl_(std::make_unique<Impl>(timers, seed, limit)) {}
Transactions::~Transactions() = default;
Transactions::Transactions(Transactions&&) noexcept = default;

Event Transactions::receive(base::Now now, const Hop& source, const Message& message, Outbox& out) {
    CHECK(message.error == ParseError::none, "a malformed message reached the transactions: " + std::string(parse_error_text(message.error)));
    if (message.is_request) return impl_->servers.receive(now, source, message, impl_->is_full(), out);
    return impl_->clients.receive(now, message, out);
}

void Transactions::respond(base::Now now, ServerId id, std::string_view response, Outbox& out) { impl_->servers.respond(now, id, response, out); }

void Transactions::forget(ServerId id) { impl_->servers.forget(id); }
void Transactions::respond_and_forget(ServerId id, std::string_view response, Outbox& out) { impl_->servers.respond_and_forget(id, response, out); }

void Transactions::append_stateless_tag(std::string& out, const Message& request) { impl_->common.keys.append_stateless_tag(out, request); }

ClientId Transactions::request(base::Now now, const Hop& to, std::string_view request, std::uint64_t user, Outbox& out) {
    return impl_->clients.request(now, to, request, user, out);
}

void Transactions::cancel(base::Now now, ClientId id, Outbox& out) { impl_->clients.cancel(now, id, out); }
void Transactions::abandon(ClientId id) { impl_->clients.abandon(id); }
void Transactions::flow_failed(base::Now now, const Hop& hop) { impl_->clients.flow_failed(now, hop); }

std::optional<base::Instant> Transactions::next_deadline() {
    const auto failure = impl_->clients.next_failure();
    const auto timer = impl_->common.timers.next();
    if (!failure || !timer) return failure ? failure : timer;
    return std::min(*failure, *timer);
}

bool Transactions::more_due(base::Now now) {
    const auto next = next_deadline();
    return next && *next <= now.steady;
}

Event Transactions::expire(base::Now now, Outbox& out) {
    if (impl_->clients.next_failure()) return impl_->clients.take_failure(now, out);
    const auto due = impl_->common.timers.pop_due(now.steady, impl_->finder());
    if (!due) return {};
    const auto [index, is_server] = due->owner;
    return is_server ? impl_->servers.timer_fired(now, impl_->servers.id_of(index), due->timer, out)
                     : impl_->clients.timer_fired(now, impl_->clients.id_of(index), due->timer, out);
}

void Transactions::append_branch(std::string& out) {
    out.append("z9hG4bK");
    impl_->common.random.append_token(out, kBranchLength);
}

bool Transactions::awaits(const Message& response) const { return impl_->servers.awaits(response); }

std::size_t Transactions::live_clients() const { return impl_->clients.size(); }
std::size_t Transactions::live_servers() const { return impl_->servers.size(); }

const Hop* Transactions::source_of(ServerId id) const { return impl_->servers.source_of(id); }

}  // namespace confab::sip
