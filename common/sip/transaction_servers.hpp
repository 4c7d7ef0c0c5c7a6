// The server half of the transaction layer: finds the machine for a request, repeats responses, answers CANCEL.
//
// What a transaction keeps shrinks: an INVITE itself while nobody has answered it (a 100 Trying may have to be made from it), then the user's last answer,
// then, once that is not sent again, the To tag alone: a late CANCEL is answered with it (RFC 3261 §9.2).
#pragma once

#include <variant>

#include "sip/server_invite.hpp"
#include "sip/server_non_invite.hpp"
#include "sip/transaction_common.hpp"
#include "sip/transaction_table.hpp"
#include "sip/transactions.hpp"

namespace confab::sip {

class TransactionServers {
public:
    explicit TransactionServers(TransactionCommon& common) : common_(common) {}

    // `full`: no new transaction may be made.
    Event receive(base::Now now, const Hop& source, const Message& request, bool full, Outbox& out);
    void respond(base::Now now, ServerId id, std::string_view response, Outbox& out);
    Event timer_fired(base::Now now, std::uint64_t id, Timer timer, Outbox& out);

    void respond_and_forget(ServerId id, std::string_view response, Outbox& out);
    void forget(ServerId id);

    const Hop* source_of(ServerId id) const;
    bool awaits(const Message& response) const;
    std::uint64_t id_of(std::uint32_t index) const { return table_.id_of(index); }
    ArmedTimers& armed(std::uint32_t index) { return table_.at(index).armed; }
    std::size_t size() const { return table_.size(); }

private:
    enum class Kept : std::uint8_t { nothing, request, response, tag };
    struct Server {
        std::variant<Machine<ServerInvite>, Machine<ServerNonInvite>> machine;
        Kept kept = Kept::nothing;
        std::uint64_t method = 0;
        Hop source;
        base::SocketAddress reply_to;  // on the source's flow
        base::BlockPool::Block text;
        ArmedTimers armed{};
        base::milliseconds interval{};

        Hop reply_hop() const { return {source.transport, reply_to, source.flow, source.listener}; }
    };
    using ServerReaction = Reaction<ServerAction>;

    Event receive_ack(base::Now now, const TransactionKey& key, const Message& ack, Outbox& out);
    Event receive_cancel(base::Now now, const Hop& source, const TransactionKey& key, const Message& cancel, bool full, Outbox& out);
    void follow(Server& server, const Hop& source, const Message& request);
    void keep(Server& server, Kept kept, std::string_view text);
    void repeat(const Server& server, Outbox& out);
    void end(std::uint64_t id, Server& server);
    std::uint64_t insert(base::Now now, const Hop& source, const TransactionKey& key, const Message& request, Outbox& out);
    void refuse(const Hop& source, const Message& request, int status, std::string_view headers, Outbox& out);
    Event perform(base::Now now, std::uint64_t id, Server& server, const ServerReaction& reaction, Outbox& out);
    void settle(base::Now now, std::uint64_t id, Server& server, const ServerReaction& reaction, Outbox& out);

    TransactionCommon& common_;
    TransactionTable<Server> table_;
};

}  // namespace confab::sip
