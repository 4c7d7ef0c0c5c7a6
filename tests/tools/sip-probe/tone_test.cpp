#include <catch2/catch.hpp>

#include <array>
#include <set>

#include "sip-probe/matrix.hpp"
#include "sip-probe/tone.hpp"

using namespace confab;
using namespace confab::probe;

namespace {

using Frame = std::array<std::int16_t, 160>;

// Plays the conference: every listener hears what `hears` says of each talker, `delay` frames late.
Matrix play(std::size_t legs, unsigned delay, bool (*hears)(std::size_t listener, std::size_t talker)) {
    base::Random random(base::Seed{7});
    Matrix matrix(choose_tones(legs, random), 40, -40, 8000);
    std::vector<ToneMaker> tones;
    for (const double hertz : matrix.tones()) tones.emplace_back(hertz, -20, 8000);
    std::vector<Frame> sounded;
    for (std::uint64_t tick = 0; tick < legs * 40 + 1; ++tick) {
        Frame voice{};
        if (const auto talker = matrix.talker(tick)) tones[*talker].add_to(voice);
        sounded.push_back(voice);
        for (std::size_t listener = 0; listener < legs; ++listener) {
            const auto talker = tick >= delay ? matrix.talker(tick - delay) : std::nullopt;
            matrix.hear(listener, tick, talker && hears(listener, *talker) ? sounded[tick - delay] : Frame{});
        }
    }
    matrix.finish();
    return matrix;
}

}  // namespace

TEST_CASE("a tone is measured at its own frequency and nowhere else") {
    for (const double hertz : {437.0, 1063.0, 2777.0}) {
        ToneMaker maker(hertz, -20, 8000);
        std::vector<std::int16_t> audio;
        for (int i = 0; i < 20; ++i) {
            Frame frame{};
            maker.add_to(frame);
            audio.insert(audio.end(), frame.begin(), frame.end());
        }
        CHECK(tone_level_db(audio, hertz, 8000) == Approx(-20).margin(0.2));
        CHECK(tone_level_db(audio, hertz + 85, 8000) < -70);
    }
    CHECK(tone_level_db({}, 437, 8000) == kSilenceDb);
    CHECK(tone_level_db(std::vector<std::int16_t>(800, 0), 437, 8000) == kSilenceDb);
}

TEST_CASE("a tone whose phase jumps is as loud as it was") {
    for (const std::size_t lost : {3u, 5u, 8u}) {
        ToneMaker maker(1000, -20, 8000);
        std::vector<std::int16_t> audio(3200);
        maker.add_to(audio);
        audio.erase(audio.begin() + 1600, audio.begin() + 1600 + static_cast<std::ptrdiff_t>(lost));
        CHECK(tone_level_db(audio, 1000, 8000) == Approx(-20).margin(1));
    }
}

TEST_CASE("chosen tones differ, and repeat only when there are more legs than frequencies") {
    base::Random random(base::Seed{1});
    const auto tones = choose_tones(24, random);
    CHECK(std::set<double>(tones.begin(), tones.end()).size() == 24);
    CHECK(choose_tones(30, random).size() == 30);
    base::Random other(base::Seed{2});
    CHECK(choose_tones(24, other) != tones);
}

TEST_CASE("the matrix tells the truth") {
    const auto good = play(3, 3, [](std::size_t listener, std::size_t talker) { return listener != talker; });
    CHECK(good.faults().empty());
    CHECK(good.cell(0, 1).heard);
    CHECK(good.cell(0, 1).delay_ms == 60u);
    CHECK(good.cell(0, 1).level_db == Approx(-20).margin(1));
    CHECK_FALSE(good.cell(1, 1).heard);

    const auto muted = play(3, 2, [](std::size_t listener, std::size_t talker) { return listener != talker && talker != 1; });
    CHECK(muted.faults() == std::vector<std::string>{"leg 1 does not hear leg 2", "leg 3 does not hear leg 2"});

    const auto echo = play(2, 2, [](std::size_t, std::size_t) { return true; });
    CHECK(echo.faults() == std::vector<std::string>{"leg 1 hears itself", "leg 2 hears itself"});
}
