#include "conf-locate/fleet.hpp"

#include <algorithm>
#include <tuple>

namespace confab::locate {

bool Bridge::runs(std::string_view conference) const {
    return std::ranges::binary_search(last.running, conference, std::less<>{}, [](const std::string& number) { return std::string_view(number); });
}

std::uint64_t Bridge::load() const { return last.capacity == 0 ? 1000 : (last.legs + sent) * 1000 / last.capacity; }

Fleet::Outcome Fleet::beat(base::Now now, Beat beat) {
    Outcome outcome;
    auto known = bridges_.find(beat.bridge);
    if (known == bridges_.end()) {
        if (bridges_.size() >= limits_.bridges && !make_room(outcome)) return outcome;
        known = bridges_.emplace(beat.bridge, Bridge{}).first;
    }
    auto& bridge = known->second;
    outcome.came_up = !bridge.alive;
    const bool same = bridge.alive && bridge.last.address == beat.address && bridge.last.capacity == beat.capacity;
    outcome.heard = same ? Heard::known : Heard::news;
    std::ranges::sort(beat.running);
    bridge = {.last = std::move(beat), .heard = now.steady, .alive = true, .presumed = false, .sent = 0};
    silences_.set(known->first, now.steady + limits_.timeout);
    return outcome;
}

bool Fleet::make_room(Outcome& outcome) {
    auto oldest = bridges_.end();
    for (auto at = bridges_.begin(); at != bridges_.end(); ++at)
        if (!at->second.alive && (oldest == bridges_.end() || at->second.heard < oldest->second.heard)) oldest = at;
    if (oldest == bridges_.end()) return false;
    outcome.replaced = oldest->first;
    bridges_.erase(oldest);
    return true;
}

void Fleet::load(base::Now now, std::string_view name, std::string_view address, std::uint64_t capacity, bool alive) {
    Bridge bridge;
    bridge.last.bridge = name;
    bridge.last.address = address;
    bridge.last.capacity = capacity;
    bridge.heard = now.steady;
    bridge.alive = bridge.presumed = alive;
    bridges_.insert_or_assign(std::string(name), std::move(bridge));
    if (alive) silences_.set(std::string(name), now.steady + limits_.timeout);
}

std::vector<Target> Fleet::order(base::Now now, std::string_view conference, std::string_view home) {
    using Rank = std::tuple<int, std::uint64_t, std::string_view>;
    const auto assigned = assigned_.find(conference);
    std::vector<std::pair<Rank, Bridge*>> ranked;
    for (auto& [name, bridge] : bridges_) {
        const bool running = bridge.runs(conference);
        if (!bridge.alive || (bridge.last.draining && !running)) continue;
        int rank = 3;
        if (running) rank = 0;
        else if (bridge.is_full()) rank = 4;
        else if (name == home) rank = 1;
        else if (assigned != assigned_.end() && name == assigned->second) rank = 2;
        ranked.push_back({{rank, bridge.load(), name}, &bridge});
    }
    std::ranges::sort(ranked, {}, [](const auto& entry) -> const Rank& { return entry.first; });
    std::vector<Target> targets;
    for (const auto& [rank, bridge] : ranked) targets.push_back({bridge->last.bridge, bridge->last.address, bridge->load()});
    if (ranked.empty()) return targets;
    ++ranked.front().second->sent;
    const int best = std::get<0>(ranked.front().first);
    if (best >= 3 && !conference.empty()) {
        assigned_.insert_or_assign(std::string(conference), targets.front().bridge);
        holds_.set(std::string(conference), now.steady + limits_.hold);
    }
    return targets;
}

std::vector<std::string> Fleet::expire(base::Now now) {
    while (const auto conference = holds_.pop_due(now.steady)) assigned_.erase(*conference);
    std::vector<std::string> silent;
    while (auto name = silences_.pop_due(now.steady)) {
        const auto known = bridges_.find(*name);
        if (known == bridges_.end() || !known->second.alive) continue;
        known->second.alive = known->second.presumed = false;
        known->second.last.running.clear();
        silent.push_back(std::move(*name));
    }
    return silent;
}

std::optional<base::Instant> Fleet::next_deadline() {
    const auto silence = silences_.next(), hold = holds_.next();
    if (!silence || !hold) return silence ? silence : hold;
    return std::min(*silence, *hold);
}

const Bridge* Fleet::find(std::string_view name) const {
    const auto found = bridges_.find(name);
    return found == bridges_.end() ? nullptr : &found->second;
}

const Bridge* Fleet::after(std::string_view name) const {
    const auto found = bridges_.upper_bound(name);
    return found == bridges_.end() ? nullptr : &found->second;
}

std::string_view Fleet::runs_on(std::string_view conference) const {
    for (const auto& [name, bridge] : bridges_)
        if (bridge.alive && bridge.runs(conference)) return name;
    return {};
}

bool Fleet::all_heard() const {
    return std::ranges::none_of(bridges_, [](const auto& entry) { return entry.second.presumed; });
}

std::size_t Fleet::alive() const {
    return static_cast<std::size_t>(std::ranges::count_if(bridges_, [](const auto& entry) { return entry.second.alive; }));
}

}  // namespace confab::locate
