// Destination groups: several next hops that do the same work, which of them are well, and in what order a request tries them. Pure.
//
// Owner: `Core`. A member is watched by OPTIONS (`due_probes`, which Core sends through transactions) and by what live traffic meets; both
// come back through `heard`. A member goes down after `probe-failures` failures in a row and comes back after `probe-recoveries` good
// answers in a row to probes; without probes it is tried again after `retry-down`, by live traffic. A 503 with Retry-After rests a member for so long and
// counts no failure. A member that was never asked is taken for well. `configure` keeps the health of members that stay.
// Bounds: what the configuration names; at most kMostTried targets for one request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "config/table.hpp"

namespace confab::proxy {

// `sip:192.0.2.1:5060;transport=tcp priority=1 weight=10 limit=500 may-redirect`, or `udp:192.0.2.1:5060 …`: lower priorities first.
struct Member {
    std::string uri;  // of the next hop: no user part; a name leads through RFC 3263
    std::uint32_t priority = 1, weight = 1;
    std::uint32_t limit = 0;  // calls at a time, 0: no limit
    bool may_redirect = false;
};

enum class Algorithm : std::uint8_t {
    weight,  // at random, by weight
    turns,   // one after the other
    number,  // the same number to the same member as long as it is well (rendezvous hashing, by weight)
    least,   // who has the fewest calls for its weight
};

// A `[group NAME]` section.
struct GroupSettings {
    std::string name;
    std::vector<Member> members;
    Algorithm algorithm = Algorithm::weight;
    base::milliseconds probe_interval{}, retry_down{};
    std::uint32_t probe_failures = 0, probe_recoveries = 0;
};
const config::Table& group_keys();

using MemberId = std::uint32_t;  // never used twice in a run
inline constexpr MemberId kNoMember = 0;

class Groups {
public:
    static constexpr std::size_t kMostTried = 16;

    explicit Groups(const base::Seed& seed) : random_(seed) {}
    void configure(const std::vector<GroupSettings>& settings);  // all members are probed soon

    // The members to try, best first, each after the one before it failed. Members that are down, resting or full are left out; where none
    // is left the answer is empty. `key` is what Algorithm::number looks at. Slices live until `configure`.
    struct Choice {
        MemberId member = kNoMember;
        std::string_view uri;
        bool may_redirect = false;
    };
    std::vector<Choice> pick(base::Instant now, std::string_view group, std::string_view key);

    // What a member answered to a request or a probe: its final status, 0 for silence and for a connection that failed.
    struct Outcome {
        int status = 0;
        base::seconds retry_after{0};
        std::uint32_t probe = 0;  // its number, 0 for other traffic; only the latest probe of a member counts
    };
    // True when it went up or down by this.
    bool heard(base::Instant now, MemberId member, const Outcome& outcome);

    // A call began or ended at this member (Algorithm::least and `limit`).
    void took_call(MemberId member);
    void ended_call(MemberId member);

    // Probes: the next is due `probe-interval` after this one was given out. One that has no answer by then is `overdue`: that is a failure.
    std::optional<base::Instant> next_probe() const;
    struct Probe {
        MemberId member = kNoMember;
        std::string_view uri;
        std::uint32_t number = 0;
        bool overdue = false;  // the one before
    };
    std::vector<Probe> due_probes(base::Instant now);

    // For `status`, notes and explain.
    enum class State : std::uint8_t { unknown, up, down };
    struct Condition {
        std::string_view group, uri;
        MemberId member = kNoMember;
        State state = State::unknown;
        bool resting = false;
        std::uint32_t calls = 0;
    };
    std::vector<Condition> conditions(base::Instant now) const;

private:
    struct Watched {
        MemberId id;
        Member member;
        State state = State::unknown;
        std::uint32_t failures = 0, successes = 0, calls = 0;
        std::uint32_t probe = 0, awaited = 0;  // the latest number, and the one that has no answer yet
        base::Instant rests_until{}, retry_at{}, next_probe{};
        bool takes(base::Instant now, const GroupSettings& settings) const;
    };
    struct Group {
        GroupSettings settings;
        std::vector<Watched> members;
        std::uint32_t turn = 0;
    };

    struct Found {
        Group* group = nullptr;
        Watched* watched = nullptr;
    };
    const Group* group(std::string_view name) const;
    Found find(MemberId id);
    double rank(const Group& group, const Watched& member, std::string_view key, std::size_t index);

    std::vector<Group> groups_;
    base::Random random_;
    MemberId last_ = kNoMember;
};

std::string_view state_name(Groups::State state);  // "unknown", "up", "down"

}  // namespace confab::proxy

template <>
struct confab::config::Value<confab::proxy::Member> {
    static std::string_view expected() {
        return "a next hop (udp:192.0.2.1:5060 or sip:host;transport=tcp), then optionally priority=N, weight=N, limit=N, may-redirect";
    }
    static std::optional<confab::proxy::Member> parse(std::string_view text);
};
template <>
struct confab::config::Value<confab::proxy::Algorithm> {
    static std::string_view expected() { return "weight, turns, number or least"; }
    static std::optional<confab::proxy::Algorithm> parse(std::string_view text);
};
