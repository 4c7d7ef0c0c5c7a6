// The registrar's decisions (RFC 3261 §10.3, RFC 3327, RFC 5626, RFC 5627, RFC 7616): REGISTER in, answers and changes for the store out. Pure.
//
// Owner: the signalling thread, or a test. Order of checks: domain, Require, nonce's HMAC and age, overload, digest, nc window, address, owner,
// contacts. REGISTER and OPTIONS are answered without transactions (§8.2.7): a REGISTER that comes again is known by its branch and its used-up count. An answer that
// promises durability (`strict`) is held until the shell says `persisted`; when the store failed, the memory takes the change back and the client gets 500.
// Bounds: transactions (and ten times as many remembered requests), bindings, contacts, subscriptions, store queue.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/note.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "sip-registrar/config.hpp"
#include "sip-registrar/gruu.hpp"
#include "sip-registrar/liveness.hpp"
#include "sip-registrar/metrics.hpp"
#include "sip-registrar/registration.hpp"
#include "sip-registrar/repeats.hpp"
#include "sip-registrar/subscriptions.hpp"
#include "sip-registrar/users.hpp"
#include "sip/bindings.hpp"
#include "sip/digest.hpp"
#include "sip/overload.hpp"
#include "sip/transaction_key.hpp"
#include "sip/transactions.hpp"

namespace confab::registrar {

// Changes of one decision, for the store. With an id the core waits for `persisted(id)`.
struct Write {
    std::uint64_t id = 0;
    std::vector<sip::BindingChange> bindings;
};

// What is asked of an external user database: the credentials of a user. The request waits for `answered(id)`.
struct Question {
    std::uint64_t id = 0;
    std::string user;
};

struct Effects {
    sip::Outbox transmit;
    base::Notes notes;
    std::vector<Write> writes;
    std::vector<Question> questions;
    std::vector<sip::FlowId> vouched;  // connections whose peers have proven themselves
    void clear();
};

class Core {
public:
    Core(const Config& config, std::string nonce_secret, const base::Seed& seed);

    // Where the listeners really are, ports included. Until then the configuration counts.
    void set_listeners(const std::vector<config::Listener>& listeners);
    // How long the first datagram of the batch that follows had waited.
    void batch_begin(base::Now now, base::Duration queue_delay) { overload_.batch_begin(now.steady, queue_delay); }
    void receive(base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream, Effects& effects);
    void flow_failed(base::Now now, const sip::Hop& hop, Effects& effects);
    std::optional<base::Instant> next_deadline();
    void expire(base::Now now, Effects& effects);

    // The store's verdict on writes with an id, in the order of their ids.
    void persisted(base::Now now, std::span<const std::uint64_t> ids, bool written, Effects& effects);
    // The external user database's answer; one that comes too late is nobody's.
    void answered(base::Now now, std::uint64_t id, const Credentials& credentials, Effects& effects);
    void set_store_queue(std::size_t changes) { store_queue_ = changes; }

    void load(base::Now now, const sip::Binding& binding) { bindings_.load(now, binding); }
    void unload(const sip::Binding& binding) { bindings_.unload(binding); }
    Users& users() { return users_; }
    const Users& users() const { return users_; }
    const sip::Bindings& bindings() const { return bindings_; }

    // The addresses that a user may bind, one for each domain.
    std::vector<std::string> addresses_of(std::string_view user) const;
    // Whether a user with this address exists; of users who are elsewhere, whether there could be one.
    bool is_known(std::string_view address) const;
    // Whom a URI means, which may be a GRUU; empty for what is no address.
    std::optional<Wanted> wanted(std::string_view uri) const;
    void forget_user(base::Now now, std::string_view user, Effects& effects);
    std::size_t flow_gone(base::Now now, std::string_view flow, Effects& effects);

