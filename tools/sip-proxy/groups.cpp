#include "sip-proxy/groups.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "sip/grammar.hpp"

namespace confab::proxy {
namespace {

constexpr std::uint32_t kMostWeight = 10'000;
constexpr std::uint32_t kLastProbe = 0x7fffffff;  // numbers have 31 bits
constexpr base::seconds kLongestRest{600};  // a member's own word must not keep it out for good

// FNV-1a: spreads, and is the same at every proxy and after every start.
std::uint64_t spread(std::string_view text, std::uint64_t from) {
    for (char c : text) from = (from ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    from ^= from >> 33;
    return (from * 0xff51afd7ed558ccdULL) ^ (from >> 29);
}
constexpr double kTieBreak = 1e-6;
constexpr std::uint64_t kSpreadSeed = 0xcbf29ce484222325ULL;

// Uniform in (0, 1].
double unit(std::uint64_t bits) { return (static_cast<double>(bits >> 11) + 1) / 9007199254740992.0; }

bool says_dead(int status) { return status == 0 || status == 408 || status == 503; }

config::Table group_rows() {
    using config::key;
    return {
        key("member", &GroupSettings::members, "",
            "A next hop with its priority (lower ones are tried first), its weight among those of one priority, a limit of calls at a time, and "
            "whether its 3xx may be followed.")
            .is_required()
            .such_as("udp:127.0.0.40:5080 priority=1 weight=10"),
        key("algorithm", &GroupSettings::algorithm, "weight",
            "How members of one priority are ordered. weight: at random, by weight. turns: one after the other. number: the same number to the "
            "same member while that is well. least: who has the fewest calls for its weight."),
        key("probe-interval", &GroupSettings::probe_interval, "10s", "How often each member is asked by OPTIONS; 0s for never.")
            .between(0, 3'600'000),
        key("probe-failures", &GroupSettings::probe_failures, "2",
            "So many failures in a row put a member down: silence, a failed connection, 408 and 503 without Retry-After, to probes and calls "
            "alike.")
            .between(1, 100),
        key("probe-recoveries", &GroupSettings::probe_recoveries, "1", "So many good answers to probes in a row put it up again.").between(1, 100),
        key("retry-down", &GroupSettings::retry_down, "30s", "Without probes, a member that is down is tried again after so long.")
            .between(1'000, 3'600'000),
    };
}

std::optional<std::string> uri_of(std::string_view word) {
    if (const auto peer = config::Value<config::Peer>::parse(word)) return "sip:" + peer->address.text() + ";transport=" + peer->transport;
    const auto uri = sip::parse_uri(word);
    if (!uri || uri->host.empty() || !uri->user.empty() || !uri->headers.empty() || word.find_first_of("<>\"") != word.npos) return std::nullopt;
    return std::string(word);
}

bool take_number(std::string_view word, std::string_view name, std::uint32_t& number, std::uint32_t least, std::uint32_t most) {
    if (!word.starts_with(name)) return false;
    const auto value = base::parse_number<std::uint32_t>(word.substr(name.size()));
    if (!value || *value < least || *value > most) return false;
    number = *value;
    return true;
}

}  // namespace

const config::Table& group_keys() {
    static const config::Table kRows = group_rows();
    return kRows;
}

std::string_view state_name(Groups::State state) {
    switch (state) {
        case Groups::State::up: return "up";
        case Groups::State::down: return "down";
        default: return "unknown";
    }
}

bool Groups::Watched::takes(base::Instant now, const GroupSettings& settings) const {
    if (rests_until > now || (member.limit != 0 && calls >= member.limit)) return false;
    return state != State::down || (settings.probe_interval.count() == 0 && retry_at <= now);
}

void Groups::configure(const std::vector<GroupSettings>& settings) {
    std::vector<Group> fresh;
    for (const auto& wanted : settings) {
        Group group{.settings = wanted, .members = {}, .turn = 0};
        const auto* before = this->group(wanted.name);
        for (const auto& member : wanted.members) {
            Watched watched{.id = kNoMember, .member = member};
            if (before != nullptr) {
                const auto known = std::ranges::find_if(before->members, [&](const Watched& old) { return old.member.uri == member.uri; });
                if (known != before->members.end()) watched = *known, watched.member = member;
            }
            if (watched.id == kNoMember) watched.id = ++last_;
            watched.next_probe = {};
            group.members.push_back(std::move(watched));
        }
        fresh.push_back(std::move(group));
    }
    groups_ = std::move(fresh);
}

const Groups::Group* Groups::group(std::string_view name) const {
    const auto found = std::ranges::find_if(groups_, [&](const Group& group) { return group.settings.name == name; });
    return found == groups_.end() ? nullptr : &*found;
}

Groups::Found Groups::find(MemberId id) {
    for (auto& group : groups_)
        for (auto& member : group.members)
            if (member.id == id) return {&group, &member};
    return {};
}

// Smaller is better. Among members of one priority the ranks of `weight` and `number` are exponentials divided by the weight: the first of
// them is chosen with a probability in proportion to it, and so is each next one among those that are left.
double Groups::rank(const Group& group, const Watched& watched, std::string_view key, std::size_t index) {
    const double weight = watched.member.weight;
    switch (group.settings.algorithm) {
        case Algorithm::number:
            return -std::log(unit(spread(watched.member.uri, spread(key, kSpreadSeed)))) / weight;
        case Algorithm::least:
            return (watched.calls + 1.0 + kTieBreak * unit(random_.next())) / weight;
        case Algorithm::turns:
            return static_cast<double>((index + group.members.size() - group.turn % group.members.size()) % group.members.size());
        default:
            return -std::log(unit(random_.next())) / weight;
    }
}

std::vector<Groups::Choice> Groups::pick(base::Instant now, std::string_view name, std::string_view key) {
    const auto found = std::ranges::find_if(groups_, [&](const Group& group) { return group.settings.name == name; });
    if (found == groups_.end()) return {};
    struct Ranked {
        std::uint32_t priority;
        double rank;
        const Watched* watched;
    };
    std::vector<Ranked> ranked;
    for (std::size_t i = 0; i < found->members.size(); ++i) {
        const auto& watched = found->members[i];
        if (watched.takes(now, found->settings)) ranked.push_back({watched.member.priority, rank(*found, watched, key, i), &watched});
    }
    ++found->turn;
    std::ranges::stable_sort(ranked, [](const Ranked& a, const Ranked& b) { return a.priority != b.priority ? a.priority < b.priority : a.rank < b.rank; });
    std::vector<Choice> choices;
    for (const auto& each : ranked)
        if (choices.size() < kMostTried) choices.push_back({each.watched->id, each.watched->member.uri, each.watched->member.may_redirect});
    return choices;
}

bool Groups::heard(base::Instant now, MemberId id, const Outcome& outcome) {
    const auto [group, watched] = find(id);
    if (watched == nullptr || (outcome.probe != 0 && outcome.probe != watched->awaited)) return false;
    if (outcome.probe != 0) watched->awaited = 0;
    const auto before = watched->state;
    if (outcome.status == 503 && outcome.retry_after.count() > 0) {
        watched->rests_until = now + std::min(outcome.retry_after, kLongestRest);
    } else if (says_dead(outcome.status)) {
        watched->successes = 0;
        if (++watched->failures >= group->settings.probe_failures) watched->state = State::down;
        if (watched->state == State::down) watched->retry_at = now + group->settings.retry_down;
    } else {
        watched->failures = 0;
        const bool proves = outcome.probe != 0 || group->settings.probe_interval.count() == 0;
        if (watched->state != State::down || (proves && ++watched->successes >= group->settings.probe_recoveries)) watched->state = State::up;
        if (watched->state == State::up) watched->successes = 0;
    }
    return (before == State::down) != (watched->state == State::down);
}

void Groups::took_call(MemberId id) {
    if (const auto found = find(id); found.watched != nullptr) ++found.watched->calls;
}

void Groups::ended_call(MemberId id) {
    if (const auto found = find(id); found.watched != nullptr && found.watched->calls > 0) --found.watched->calls;
}

std::optional<base::Instant> Groups::next_probe() const {
    std::optional<base::Instant> next;
    for (const auto& group : groups_) {
        if (group.settings.probe_interval.count() == 0) continue;
        for (const auto& watched : group.members)
            if (!next || watched.next_probe < *next) next = watched.next_probe;
    }
    return next;
}

std::vector<Groups::Probe> Groups::due_probes(base::Instant now) {
    std::vector<Probe> probes;
    for (auto& group : groups_) {
        if (group.settings.probe_interval.count() == 0) continue;
        for (auto& watched : group.members) {
            if (watched.next_probe > now) continue;
            watched.next_probe = now + group.settings.probe_interval;
            const bool overdue = watched.awaited != 0;
            watched.probe = watched.awaited = watched.probe % kLastProbe + 1;
            probes.push_back({watched.id, watched.member.uri, watched.probe, overdue});
        }
    }
    return probes;
}

std::vector<Groups::Condition> Groups::conditions(base::Instant now) const {
    std::vector<Condition> conditions;
    for (const auto& group : groups_)
        for (const auto& watched : group.members)
            conditions.push_back({group.settings.name, watched.member.uri, watched.id, watched.state, watched.rests_until > now, watched.calls});
    return conditions;
}

}  // namespace confab::proxy

namespace confab::config {

std::optional<proxy::Member> Value<proxy::Member>::parse(std::string_view text) {
    const auto words = base::split(text, ' ');
    auto uri = proxy::uri_of(words.front());
    if (!uri) return std::nullopt;
    proxy::Member member{.uri = std::move(*uri)};
    for (std::size_t i = 1; i < words.size(); ++i) {
        if (words[i].empty()) continue;
        if (words[i] == "may-redirect") {
            member.may_redirect = true;
        } else if (!proxy::take_number(words[i], "priority=", member.priority, 0, 1000) &&
                   !proxy::take_number(words[i], "weight=", member.weight, 1, proxy::kMostWeight) &&
                   !proxy::take_number(words[i], "limit=", member.limit, 1, 1'000'000)) {
            return std::nullopt;
        }
    }
    return member;
}

std::optional<proxy::Algorithm> Value<proxy::Algorithm>::parse(std::string_view text) {
    using proxy::Algorithm;
    static constexpr Word<Algorithm> kWords[] = {
        {"weight", Algorithm::weight}, {"turns", Algorithm::turns}, {"number", Algorithm::number}, {"least", Algorithm::least}};
    return parse_word(text, kWords);
}

}  // namespace confab::config
