#include <catch2/catch.hpp>

#include "conf-bridge/name_tape.hpp"
#include "tools/conf-bridge/fixture.hpp"

using namespace confab;
using namespace confab::bridge;
using namespace confab::bridge::test;
using Kind = MediaEvent::Kind;

namespace {

Config named() {
    auto config = default_config();
    config.announce = Announce::names;
    return config;
}

std::string state_of(Rig& rig) {
    const auto members = rig.about("members", "1234");
    return members ? std::string(members->rows.back().text("state")) : "none";
}

// A caller who says his name and comes in.
std::uint32_t say_name(Rig& rig, const std::string& call) {
    const auto leg = rig.join(call);
    rig.happen({Kind::prompt_ended, {leg}});
    rig.happen({Kind::talking, {leg}});
    rig.happen({Kind::silent, {leg}});
    rig.advance(base::milliseconds(1'000));
    return leg;
}

}  // namespace

TEST_CASE("a caller says his name alone, and the conference hears it when he comes and goes", "[bridge][naming]") {
    Rig rig(named());
    say_name(rig, "a");
    rig.clear();
    const auto leg = rig.join("b");
    const auto booth = rig.last_media<AttachLeg>()->room;
    CHECK(booth != kLobby);
    CHECK(rig.last_media<PlayPrompt>()->prompts == std::vector{PromptName::say_name, PromptName::tone_recording});
    CHECK(state_of(rig) == "naming");
    CHECK_FALSE(rig.last_media<RecordLeg>());
    rig.happen({Kind::prompt_ended, {leg}});
    REQUIRE(rig.last_media<RecordLeg>());
    CHECK(rig.last_media<RecordLeg>()->sink);
    rig.happen({Kind::talking, {leg}});
    rig.happen({Kind::silent, {leg}});
    rig.advance(base::milliseconds(900));
    rig.happen({Kind::talking, {leg}});  // a breath between first and last name
    rig.happen({Kind::silent, {leg}});
    rig.advance(base::milliseconds(900));
    CHECK_FALSE(rig.has_event("joined"));
    CHECK_FALSE(rig.has_event("talking"));
    rig.advance(base::milliseconds(200));
    CHECK(rig.has_event("joined"));
    CHECK(state_of(rig) == "joined");
    CHECK_FALSE(rig.last_media<RecordLeg>()->sink);
    CHECK(rig.last_media<AttachLeg>()->room != booth);
    const auto* came = rig.last_media<AnnouncePrompt>();
    REQUIRE(came);
    CHECK(came->prompt == PromptName::has_joined);
    CHECK(came->room == rig.last_media<AttachLeg>()->room);
    const auto name = came->name;
    CHECK(name);
    rig.clear();
    rig.request({.method = "BYE", .call = "b", .body = "", .cseq = 2, .to_tag = rig.tag_of("b")});
    REQUIRE(rig.last_media<AnnouncePrompt>());
    CHECK(rig.last_media<AnnouncePrompt>()->prompt == PromptName::has_left);
    CHECK(rig.last_media<AnnouncePrompt>()->name == name);
    CHECK(name.use_count() == 2);  // here and on its way: the leg's is gone
}

TEST_CASE("who says no name comes without one", "[bridge][naming]") {
    Rig rig(named());
    const auto leg = rig.join("a");
    SECTION("the hash key amid the question") { rig.key(leg, "5#"); }
    SECTION("the hash key after the tone") {
        rig.happen({Kind::prompt_ended, {leg}});
        rig.key(leg, "#");
    }
    SECTION("silence") {
        rig.happen({Kind::prompt_ended, {leg}});
        rig.advance(base::milliseconds(3'900));
        CHECK_FALSE(rig.has_event("joined"));
        rig.advance(base::milliseconds(200));
    }
    SECTION("a question that does not end, and silence") { rig.advance(base::seconds(35)); }
    CHECK(rig.has_event("joined"));
    CHECK(rig.last_media<AnnouncePrompt>()->prompt == PromptName::member_joined);
    CHECK_FALSE(rig.last_media<AnnouncePrompt>()->name);
    CHECK(rig.last_media<PlayPrompt>()->prompts.front() == PromptName::joined);
}

TEST_CASE("a name that does not end is cut", "[bridge][naming]") {
    Rig rig(named());
    const auto leg = rig.join("a");
    rig.happen({Kind::talking, {leg}});  // before the tone
    rig.happen({Kind::prompt_ended, {leg}});
    rig.advance(base::milliseconds(4'100));
    CHECK(rig.has_event("joined"));
    CHECK(rig.last_media<AnnouncePrompt>()->name);
}

TEST_CASE("a caller who hangs up or is ended while he is asked leaves nothing behind", "[bridge][naming]") {
    Rig rig(named());
    rig.join("a");
    SECTION("hangs up") { rig.request({.method = "BYE", .call = "a", .body = "", .cseq = 2, .to_tag = rig.tag_of("a")}); }
    SECTION("is ended") { REQUIRE(rig.about("end", "1234")); }
    CHECK_FALSE(rig.last_media<AnnouncePrompt>());
    CHECK_FALSE(rig.has_event("joined"));
    CHECK(rig.is_clean());
}

TEST_CASE("nobody is asked where nobody would hear it", "[bridge][naming]") {
    Rig rig(named());
    for (int i = 0; i < 50; ++i) {
        const auto leg = rig.join("c" + std::to_string(i));
        rig.key(leg, "#");
    }
    rig.clear();
    rig.join("late");
    CHECK(rig.has_event("joined"));
    CHECK_FALSE(rig.last_media<AnnouncePrompt>());
    CHECK_FALSE(rig.last_media<PlayPrompt>());
}

TEST_CASE("a tape keeps the voice and no more than it may", "[bridge][naming]") {
    const auto tape = std::make_shared<NameTape>(8000, base::milliseconds(1'000));
    const auto sound = NameTape::sound_of(tape);
    const auto push = [&](std::int16_t value, int ticks) {
        const std::vector<std::int16_t> samples(160, value);
        bool all = true;
        while (ticks-- > 0) all = tape->push(8000, samples) && all;
        return all;
    };
    CHECK(push(0, 20));
    CHECK(push(100, 5));
    CHECK(push(0, 10));
    CHECK(sound->samples == std::vector<std::int16_t>(5 * 160, 100));
    CHECK(push(100, 5));
    CHECK(sound->samples.size() == 20 * 160);
    CHECK_FALSE(push(100, 100));
    CHECK(sound->samples.size() == 8000);
    CHECK(sound->samples.capacity() == 8000);
    CHECK_FALSE(tape->push(16000, std::vector<std::int16_t>(320, 1)));  // another codec since
    const auto wide = std::make_shared<NameTape>(48000, base::milliseconds(1'000));
    CHECK(wide->push(48000, std::vector<std::int16_t>(960, 1000)));
    CHECK(NameTape::sound_of(wide)->samples.size() == 160);
}
