// What conf-locate counts. Owner: its main loop's thread.
#pragma once

#include "metrics/table.hpp"

namespace confab::locate {

enum class Metric {
    lookups, unknown_numbers, without_bridge, resolves, refused_passcodes, beats, refused_beats, changes, store_failures, bridges_lost, conferences,
    access_numbers, bridges, bridges_alive, count_
};

inline constexpr metrics::Row kMetricRows[] = {
    {"confab_locate_lookups", metrics::Kind::counter, "Lookups of numbers"},
    {"confab_locate_unknown_numbers", metrics::Kind::counter, "Lookups of numbers that are neither conference nor access number"},
    {"confab_locate_without_bridge", metrics::Kind::counter, "Lookups of known numbers for which no bridge was alive"},
    {"confab_locate_resolves", metrics::Kind::counter, "Passcodes checked"},
    {"confab_locate_refused_passcodes", metrics::Kind::counter, "Passcodes that were wrong"},
    {"confab_locate_beats", metrics::Kind::counter, "Beats of bridges"},
    {"confab_locate_refused_beats", metrics::Kind::counter, "Beats with an unusable name or address, or beyond the bound on bridges"},
    {"confab_locate_changes", metrics::Kind::counter, "Changes of conferences and access numbers"},
    {"confab_locate_store_failures", metrics::Kind::counter, "Failed writes of the database"},
    {"confab_locate_bridges_lost", metrics::Kind::counter, "Bridges whose beat did not come in time"},
    {"confab_locate_conferences", metrics::Kind::gauge, "Conferences in the directory"},
    {"confab_locate_access_numbers", metrics::Kind::gauge, "Access numbers in the directory"},
    {"confab_locate_bridges", metrics::Kind::gauge, "Bridges in the directory"},
    {"confab_locate_bridges_alive", metrics::Kind::gauge, "Bridges whose beat came in time"},
};
static_assert(std::size(kMetricRows) == static_cast<std::size_t>(Metric::count_));

using Counters = metrics::Counters<Metric>;

}  // namespace confab::locate
