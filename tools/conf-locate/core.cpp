#include "conf-locate/core.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace confab::locate {
namespace {

constexpr std::string_view kMask = "****";
constexpr std::int64_t kMostLegs = 1'000'000;

std::optional<Beat> read_beat(const local::Value& arguments, std::size_t most_running) {
    Beat beat{.bridge = std::string(arguments.text("bridge")), .address = std::string(arguments.text("address")), .running = {}};
    const auto legs = arguments.integer("legs"), conferences = arguments.integer("conferences"), capacity = arguments.integer("capacity");
    const auto fits = [](std::int64_t count) { return count >= 0 && count <= kMostLegs; };
    if (!is_bridge_name(beat.bridge) || !fits(legs) || !fits(conferences) || !fits(capacity)) return std::nullopt;
    if (!config::Value<config::Peer>::parse(beat.address)) return std::nullopt;
    beat.legs = static_cast<std::uint64_t>(legs);
    beat.conferences = static_cast<std::uint64_t>(conferences);
    beat.capacity = static_cast<std::uint64_t>(capacity);
    beat.draining = arguments.flag("draining");
    for (const auto& number : arguments.list("running")) {
        if (beat.running.size() >= most_running) break;
        if (const auto* text = number.as_text(); text && is_number(*text)) beat.running.push_back(*text);
    }
    return beat;
}

}  // namespace

void Effects::clear() {
    notes.clear();
    events.clear();
    writes.clear();
}

Core::Core(const Config& config, const base::Seed& seed, base::Now now)
    : config_(config),
      random_(seed),
      directory_({.conferences = config.conferences, .access_numbers = config.access_numbers}, random_),
      fleet_({.timeout = config.bridge_timeout, .hold = config.assignment_hold, .bridges = config.bridges}),
      settled_at_(now.steady + config.settle_time) {}

void Core::load(base::Now now, const Change& change) {
    if (const auto* bridge = std::get_if<BridgeEntry>(&change))
        fleet_.load(now, bridge->name, bridge->address, bridge->capacity, bridge->alive);
    else
        directory_.apply(change);
}

local::Value Core::lookup(base::Now now, std::string_view number) {
    counters_.add(Metric::lookups);
    const auto dialled = directory_.find(number);
    auto targets = local::Value::array();
    if (!dialled.known) {
        counters_.add(Metric::unknown_numbers);
        return local::Value::object({{"known", false}, {"conference", ""}, {"targets", std::move(targets)}});
    }
    const std::string_view conference = dialled.conference ? dialled.conference->number : std::string_view{};
    const std::string_view home = dialled.conference ? dialled.conference->bridge : std::string_view{};
    std::int64_t priority = 0;
    for (const auto& target : fleet_.order(now, conference, home))
        targets.push(local::Value::object({{"bridge", target.bridge}, {"address", target.address}, {"priority", ++priority}, {"load", target.load}}));
    if (priority == 0) counters_.add(Metric::without_bridge);
    return local::Value::object({{"known", true}, {"conference", conference}, {"targets", std::move(targets)}});
}

local::Value Core::resolve(const local::Value& arguments) {
    counters_.add(Metric::resolves);
    const auto entry = directory_.resolve(arguments.text("number"), arguments.text("passcode"), arguments.flag("vouched"));
    const auto* conference = entry.conference;
    if (!conference && !arguments.text("passcode").empty()) counters_.add(Metric::refused_passcodes);
    auto reply = local::Value::object({{"valid", conference != nullptr},
                                       {"passcode_required", entry.passcode_required},
                                       {"conference", conference ? conference->number : std::string()},
                                       {"name", conference ? conference->name : std::string()},
                                       {"max_members", conference ? conference->max_members : 0U},
                                       {"language", entry.language}});
    append_terms(reply, conference ? conference->entry : EntryPolicy{});
    // Where it lives is known as soon as the number is, so that a caller is sent there before anybody asks him.
    const auto* living = conference ? conference : directory_.find(arguments.text("number")).conference;
    reply.set("home", living ? living->home : std::string());
    reply.set("home_bridge", living && !living->home.empty() ? living->bridge : std::string());
    return reply;
}

