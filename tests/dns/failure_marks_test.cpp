#include "dns/failure_marks.hpp"

#include <catch2/catch.hpp>

#include "zone.hpp"

using namespace confab;
using namespace confab::dns;
using test::tcp;
using test::udp;

namespace {
constexpr base::Instant at(int seconds) { return base::Instant(base::seconds(seconds)); }
}  // namespace

TEST_CASE("failure marks: one transport, address and port, until then") {
    FailureMarks marks;
    marks.mark(udp("192.0.2.1:5060"), at(30));
    CHECK(marks.is_marked(udp("192.0.2.1:5060"), at(0)));
    CHECK(marks.is_marked(udp("192.0.2.1:5060"), at(29)));
    CHECK_FALSE(marks.is_marked(udp("192.0.2.1:5060"), at(30)));
    CHECK_FALSE(marks.is_marked(udp("192.0.2.1:5070"), at(0)));
    CHECK_FALSE(marks.is_marked(tcp("192.0.2.1:5060"), at(0)));
    CHECK_FALSE(marks.is_marked(udp("192.0.2.2:5060"), at(0)));
    marks.mark(udp("192.0.2.1:5060"), at(10));  // the later one counts
    CHECK(marks.is_marked(udp("192.0.2.1:5060"), at(20)));
    marks.clear(udp("192.0.2.1:5060"));
    CHECK_FALSE(marks.is_marked(udp("192.0.2.1:5060"), at(0)));
    CHECK(marks.size() == 0);
}

TEST_CASE("failure marks: marked endpoints are tried last, and none is dropped") {
    FailureMarks marks;
    const std::vector all{udp("192.0.2.1:5060"), udp("192.0.2.2:5060"), udp("192.0.2.3:5060")};
    auto ordered = all;
    marks.order(ordered, at(0));
    CHECK(ordered == all);
    marks.mark(all[0], at(30));
    marks.order(ordered, at(0));
    CHECK(ordered == std::vector{all[1], all[2], all[0]});
    ordered = all;
    marks.order(ordered, at(30));
    CHECK(ordered == all);
    for (const auto& endpoint : all) marks.mark(endpoint, at(60));
    marks.order(ordered, at(0));
    CHECK(ordered == all);
}

TEST_CASE("failure marks: at the limit the one that ends first makes room") {
    FailureMarks marks(3);
    const auto number = [](int n) { return udp("192.0.2." + std::to_string(n) + ":5060"); };
    marks.mark(number(1), at(20));
    marks.mark(number(2), at(10));
    marks.mark(number(3), at(30));
    marks.mark(number(4), at(40));
    CHECK(marks.size() == 3);
    CHECK_FALSE(marks.is_marked(number(2), at(0)));
    for (const int n : {1, 3, 4}) CHECK(marks.is_marked(number(n), at(0)));
    FailureMarks none(0);
    none.mark(number(1), at(1));
    CHECK(none.size() == 0);
}
