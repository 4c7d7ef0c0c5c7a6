#include "media/quality.hpp"

#include <catch2/catch.hpp>

using namespace confab::media;

TEST_CASE("the score of a rating follows G.107", "[quality]") {
    // G.107 Annex B: R and MOS.
    const struct {
        double rating, mos;
    } rows[] = {{-5, 1}, {0, 1}, {50, 2.58}, {60, 3.10}, {70, 3.60}, {80, 4.03}, {90, 4.34}, {93.2, 4.41}, {100, 4.5}, {130, 4.5}};
    for (const auto& row : rows) CHECK(mos_of(row.rating) == Approx(row.mos).margin(0.006));
}

TEST_CASE("a score exists only once something was measured, and falls with loss and delay", "[quality]") {
    for (auto codec : {CodecKind::pcmu, CodecKind::pcma, CodecKind::g722, CodecKind::opus, CodecKind::l16}) {
        CHECK_FALSE(estimated_mos(codec, {}));
        CHECK_FALSE(estimated_mos(codec, {std::nullopt, 500}));
        CHECK(*estimated_mos(codec, {0.0, 0}) == Approx(4.41).margin(0.01));
        double last = 5;
        for (double loss : {0.0, 0.01, 0.05, 0.1, 0.3, 1.0, 7.0}) {
            const auto mos = *estimated_mos(codec, {loss, 40});
            CHECK(mos <= last);
            CHECK(mos >= 1);
            last = mos;
        }
        CHECK(*estimated_mos(codec, {0.0, 400}) < *estimated_mos(codec, {0.0, 100}) - 0.5);
    }
    CHECK(*estimated_mos(CodecKind::pcmu, {0.05, 20}) == Approx(3.92).margin(0.05));
}
