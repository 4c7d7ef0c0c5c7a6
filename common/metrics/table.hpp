// Metrics declared once, counted in plain integers by their owner thread, written as OpenMetrics text.
//
// A tool declares an enumeration and rows of the same order (tools/<tool>/metrics.hpp):
//     enum class Metric { requests, …, count_ };
//     inline constexpr metrics::Row kRows[] = {{"confab_registrar_requests", metrics::Kind::counter, "REGISTER requests received"}, …};
//     metrics::Counters<Metric> counters;   counters.add(Metric::requests);   counters.set(Metric::bindings, n);
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace confab::metrics {

enum class Kind : std::uint8_t { counter, gauge };

struct Row {
    std::string_view name;
    Kind kind;
    std::string_view help;
};

template <class Metric>
class Counters {
public:
    static constexpr std::size_t kCount = static_cast<std::size_t>(Metric::count_);
    void add(Metric metric, std::uint64_t by = 1) { values_[static_cast<std::size_t>(metric)] += by; }
    void set(Metric metric, std::uint64_t value) { values_[static_cast<std::size_t>(metric)] = value; }
    std::uint64_t get(Metric metric) const { return values_[static_cast<std::size_t>(metric)]; }
    std::span<const std::uint64_t> values() const { return values_; }

private:
    std::array<std::uint64_t, kCount> values_{};
};

// `# TYPE`, `# HELP`, samples (counters with _total) and `# EOF` (OpenMetrics 1.0).
std::string open_metrics(std::span<const Row> rows, std::span<const std::uint64_t> values);
std::string mdoc_rows(std::span<const Row> rows);

}  // namespace confab::metrics