    void reconfigure(const Config& config);
    void drain() { draining_ = true; }
    std::size_t held() const { return held_.size(); }
    std::size_t asked() const { return asked_.size(); }
    std::size_t transactions() const { return transactions_.live_servers() + transactions_.live_clients(); }
    std::size_t subscriptions() const { return subscriptions_.size(); }
    const Config& config() const { return config_; }
    Counters& counters() { return counters_; }
    const Counters& counters() const { return counters_; }

private:
    struct Request {
        base::Now now;
        sip::ServerId server;  // none: answered without a transaction
        const sip::Hop& source;
        const sip::Message& message;
        std::uint64_t repeat = 0;  // what a repetition is known by; 0 where there is none
    };
    struct Proof {
        enum class Kind : std::uint8_t { none, stale, given, asked, unavailable, wrong, repeated, right } kind = Kind::none;
        std::optional<sip::DigestFields> answer;  // slices of the request
        std::string_view user() const { return answer ? answer->username : std::string_view(); }
        std::string_view scheme() const;
    };
    struct Held {
        sip::Hop reply_to;
        std::uint64_t repeat = 0;
        std::string response;
        std::vector<sip::StoredBinding> before;
        std::vector<sip::BindingChange> changes;
    };
    struct Asked {
        sip::ServerId server;
        sip::Hop source;
        std::string bytes;
        base::Instant until;
    };
    using Changes = std::vector<sip::BindingChange>;

    // core.cpp
    void reject_malformed(const sip::Hop& source, const sip::Message& message, Effects& effects);
    void handle(const Request& request, Effects& effects);
    void handle_options(const Request& request, Effects& effects);
    void handle_subscribe(const Request& request, Effects& effects);
    bool may_watch(const Request& request, std::string_view address, Effects& effects);
    void finish(base::Now now, std::uint64_t user, int status, Effects& effects);
    void record(base::Now now, Changes changes, ContactEvent why, Effects& effects);
    bool is_served(const sip::Uri& uri) const;
    bool is_own_address(const sip::Uri& uri) const;
    bool is_trusted(const sip::Hop& source) const;
    bool is_challenged(std::string_view method) const;
    std::uint64_t tag_hash(const sip::Message& message) const;
    static std::uint64_t repeat_key(const Request& request, std::uint64_t hash);
    std::uint64_t whole_key(const Request& request) const;
    void respond(const Request& request, int status, std::string_view headers, Effects& effects, std::string_view reason = {});
    void append_answer(std::string& out, const Request& request, int status, std::string_view headers, std::string_view reason = {});
    void note(base::Severity severity, const Request& request, std::string_view what, std::string_view who, Effects& effects) const;
    Sending sending(base::Now now, Effects& effects) { return {now, transactions_, random_, effects.transmit}; }

    // registering.cpp
    void handle_register(const Request& request, Effects& effects);
    void handle_proven(Request request, const Proof& proof, Effects& effects);
    bool settle_outbound(const Request& request, Registration& registration, std::string_view path, Effects& effects);
    void spread(Registration& registration);
    void apply(const Request& request, const std::string& address, const Registration& registration, const sip::Binding& common, Effects& effects);
    void append_registered(const Request& request, std::string_view address, const sip::Binding& common, bool has_flow);
    void append_date(base::WallTime now);
    void hold(const Request& request, std::vector<sip::StoredBinding> before, Changes changes, Effects& effects);
    void take_back(base::Now now, const Held& held);
    void refuse(const Request& request, const Refusal& refusal, Effects& effects);
    void refuse_binding(const Request& request, sip::BindingError error, Effects& effects);
    ContactPolicy policy() const;

    // proving.cpp
    Proof read_credentials(const Request& request);
    void prove(const Request& request, Proof& proof, Effects& effects);
    void ask(const Request& request, Proof& proof, Effects& effects);
    void give_up_asking(base::Now now, Effects& effects);
    bool let_in(const Request& request, const Proof& proof, Effects& effects);
    void challenge(const Request& request, bool stale, Effects& effects);
    void append_authentication_info(const Proof& proof, base::WallTime now);

    Config config_;
    base::Random random_;
    std::vector<base::IpAddress> own_;
    sip::SipHashSecret secret_;  // of tags and repetitions
    sip::Transactions transactions_;
    sip::Challenger challenger_;
    sip::Overload overload_;
    Repeats repeats_;
    Gruus gruus_;
    Users users_;
    sip::Bindings bindings_;
    Subscriptions subscriptions_;
    Liveness liveness_;
    std::unordered_map<std::uint64_t, Held> held_;
    std::map<std::uint64_t, Asked> asked_;  // in the order of asking, and so of their `until`
    const Credentials* lent_ = nullptr;     // while a request that asked for them goes on
    std::uint64_t last_question_ = 0;
    std::uint64_t last_write_ = 0;
    std::size_t store_queue_ = 0;
    bool draining_ = false;
    std::string headers_, tag_, received_, info_, scratch_;  // kept for their capacity
    std::string service_route_, date_;
    base::WallTime date_second_{};
    Counters counters_;
};

}  // namespace confab::registrar
