#include "metrics/table.hpp"

#include <catch2/catch.hpp>

using namespace confab::metrics;

namespace {
enum class Metric { requests, bindings, count_ };
constexpr Row kRows[] = {{"confab_x_requests", Kind::counter, "Requests \"received\"."},
                         {"confab_x_bindings", Kind::gauge, "Bindings held.\nNow."}};
}  // namespace

TEST_CASE("counters are written as OpenMetrics") {
    Counters<Metric> counters;
    counters.add(Metric::requests);
    counters.add(Metric::requests, 4);
    counters.set(Metric::bindings, 7);
    CHECK(counters.get(Metric::requests) == 5);
    CHECK(open_metrics(kRows, counters.values()) ==
          "# TYPE confab_x_requests counter\n# HELP confab_x_requests Requests \\\"received\\\".\nconfab_x_requests_total 5\n"
          "# TYPE confab_x_bindings gauge\n# HELP confab_x_bindings Bindings held.\\nNow.\nconfab_x_bindings 7\n# EOF\n");
}

TEST_CASE("the manual page's list") { CHECK(mdoc_rows(kRows).find(".It Va \\&confab_x_bindings Pq gauge\n") != std::string::npos); }
