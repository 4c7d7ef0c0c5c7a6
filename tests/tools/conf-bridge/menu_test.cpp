#include "conf-bridge/menu.hpp"

#include <catch2/catch.hpp>

#include "tools/conf-bridge/fixture.hpp"

using namespace confab;
using namespace confab::bridge;
using namespace confab::bridge::test;

namespace {

using Kind = MenuKeys::Kind;

// What a row of keys leads to: "-" for nothing, "…" while pending, else the action's number; "t" is the timeout.
std::string outcome(const Menu& menu, std::string_view keys) {
    MenuKeys state;
    std::string text;
    for (const char key : keys) {
        const auto result = key == 't' ? state.timed_out(menu) : state.press(key, menu);
        text += result.kind == Kind::pending ? std::string(".") : result.kind == Kind::nothing ? std::string("-") : std::to_string(static_cast<int>(result.action));
    }
    return text;
}

PromptName heard(const Rig& rig) {
    const auto* play = rig.last_media<PlayPrompt>();
    return play && !play->prompts.empty() ? play->prompts.front() : PromptName::count_;
}

}  // namespace

TEST_CASE("the longest choice wins", "[bridge][menu]") {
    const Menu menu{"host", {{"*6", MenuAction::mute_toggle}, {"*66", MenuAction::hand_toggle}, {"1", MenuAction::count}, {"#", MenuAction::mute_all}}};
    CHECK(outcome(menu, "*66") == "..1");
    CHECK(outcome(menu, "*6t") == "..0");
    CHECK(outcome(menu, "*61") == "..-");
    CHECK(outcome(menu, "1#") == "27");
    CHECK(outcome(menu, "*t") == ".-");
    CHECK(outcome(menu, "9*66") == "-..1");
    CHECK(outcome(menu, std::string(1000, '*')).size() == 1000);
    CHECK(outcome({"host", {}}, "*1t") == "---");
}

TEST_CASE("choices are read and checked", "[bridge][menu]") {
    using V = config::Value<MenuChoice>;
    CHECK(V::parse("*6 mute-toggle")->digits == "*6");
    CHECK(V::parse("#  end")->action == MenuAction::end);
    for (const auto* bad : {"", "*6", "*6 ", " mute-toggle", "*6 shout", "A mute-toggle", "123456789 end", "*6mute-toggle"}) CHECK_FALSE(V::parse(bad));
    std::vector<Menu> menus = {{"host", {{"1", MenuAction::end}, {"1", MenuAction::count}}}, {"guest", {}}};
    config::Problems problems;
    check_menus(menus, {{"", "", "", {"test", 0}}}, problems);
    CHECK(problems.size() == 2);
    CHECK(menu_for(menus, true).choices.size() == 2);
    CHECK(menu_for(menus, false).choices.size() == 7);
}

TEST_CASE("members and hosts work the conference by keys", "[bridge][menu]") {
    Rig rig;
    const auto host = rig.join("a", "1234", "X-Passcode: 99\r\nX-Is-Host: true\r\n");
    const auto guest = rig.join("b");
    rig.clear();
    rig.key(guest, "*6");
    CHECK(rig.has_event("muted"));
    CHECK(heard(rig) == PromptName::muted);
    rig.key(guest, "*6");
    CHECK(heard(rig) == PromptName::unmuted);
    rig.key(guest, "*5");
    CHECK(rig.has_event("hand-raised"));
    rig.key(guest, "*7");
    CHECK(heard(rig) == PromptName::no_such_choice);
    CHECK_FALSE(rig.has_event("locked"));
    rig.key(host, "*4");
    CHECK(rig.last_media<PlayPrompt>()->prompts == std::vector{PromptName::participants, static_cast<PromptName>(static_cast<int>(PromptName::number_0) + 2)});
    rig.key(host, "*7");
    CHECK(rig.has_event("locked"));
    rig.clear();
    rig.key(host, "*1");
    CHECK(rig.has_event("muted"));
    CHECK(heard(rig) == PromptName::all_muted);
    rig.key(host, "*9");
    rig.advance(base::seconds(3));
    CHECK(heard(rig) == PromptName::no_such_choice);
    rig.key(host, "*99");
    CHECK(rig.byes() == 2);
    CHECK(rig.is_clean());
}

