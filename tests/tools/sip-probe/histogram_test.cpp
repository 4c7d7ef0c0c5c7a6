#include <catch2/catch.hpp>

#include "sip-probe/histogram.hpp"

using namespace confab;
using namespace confab::probe;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

TEST_CASE("an empty histogram has zeros") {
    const Histogram histogram;
    CHECK(histogram.count() == 0);
    CHECK(histogram.percentile(99) == nanoseconds(0));
    CHECK(histogram.max() == nanoseconds(0));
}

TEST_CASE("percentiles are within one percent, and never above the longest") {
    Histogram histogram;
    for (int i = 1; i <= 10'000; ++i) histogram.record(microseconds(i));
    for (const double percent : {0.01, 1.0, 50.0, 90.0, 99.0, 99.9}) {
        CAPTURE(percent);
        const auto exact = percent * 100'000;  // nanoseconds
        CHECK(static_cast<double>(histogram.percentile(percent).count()) >= exact);
        CHECK(static_cast<double>(histogram.percentile(percent).count()) <= exact * 1.01);
    }
    CHECK(histogram.percentile(100) == microseconds(10'000));
    CHECK(histogram.max() == microseconds(10'000));
}

TEST_CASE("every latency lies in its bucket, whose width is below one percent") {
    for (std::int64_t value = 1; value < std::int64_t{1} << 39; value = value * 3 / 2 + 1) {
        Histogram histogram;
        histogram.record(nanoseconds(value));
        histogram.record(std::chrono::hours(1));  // so that the edge is not cut to the longest
        CAPTURE(value);
        CHECK(histogram.percentile(50).count() >= value);
        CHECK(static_cast<double>(histogram.percentile(50).count()) <= static_cast<double>(value) * 1.01);
    }
}

TEST_CASE("what lies outside of the range counts at its ends") {
    Histogram histogram;
    histogram.record(nanoseconds(-5));
    CHECK(histogram.max() == nanoseconds(0));
    histogram.record(std::chrono::hours(100));
    CHECK(histogram.count() == 2);
    CHECK(histogram.max() > std::chrono::minutes(15));
    CHECK(histogram.percentile(50) == nanoseconds(0));
}
