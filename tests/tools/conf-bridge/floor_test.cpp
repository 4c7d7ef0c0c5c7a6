#include <catch2/catch.hpp>

#include "tools/conf-bridge/fixture.hpp"

using namespace confab;
using namespace confab::bridge;
using namespace confab::bridge::test;

namespace {

// The prompt that the caller hears now; count_ for none.
PromptName heard(const Rig& rig) {
    const auto* play = rig.last_media<PlayPrompt>();
    return play && !play->prompts.empty() ? play->prompts.front() : PromptName::count_;
}

}  // namespace

TEST_CASE("a caller without a passcode keys it in the lobby", "[bridge]") {
    Rig rig;
    const auto leg = rig.join("a", "1234", "");
    CHECK(rig.last_media<AttachLeg>()->room == kLobby);
    CHECK(heard(rig) == PromptName::enter_passcode);
    CHECK(rig.core.status().integer("lobby") == 1);
    CHECK(rig.about("members", "1234")->rows.front().text("state") == "lobby");
    SECTION("right") {
        rig.key(leg, "9");
        CHECK(heard(rig) == PromptName::count_);
        CHECK_FALSE(rig.has_event("joined"));
        rig.key(leg, "9#");
        CHECK(rig.has_event("joined"));
        CHECK(rig.last_media<AttachLeg>()->room != kLobby);
        CHECK(heard(rig) == PromptName::joined);
        rig.advance(base::seconds(60));
        CHECK(rig.core.status().integer("legs") == 1);
    }
    SECTION("wrong, then right") {
        rig.key(leg, "1#");
        CHECK(heard(rig) == PromptName::wrong_passcode);
        rig.key(leg, "99#");
        CHECK(rig.has_event("joined"));
    }
    SECTION("wrong three times") {
        rig.key(leg, "1#2#");
        CHECK(heard(rig) == PromptName::wrong_passcode);
        rig.key(leg, "3#");
        CHECK(heard(rig) == PromptName::not_admitted);
        CHECK(rig.byes() == 0);
        rig.happen({MediaEvent::Kind::prompt_ended, {leg}});
        CHECK(rig.byes() == 1);
        CHECK(rig.has_sent("Reason: SIP;cause=403"));
        CHECK(rig.is_clean());
    }
    SECTION("digits without # count when the pause is too long") {
        rig.key(leg, "99");
        rig.advance(base::seconds(9));
        CHECK_FALSE(rig.has_event("joined"));
        rig.advance(base::seconds(2));
        CHECK(rig.has_event("joined"));
    }
    SECTION("nothing at all") {
        rig.advance(base::seconds(11));
        CHECK(heard(rig) == PromptName::enter_passcode);
        rig.advance(base::seconds(31));
        CHECK(rig.byes() == 1);
        CHECK(rig.is_clean());
    }
    SECTION("more digits than any passcode has") {
        rig.key(leg, std::string(1000, '9') + "#");
        CHECK(heard(rig) == PromptName::wrong_passcode);
        CHECK_FALSE(rig.has_event("joined"));
    }
    SECTION("digits without end") {
        for (int keys = 0; keys < 34; ++keys) {
            rig.key(leg, "1");
            rig.advance(base::seconds(9));
        }
        CHECK(heard(rig) == PromptName::wrong_passcode);
    }
    SECTION("the directory is gone by then") {
        rig.directory_is_up = false;
        rig.key(leg, "99#");
        CHECK(heard(rig) == PromptName::unavailable);
        rig.happen({MediaEvent::Kind::prompt_ended, {leg}});
        CHECK(rig.has_sent("Reason: SIP;cause=503"));
        CHECK(rig.is_clean());
    }
    SECTION("hung up while the directory is asked") {
        rig.directory_answers = false;
        rig.key(leg, "99#");
        rig.request({.method = "BYE", .call = "a", .body = "", .cseq = 2, .to_tag = rig.tag_of("a")});
        rig.answer(rig.unanswered.front());
        CHECK_FALSE(rig.has_event("joined"));
        CHECK(rig.is_clean());
    }
}