TEST_CASE("members set their own levels by keys, within the bounds", "[bridge][menu]") {
    Rig rig;
    const auto leg = rig.join("a");
    rig.clear();
    rig.key(leg, "*06");
    REQUIRE(rig.last_media<VolumeLeg>());
    CHECK(rig.last_media<VolumeLeg>()->decibels == 4);
    CHECK(rig.has_event("volume"));
    CHECK(heard(rig) == PromptName::louder);
    rig.key(leg, "*04*04");
    CHECK(rig.last_media<VolumeLeg>()->decibels == -4);
    CHECK(heard(rig) == PromptName::softer);
    CHECK_FALSE(rig.last_media<GainLeg>());
    for (int i = 0; i < 5; ++i) rig.key(leg, "*09");
    CHECK(rig.last_media<GainLeg>()->decibels == 20);
    CHECK(heard(rig) == PromptName::louder);
    rig.clear();
    rig.key(leg, "*09");
    CHECK_FALSE(rig.last_media<GainLeg>());
    CHECK(heard(rig) == PromptName::level_limit);
    for (int i = 0; i < 20; ++i) rig.key(leg, "*07");
    CHECK(rig.last_media<GainLeg>()->decibels == -40);
    CHECK(heard(rig) == PromptName::level_limit);
}

TEST_CASE("a host has the conference recorded by keys", "[bridge][menu]") {
    auto config = default_config();
    config.recordings = "/tmp";
    const bool announced = GENERATE(true, false);
    config.recording_announce = announced;
    Rig rig(config);
    const auto host = rig.join("a", "1234", "X-Passcode: 99\r\nX-Is-Host: true\r\n");
    const auto guest = rig.join("b");
    rig.clear();
    rig.key(guest, "*8");
    CHECK(heard(rig) == PromptName::no_such_choice);
    CHECK(rig.recordings.empty());
    rig.clear();
    rig.key(host, "*8");
    REQUIRE(rig.recordings.size() == 1);
    CHECK(std::get_if<StartRecording>(&rig.recordings.back()));
    CHECK(rig.has_event("recording-started"));
    CHECK(heard(rig) == (announced ? PromptName::count_ : PromptName::recording_on));
    CHECK((rig.last_media<AnnouncePrompt>() != nullptr) == announced);
    rig.key(host, "*8");
    CHECK(std::get_if<StopRecording>(&rig.recordings.back()));
    CHECK(heard(rig) == (announced ? PromptName::count_ : PromptName::recording_off));
}

TEST_CASE("a host hears where nothing can be recorded", "[bridge][menu]") {
    Rig rig;
    const auto host = rig.join("a", "1234", "X-Passcode: 99\r\nX-Is-Host: true\r\n");
    rig.key(host, "*8");
    CHECK(heard(rig) == PromptName::cannot_record);
    CHECK(rig.recordings.empty());
}

TEST_CASE("verbs take an attendee for a number", "[bridge]") {
    Rig rig;
    rig.join("a", "1234", "X-Passcode: 99\r\nX-Attendee-ID: web-7\r\n");
    const auto mute = [&](const local::Value& member) { return rig.command("mute", local::Value::object({{"conference", "1234"}, {"member", member}})); };
    CHECK(rig.events.back().fields.text("attendee") == "web-7");
    CHECK(rig.about("members", "1234")->rows.front().text("attendee") == "web-7");
    CHECK(mute(local::Value("web-7"))->fields.flag("changed"));
    CHECK_FALSE(mute(local::Value(1))->fields.flag("changed"));
    CHECK_FALSE(mute(local::Value("web-8")));
    CHECK_FALSE(mute(local::Value("")));
}