local::Value Core::beat(base::Now now, const local::Value& arguments, Effects& effects) {
    counters_.add(Metric::beats);
    auto beat = read_beat(arguments, config_.running);
    const BridgeEntry entry{.name = beat ? beat->bridge : std::string(),
                            .address = beat ? beat->address : std::string(),
                            .capacity = beat ? static_cast<std::uint32_t>(beat->capacity) : 0,
                            .alive = true};
    const auto outcome = beat ? fleet_.beat(now, std::move(*beat)) : Fleet::Outcome{};
    if (outcome.heard == Fleet::Heard::refused) {
        counters_.add(Metric::refused_beats);
        return local::Value::object({{"accepted", false}});
    }
    if (!outcome.replaced.empty()) effects.writes.push_back(EraseBridge{outcome.replaced});
    if (outcome.heard == Fleet::Heard::news) effects.writes.push_back(entry);
    if (outcome.came_up) {
        effects.events.push_back({"bridge-up", entry.name, entry.address});
        effects.notes.push_back({base::Severity::info, fmt::format("bridge is up bridge={} address={}", entry.name, entry.address), {}});
    }
    return local::Value::object({{"accepted", true}});
}

void Core::expire(base::Now now, Effects& effects) {
    for (const auto& name : fleet_.expire(now)) {
        counters_.add(Metric::bridges_lost);
        const auto& last = fleet_.find(name)->last;
        effects.writes.push_back(BridgeEntry{name, last.address, static_cast<std::uint32_t>(last.capacity), false});
        effects.events.push_back({"bridge-down", name, last.address});
        effects.notes.push_back({base::Severity::warning, fmt::format("bridge is silent bridge={} address={}", name, last.address), {}});
    }
}

local::Value Core::changed(bool is, const std::string* passcode) const {
    auto fields = local::Value::object({{"changed", is}});
    if (passcode) fields.set("passcode_unique", passcode->empty() || directory_.count_of_passcode(*passcode) == 1);
    return fields;
}

local::Value Core::apply(const Change& change) {
    counters_.add(Metric::changes);
    directory_.apply(change);
    const auto* conference = std::get_if<Conference>(&change);
    return changed(true, conference ? &conference->passcode : nullptr);
}

local::Value Core::unchanged(std::string_view command, const local::Value& arguments) const {
    const std::string passcode(arguments.text("passcode"));
    return changed(false, command == "conference-add" ? &passcode : nullptr);
}

std::optional<local::Value> Core::conference_row(std::string& cursor) const {
    const auto* conference = directory_.conference_after(cursor);
    if (!conference) return std::nullopt;
    cursor = conference->number;
    auto row = local::Value::object({{"number", conference->number},
                                     {"name", conference->name},
                                     {"passcode", conference->passcode.empty() ? std::string_view{} : kMask},
                                     {"max_members", conference->max_members},
                                     {"bridge", conference->bridge},
                                     {"home", conference->home},
                                     {"running", fleet_.runs_on(conference->number)}});
    append_masked(row, conference->entry);
    return row;
}

std::optional<local::Value> Core::access_number_row(std::string& cursor) const {
    const auto* access = directory_.access_number_after(cursor);
    if (!access) return std::nullopt;
    cursor = access->number;
    return local::Value::object({{"number", access->number}, {"conference", access->conference}, {"language", access->language}});
}

std::optional<local::Value> Core::bridge_row(std::string& cursor) const {
    const auto* bridge = fleet_.after(cursor);
    if (!bridge) return std::nullopt;
    const auto& last = bridge->last;
    cursor = last.bridge;
    return local::Value::object({{"bridge", last.bridge},
                                 {"address", last.address},
                                 {"alive", bridge->alive},
                                 {"draining", last.draining},
                                 {"legs", last.legs},
                                 {"conferences", last.conferences},
                                 {"capacity", last.capacity},
                                 {"load", bridge->load()}});
}

local::Value Core::status() const {
    return local::Value::object({{"realm", config_.realm},
                                 {"conferences", static_cast<std::uint64_t>(directory_.conferences())},
                                 {"access_numbers", static_cast<std::uint64_t>(directory_.access_numbers())},
                                 {"bridges", static_cast<std::uint64_t>(fleet_.size())},
                                 {"bridges_alive", static_cast<std::uint64_t>(fleet_.alive())}});
}

std::span<const std::uint64_t> Core::metrics() {
    counters_.set(Metric::conferences, directory_.conferences());
    counters_.set(Metric::access_numbers, directory_.access_numbers());
    counters_.set(Metric::bridges, fleet_.size());
    counters_.set(Metric::bridges_alive, fleet_.alive());
    return counters_.values();
}

void Core::reconfigure(const Config& config) {
    take_live(config_, config);
    fleet_.set_times(config_.bridge_timeout, config_.assignment_hold);
}

}  // namespace confab::locate
