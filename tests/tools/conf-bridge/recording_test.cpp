#include "conf-bridge/recording.hpp"

#include <catch2/catch.hpp>

#include "tools/conf-bridge/fixture.hpp"

using namespace confab;
using namespace confab::bridge;
using namespace confab::bridge::test;

namespace {

Config recording_config(std::uint32_t limit = 100) {
    auto config = default_config();
    config.recordings = "/recordings";
    config.recording_limit = limit;
    return config;
}

Core::Outcome record(Rig& rig, bool legs) { return rig.command("record-start", local::Value::object({{"conference", "1234"}, {"legs", legs}})); }
std::vector<std::string> files(const Rig& rig, std::string_view name) {
    std::vector<std::string> found;
    for (const auto& event : rig.events)
        if (event.event == name) found.emplace_back(event.fields.text("file"));
    return found;
}
bool is_on(Rig& rig) { return rig.command("list", local::Value::object())->rows.at(0).flag("recording"); }

std::vector<StartRecording> starts(const Rig& rig) {
    std::vector<StartRecording> found;
    for (const auto& command : rig.recordings)
        if (const auto* start = std::get_if<StartRecording>(&command)) found.push_back(*start);
    return found;
}
std::vector<std::uint64_t> stops(const Rig& rig) {
    std::vector<std::uint64_t> found;
    for (const auto& command : rig.recordings)
        if (const auto* stop = std::get_if<StopRecording>(&command)) found.push_back(stop->id);
    return found;
}

}  // namespace

