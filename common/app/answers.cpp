#include "app/answers.hpp"

#include <algorithm>

namespace confab::app {
namespace {

constexpr metrics::Row kFrameRows[] = {
    {"confab_control_clients", metrics::Kind::gauge, "Clients on the control socket."},
    {"confab_control_requests", metrics::Kind::counter, "Requests on the control socket."},
    {"confab_control_refused", metrics::Kind::counter, "Requests on the control socket that were answered with a failure."},
    {"confab_control_events_lost", metrics::Kind::counter, "Events that were dropped because a subscriber read too slowly."},
    {"confab_control_cut_off", metrics::Kind::counter, "Clients of the control socket that were cut off because they read nothing."},
};

local::Value field_list(std::span<const local::Field> fields) {
    auto list = local::Value::array();
    for (const auto& field : fields)
        list.push(local::Value::object(
            {{"name", field.name}, {"type", local::type_name(field.type)}, {"required", field.required}, {"help", field.help}}));
    return list;
}

std::vector<std::string_view> values_of(const Settings& settings, std::string_view key) {
    std::vector<std::string_view> out;
    for (const auto& [name, value] : settings)
        if (name == key) out.push_back(value);
    return out;
}

}  // namespace

std::vector<metrics::Row> metric_rows(const Program& program) {
    std::vector<metrics::Row> rows(program.metrics.begin(), program.metrics.end());
    rows.insert(rows.end(), std::begin(kFrameRows), std::end(kFrameRows));
    return rows;
}

std::string metrics_text(const Program& program, Daemon& daemon, const Control& control) {
    const auto own = daemon.metrics();
    std::vector<std::uint64_t> values(own.begin(), own.end());
    const auto& counts = control.counts();
    values.insert(values.end(), {control.clients(), counts.requests, counts.refused, counts.events_lost, counts.cut_off});
    return metrics::open_metrics(metric_rows(program), values);
}

std::vector<local::Value> help_rows(const local::Vocabulary& vocabulary) {
    std::vector<local::Value> rows;
    const auto add = [&](std::span<const local::Command> commands) {
        for (const auto& command : commands)
            rows.push_back(local::Value::object({{"command", command.name},
                                                 {"help", command.help},
                                                 {"arguments", field_list(command.arguments)},
                                                 {"reply", field_list(command.reply)}}));
    };
    add(vocabulary.commands);
    add(local::common_commands());
    return rows;
}

std::vector<std::string_view> changed_keys(const config::Table& table, const Settings& before, const Settings& after) {
    std::vector<std::string_view> out;
    for (const auto& key : table)
        if (values_of(before, key.name) != values_of(after, key.name)) out.push_back(key.name);
    return out;
}

Settings merged(const config::Table& table, const Settings& before, const Settings& after) {
    Settings out;
    for (const auto& key : table)
        for (const auto& pair : key.live ? after : before)
            if (pair.first == key.name) out.push_back(pair);
    return out;
}

}  // namespace confab::app
