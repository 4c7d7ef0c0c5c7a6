// Next hops to endpoints (RFC 3263) for a loop: libunbound asks and caches in a thread of its own, a dns::Locating decides. Never blocks.
//
// Owner: the loop's thread. A result comes through the loop, never before `resolve` has returned, and not at all once the resolver is destroyed.
// Answers are kept here too for their time to live, because asking libunbound's thread costs a hundred times what a kept answer does. A question that
// outlives its resolve's budget is still waited for, so that the next resolve finds the answer; equal questions are asked once.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dns/locating.hpp"
#include "io/loop.hpp"

namespace confab::io {

class Resolver {
public:
    struct Options {
        std::vector<base::SocketAddress> servers{};  // where questions go; none: the system's resolv.conf
        base::Duration budget = base::seconds(2);    // for all questions of one `resolve`; what is found by then counts
        dns::Abilities abilities{};
        std::string hosts_file = "/etc/hosts";       // above DNS; read when the resolver is made or told new options
        std::size_t limit = 10'000;                  // resolves, and questions, open at a time; more end with server_failure
    };
    using OnResult = std::function<void(dns::Locating::Result)>;

    Resolver(Loop& loop, Options options);  // throws StartupError
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    void resolve(dns::Query query, OnResult on_result);
    // From now on; what is under way ends as it began. Throws StartupError and changes nothing.
    void configure(Options options);

    struct Counts {
        std::uint64_t resolves = 0, failures = 0, timeouts = 0;  // `failures` holds `timeouts`
        std::uint64_t questions = 0, kept = 0;                   // asked of libunbound, answered from what is kept
    };
    const Counts& counts() const;

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace confab::io