TEST_CASE("who keyed his codes is refused with the code and the words of an INVITE's refusal", "[bridge]") {
    struct Row {
        const char *keys, *headers;
        int code;
        const char* words;
        void (*arrange)(Rig&);
    };
    const auto fill = [](Rig& rig) {
        rig.max_members = 1;
        rig.join("first");
    };
    const auto lock = [](Rig& rig) {
        rig.join("first");
        REQUIRE(rig.about("lock", "1234"));
    };
    const Row rows[] = {{"99#", "X-Passcode: 99\r\n", 601, "Conference Full", fill},
                        {"99#", "X-Passcode: 99\r\n", 602, "Conference Locked", lock},
                        {"99#", "X-Passcode: 99\r\n", 603, "Conference Not Started", [](Rig& rig) { rig.starts = 4'000'000'000; }},
                        {"99#", "X-Passcode: 99\r\n", 604, "Conference Over", [](Rig& rig) { rig.ends = 1; }},
                        {"1#2#3#", "X-Passcode: 1\r\n", 605, "Wrong Passcode", [](Rig&) {}}};
    auto config = default_config();
    config.call_log = "legs.ndjson";
    config.full_code = 601;
    config.locked_code = 602;
    config.not_started_code = 603;
    config.ended_code = 604;
    config.wrong_passcode_code = 605;
    for (const auto& row : rows) {
        INFO(row.words);
        Rig asked(config);
        row.arrange(asked);
        asked.request({.call = "a", .headers = row.headers});
        CHECK(asked.sent.back().starts_with("SIP/2.0 " + std::to_string(row.code) + ' ' + row.words));

        Rig keyed(config);
        row.arrange(keyed);
        const auto leg = keyed.join("a", "1234", "");
        keyed.key(leg, row.keys);
        keyed.happen({MediaEvent::Kind::prompt_ended, {leg}});
        CHECK(keyed.has_sent("Reason: SIP;cause=" + std::to_string(row.code) + ";text=\"" + row.words + '"'));
        REQUIRE_FALSE(keyed.call_records.empty());
        CHECK(local::parse_json(keyed.call_records.back().line)->text("reason") == row.words);
    }
}

TEST_CASE("a leader PIN that is keyed wrong in the lobby is the reason of the BYE", "[bridge]") {
    Rig rig;
    rig.leader_pin = "4711";
    const auto leg = rig.join("a", "1234", "X-Passcode: 99\r\n");
    REQUIRE(rig.has_event("waiting"));
    rig.key(leg, "1#2#3#");
    rig.happen({MediaEvent::Kind::prompt_ended, {leg}});
    CHECK(rig.has_sent("Reason: SIP;cause=403;text=\"Wrong Leader PIN\""));
}

TEST_CASE("the journal learns the place of a leg, and its role", "[bridge]") {
    auto config = default_config();
    config.call_log = "legs.ndjson";
    Rig rig(config);
    rig.join("a");
    const auto told = [&rig] { return local::parse_json(rig.call_records.back().line).value(); };
    REQUIRE(rig.call_records.size() == 2);
    CHECK(told().text("conference") == "1234");
    CHECK(told().integer("member") == 1);
    CHECK(told().text("role") == "participant");
    REQUIRE(rig.about("host", "1234", 1));
    REQUIRE(rig.call_records.size() == 3);
    CHECK(told().text("role") == "host");
    rig.request({.call = "b", .headers = "Replaces: a;to-tag=" + rig.tag_of("a") + ";from-tag=froma\r\n"});
    rig.ack("b");
    REQUIRE(rig.call_records.size() == 6);  // the other is answered, the first is over, and the other has the place
    CHECK(told().text("call_id") == "b");
    CHECK(told().text("role") == "host");
}

TEST_CASE("digits never show", "[bridge]") {
    Rig rig;
    const auto leg = rig.join("a", "1234", "");
    rig.key(leg, "99#");
    std::size_t digits = 0;
    for (const auto& event : rig.events) {
        digits += event.event == "digits" ? 1u : 0u;
        CHECK(local::to_json(event.fields).find("99") == std::string::npos);
    }
    CHECK(digits == 3);
}

TEST_CASE("who keyed the passcode of a full or locked conference hears why", "[bridge]") {
    Rig rig;
    rig.max_members = 1;
    rig.join("a");
    const auto leg = rig.join("b", "1234", "");
    SECTION("full") {
        rig.key(leg, "99#");
        CHECK(heard(rig) == PromptName::conference_full);
    }
    SECTION("locked") {
        REQUIRE(rig.about("lock", "1234"));
        rig.key(leg, "99#");
        CHECK(heard(rig) == PromptName::conference_locked);
    }
    CHECK(rig.byes() == 0);
    rig.advance(base::seconds(11));  // even if the prompt's end is never told
    CHECK(rig.byes() == 1);
    CHECK(rig.core.status().integer("legs") == 1);
}

TEST_CASE("a wrong passcode may be policy to prompt for", "[bridge]") {
    auto config = default_config();
    config.wrong_passcode = WrongPasscode::prompt;
    Rig rig(config);
    const auto leg = rig.join("a", "1234", "X-Passcode: 1\r\n");
    CHECK(heard(rig) == PromptName::wrong_passcode);
    rig.key(leg, "99#");
    CHECK(rig.has_event("joined"));
}

TEST_CASE("a leg that waited on another media thread moves there with its port and its path", "[bridge]") {
    auto config = default_config();
    config.media_threads = 2;
    Rig rig(config);
    rig.directory["8000"] = "99";  // an access number: its passcode alone leads to 1234, which runs on thread 0
    rig.join("a");
    rig.request({.call = "b", .user = "8000"});
    rig.ack("b");
    const media::LegId leg{2};
    REQUIRE(rig.media.back().thread == 1);
    rig.directory_answers = false;
    rig.key(leg.value, "99#");
    REQUIRE(rig.unanswered.size() == 1);
    rig.clear();
    rig.core.answer(rig.now, rig.unanswered.front().id, local::Value::object({{"valid", true}, {"conference", "1234"}}), rig.effects);
    rig.happen({MediaEvent::Kind::talking, {99}});  // any input lets the canned threads act
    REQUIRE(rig.media.size() >= 3);
    const auto* close = std::get_if<CloseLeg>(&rig.media[0].what);
    REQUIRE(close);
    CHECK(close->moves);
    CHECK(rig.media[0].thread == 1);
    const auto* open = std::get_if<OpenLeg>(&rig.media[1].what);
    REQUIRE(open);
    CHECK(rig.media[1].thread == 0);
    CHECK(open->port == 20004);
    CHECK(open->moved);
    CHECK(rig.has_event("joined"));
    CHECK(rig.about("members", "1234")->rows.size() == 2);
}

TEST_CASE("talking is told once, and not of the muted", "[bridge]") {
    Rig rig;
    const auto leg = rig.join("a");
    rig.clear();
    rig.happen({MediaEvent::Kind::talking, {leg}});
    rig.happen({MediaEvent::Kind::talking, {leg}});
    CHECK(rig.events.size() == 1);
    REQUIRE(rig.about("mute", "1234", 1));
    CHECK(rig.has_event("silent"));
    rig.clear();
    rig.happen({MediaEvent::Kind::talking, {leg}});
    CHECK(rig.events.empty());
}
