// The client half of the transaction layer: finds the machine for a response, carries out what it says.
//
// `wire` is what a transaction may have to send again: the request, then for a refused INVITE the ACK, then nothing.
#pragma once

#include <variant>
#include <vector>

#include "sip/client_invite.hpp"
#include "sip/client_non_invite.hpp"
#include "sip/transaction_common.hpp"
#include "sip/transaction_table.hpp"
#include "sip/transactions.hpp"

namespace confab::sip {

class TransactionClients {
public:
    explicit TransactionClients(TransactionCommon& common) : common_(common) {}

    ClientId request(base::Now now, const Hop& to, std::string_view request, std::uint64_t user, Outbox& out);
    Event receive(base::Now now, const Message& response, Outbox& out);
    void cancel(base::Now now, ClientId id, Outbox& out);
    void abandon(ClientId id);
    Event timer_fired(base::Now now, std::uint64_t id, Timer timer, Outbox& out);

    void flow_failed(base::Now now, const Hop& hop);
    std::optional<base::Instant> next_failure() const;
    Event take_failure(base::Now now, Outbox& out);

    std::uint64_t id_of(std::uint32_t index) const { return table_.id_of(index); }
    ArmedTimers& armed(std::uint32_t index) { return table_.at(index).armed; }
    std::size_t size() const { return table_.size(); }

private:
    struct Client {
        std::variant<Machine<ClientInvite>, Machine<ClientNonInvite>> machine;
        std::uint64_t method = 0;
        Hop to;
        std::uint64_t user = 0;
        base::BlockPool::Block wire;
        ArmedTimers armed{};
        base::milliseconds interval{};
        bool is_own_cancel = false;  // a CANCEL that this layer sent: nobody waits for its answer
        bool cancel_wanted = false;
        bool cancel_sent = false;
        bool acknowledged = false;
    };
    using ClientReaction = Reaction<ClientAction>;

    std::uint64_t insert(base::Now now, Client client, std::string_view request, Outbox& out);
    void end(std::uint64_t id, Client& client);
    Event perform(base::Now now, std::uint64_t id, Client& client, const ClientReaction& reaction, const Message* response, Outbox& out);
    void settle(base::Now now, std::uint64_t id, Client& client, const ClientReaction& reaction, Outbox& out);
    void cancel_if_wanted(base::Now now, std::uint64_t id, Outbox& out);
    void acknowledge(Client& client, const Message& response, Outbox& out);
    void issue_cancel(base::Now now, Client& client, Outbox& out);

    TransactionCommon& common_;
    TransactionTable<Client> table_;
    std::vector<std::uint64_t> failed_;
    base::Instant failed_at_{};
};

}  // namespace confab::sip