TEST_CASE("names of recordings stay in their directory", "[bridge]") {
    const base::WallTime time(std::chrono::hours(480'000));
    CHECK(recording_stem("1234", time) == "1234-20241004T000000Z");
    CHECK(recording_stem("../x y", time) == "___x_y-20241004T000000Z");
    for (const auto* good : {"a.wav", "A-1_2.flac", "x"}) CHECK(is_plain_file_name(good));
    for (const auto* bad : {"", ".a", "..", "a/b", "/a", "a b", "a\nb"}) CHECK_FALSE(is_plain_file_name(bad));
    CHECK_FALSE(is_plain_file_name(std::string(201, 'a')));
}

TEST_CASE("without a directory nothing is recorded", "[bridge]") {
    Rig rig;
    rig.join("a");
    CHECK(record(rig, false).error().code == "not-configured");
    CHECK(rig.recordings.empty());
    CHECK_FALSE(is_on(rig));
}

TEST_CASE("the mix is recorded until it is stopped", "[bridge]") {
    Rig rig(recording_config());
    CHECK(record(rig, false).error().code == "no-such-conference");
    rig.join("a");
    rig.join("b");
    CHECK(record(rig, false)->fields.flag("changed"));
    CHECK_FALSE(record(rig, true)->fields.flag("changed"));
    REQUIRE(starts(rig).size() == 1);
    CHECK(starts(rig)[0].file == "1234-20241004T000000Z.wav");
    CHECK(std::holds_alternative<RoomId>(starts(rig)[0].source));
    CHECK(rig.has_event("recording-started"));
    CHECK(is_on(rig));
    CHECK(rig.about("record-stop", "1234")->fields.flag("changed"));
    CHECK_FALSE(rig.about("record-stop", "1234")->fields.flag("changed"));
    CHECK(stops(rig) == std::vector{starts(rig)[0].id});
    CHECK_FALSE(rig.has_event("recording-ended"));  // the file is not complete before the recorder says so
    rig.end_recording({starts(rig)[0].id, "", base::milliseconds(5), 0});
    CHECK(rig.has_event("recording-ended"));
}

TEST_CASE("members have files of their own, from when they come to when they go", "[bridge]") {
    Rig rig(recording_config());
    const auto first = rig.join("a");
    record(rig, true);
    const auto second = rig.join("b");
    const auto started = starts(rig);
    REQUIRE(started.size() == 3);
    CHECK(started[1].file == "1234-20241004T000000Z-member1.wav");
    CHECK(std::get<media::LegId>(started[1].source).value == first);
    CHECK(std::get<media::LegId>(started[2].source).value == second);
    rig.about("kick", "1234", 1);
    CHECK(stops(rig) == std::vector{started[1].id});
    CHECK(is_on(rig));
    rig.about("end", "1234");
    CHECK(stops(rig).size() == 3);
    CHECK(rig.is_clean());
}

TEST_CASE("the name that the disk took is told, with the mix's start and every end", "[bridge]") {
    Rig rig(recording_config());
    rig.join("a");
    rig.files_open = false;
    record(rig, true);
    const auto started = starts(rig);
    CHECK_FALSE(rig.has_event("recording-started"));
    rig.start_recording({started[0].id, "x-2.wav"});
    rig.start_recording({started[1].id, "x-member1-2.wav"});
    CHECK(files(rig, "recording-started") == std::vector<std::string>{"x-2.wav"});
    rig.about("end", "1234");
    for (const auto& each : started) rig.end_recording({each.id, "", {}, 0});
    CHECK(files(rig, "recording-ended") == std::vector<std::string>{"x-2.wav", "x-member1-2.wav"});
    rig.start_recording({99, "nobody's"});
    CHECK(files(rig, "recording-started").size() == 1);
}

TEST_CASE("a member whose place another leg takes is recorded on, at the bound too", "[bridge]") {
    auto config = recording_config(2);
    config.attendee_takes_over = true;
    Rig rig(config);
    const std::string attendee = "X-Passcode: 99\r\nX-Attendee-ID: 7\r\n";
    rig.join("a", "1234", attendee);
    const bool legs = GENERATE(true, false);
    record(rig, legs);
    const auto second = rig.join("b", "1234", attendee);
    REQUIRE(rig.has_event("replaced"));
    const auto started = starts(rig);
    REQUIRE(started.size() == (legs ? 3 : 1));
    if (!legs) return;
    CHECK(stops(rig) == std::vector{started[1].id});
    CHECK(started[2].file == started[1].file);  // another file: the recorder sees that the name is taken
    CHECK(std::get<media::LegId>(started[2].source).value == second);
    rig.about("end", "1234");
    CHECK(stops(rig).size() == 3);
}

TEST_CASE("who waits to be let in is not recorded, and once in, once", "[bridge]") {
    Rig rig(recording_config());
    rig.has_lobby = true;
    rig.join("a");
    rig.about("lock", "1234");
    const auto waiting = rig.join("b");
    record(rig, true);
    CHECK(starts(rig).size() == 2);
    rig.about("admit", "1234", 2);
    const auto started = starts(rig);
    REQUIRE(started.size() == 3);
    CHECK(std::get<media::LegId>(started[2].source).value == waiting);
}

TEST_CASE("a mix that cannot be written ends the recording, a member's file only itself", "[bridge]") {
    Rig rig(recording_config());
    rig.join("a");
    record(rig, true);
    const auto started = starts(rig);
    rig.end_recording({started[1].id, "disk full", {}, 0});
    CHECK(is_on(rig));
    CHECK(stops(rig) == std::vector{started[1].id});
    rig.end_recording({started[0].id, "disk full", {}, 0});
    CHECK_FALSE(is_on(rig));
    CHECK(rig.core.counters().get(Metric::recordings_failed) == 2);
    CHECK(record(rig, false)->fields.flag("changed"));  // the disk may have room again
    rig.end_recording({99, "nobody's", {}, 0});
    CHECK(is_on(rig));
}

TEST_CASE("files that are written at a time are bounded", "[bridge]") {
    Rig rig(recording_config(2));
    rig.join("a");
    rig.join("b");
    CHECK(record(rig, true).error().code == "too-many");
    CHECK_FALSE(is_on(rig));
    rig.about("kick", "1234", 2);
    CHECK(record(rig, true)->fields.flag("changed"));
    rig.join("c");
    CHECK(starts(rig).size() == 2);  // the mix must do for the third
}

TEST_CASE("members hear that a recording begins, goes on and ends, and who comes later that it is on", "[bridge]") {
    auto config = recording_config();
    config.recording_beep = std::chrono::seconds(15);
    Rig rig(config);
    rig.join("a");
    record(rig, false);
    const auto last = [&rig] { return rig.last_media<AnnouncePrompt>(); };
    CHECK(last()->prompt == PromptName::recording_on);
    rig.advance(std::chrono::seconds(16));
    CHECK(last()->prompt == PromptName::tone_recording);
    rig.media.clear();
    rig.join("b");
    REQUIRE(rig.last_media<PlayPrompt>());
    CHECK(rig.last_media<PlayPrompt>()->prompts.back() == PromptName::recording_on);
    rig.about("record-stop", "1234");
    CHECK(last()->prompt == PromptName::recording_off);
    rig.media.clear();
    rig.advance(std::chrono::minutes(1));
    CHECK(last() == nullptr);
}
