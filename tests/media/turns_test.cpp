// Announcements to a whole room: side by side, or each when the one before is over.
#include <catch2/catch.hpp>

#include "media/room_fixture.hpp"

using namespace confab::media;
using namespace confab::media::test;

namespace {

// A tone of half a second.
Prompt tone(double hertz) {
    auto sound = std::make_shared<Sound>(8000, std::vector<std::int16_t>(4000));
    for (std::size_t n = 0; n < sound->samples.size(); ++n)
        sound->samples[n] = static_cast<std::int16_t>(std::lround(4000 * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(n) / 8000)));
    return sound;
}

}  // namespace

TEST_CASE("announcements in turn wait for each other, others do not", "[room]") {
    RoomFixture f;
    const auto& listener = f.add(1);
    f.room.play_all({tone(500), nullptr, tone(700)}, true);
    f.room.play_all({tone(900)}, true);
    f.room.play_all({tone(1700)});
    f.run(20);
    CHECK(listener.hears(500, 2400) == Approx(4000).epsilon(0.05));
    CHECK(listener.hears(1700, 2400) == Approx(4000).epsilon(0.05));
    CHECK(listener.hears(700, 2400) < 40);
    CHECK(listener.hears(900, 2400) < 40);
    f.run(25);
    CHECK(listener.hears(700, 2400) == Approx(4000).epsilon(0.05));
    CHECK(listener.hears(900, 2400) < 40);
    f.room.play_all({tone(1100)}, true);
    f.run(25);
    CHECK(listener.hears(900, 2400) == Approx(4000).epsilon(0.05));
    f.run(25);
    CHECK(listener.hears(1100, 2400) == Approx(4000).epsilon(0.05));
    f.run(10);
    CHECK(all_silent(listener));
    f.room.play_all({tone(500)}, true);
    f.run(5);
    CHECK_FALSE(all_silent(listener));
    f.room.play_all({});
    f.run(3);
    CHECK(all_silent(listener));
}

TEST_CASE("what waits for its turn is bounded", "[room]") {
    RoomFixture f;
    const auto& listener = f.add(1);
    for (int i = 0; i < 100; ++i) f.room.play_all({tone(500)}, true);
    f.run(25 * static_cast<int>(Player::kMaxSounds));
    CHECK_FALSE(all_silent(listener));
    f.run(3);
    CHECK(all_silent(listener));
}
