#include "sip-proxy/explain.hpp"

#include <catch2/catch.hpp>

using namespace confab;
using namespace confab::proxy;

namespace {

constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";
const base::Now kNow{base::Instant(std::chrono::seconds(1000)), base::WallTime(std::chrono::milliseconds(1'800'000'000'000))};

Config config_of(std::string_view more) {
    config::Problems problems;
    const auto text = "listen = udp:127.0.0.20:5060\ndomains = example.test\nregistrar = udp:127.0.0.30:5070\nnonce-secret-file = /dev/null\n" + std::string(more);
    auto config = read_config(config::split("f", text, problems), problems);
    for (const auto& problem : problems) FAIL(problem.text());
    return config;
}

constexpr std::string_view kMessage =
    "INVITE sip:1234@example.test;passcode=4711 SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.9:5000;branch=z9hG4bKi1\nMax-Forwards: 70\n"
    "From: <sip:alice@example.test>;tag=a1\nTo: <sip:1234@example.test>\nCall-ID: c1\nCSeq: 1 INVITE\nP-Asserted-Identity: <sip:king@example.test>\n"
    "X-Passcode: 4711\nContent-Length: 0\n\n";

struct Stage {
    Stage(std::string_view config, Rehearsal::Scene scene)
        : settings(config_of(config)), live(settings, settings.listen, std::string(kSecret), base::Seed{7}),
          rehearsal(live, settings.listen, std::string(kSecret), base::Seed{8}, std::move(scene)) {
        rehearsal.begin(kNow);
    }
    std::string text(std::string_view step) const {
        std::string out;
        for (const auto& decision : rehearsal.decisions())
            if (decision.step == step) out += decision.text + "\n";
        return out;
    }
    std::string steps() const {
        std::string out;
        for (const auto& decision : rehearsal.decisions())
            if (decision.step != "bytes" && decision.step != "edit") out += std::string(decision.step) + ": " + decision.text + "\n";
        return out;
    }
    Config settings;
    Core live;
    Rehearsal rehearsal;
};

}  // namespace

TEST_CASE("without credentials the answer is a challenge") {
    Stage stage("", {std::string(kMessage), {}, ""});
    CHECK(stage.rehearsal.take_questions().empty());
    CHECK(stage.steps().starts_with("listener: udp:127.0.0.20:5060, from udp:127.0.0.9:5000\nauthentication: challenged: no credentials of ours\nsend: udp:127.0.0.9:5000, "));
    CHECK(stage.text("bytes").starts_with("SIP/2.0 407 "));
    CHECK(stage.text("edit").empty());
}

TEST_CASE("a proven caller's call, decision by decision, and no secret shown") {
    Stage stage("[route pac]\npasscode = 47*\naction = group bridges\n[group bridges]\nmember = udp:127.0.0.40:5080 priority=1\nmember = udp:127.0.0.41:5080 priority=2\n",
                {std::string(kMessage), {}, "alice"});
    CHECK(stage.steps().starts_with("listener: udp:127.0.0.20:5060, from udp:127.0.0.9:5000\nauthentication: taken for alice\nroute: pac: group bridges\n"
                                    "target: udp:127.0.0.40:5080\ntarget: udp:127.0.0.41:5080\nsend: udp:127.0.0.40:5080, "));
    const auto edits = stage.text("edit");
    CHECK(edits.find("- Max-Forwards: 70\n") != std::string::npos);
    CHECK(edits.find("- P-Asserted-Identity: <sip:king@example.test>\n") != std::string::npos);
    CHECK(edits.find("+ Max-Forwards: 69\n") != std::string::npos);
    CHECK(edits.find("+ P-Asserted-Identity: <sip:alice@example.test>\n") != std::string::npos);
    CHECK(edits.find("Call-ID") == std::string::npos);
    std::string all;
    for (const auto& decision : stage.rehearsal.decisions()) all += decision.text + "\n";
    CHECK(all.find("4711") == std::string::npos);
    CHECK(all.find("X-Passcode: ****\n") != std::string::npos);
}

TEST_CASE("questions are asked, and their answers decide") {
    Stage stage("authenticate = none\n", {invite_to("sip:1234@example.test"), {}, ""});
    auto questions = stage.rehearsal.take_questions();
    REQUIRE(questions.size() == 1);
    CHECK(questions[0].command == "lookup");
    stage.rehearsal.answer(kNow, questions[0].id, local::Value::object({{"known", false}}));
    questions = stage.rehearsal.take_questions();
    REQUIRE(questions.size() == 1);
    stage.rehearsal.answer(kNow, questions[0].id, local::Value::object({{"known", false}}));
    CHECK(stage.steps().find("route: none matches; home\ndirectory: the number is unknown\nregistrar: the address is unknown\nsend: udp:127.0.0.1:5060, ") !=
          std::string::npos);
    CHECK(stage.text("bytes").starts_with("SIP/2.0 404 "));
}

TEST_CASE("the rehearsal knows what the live core knows, and leaves it alone") {
    const auto settings = config_of("authenticate = none\n[route all]\naction = group g\n[group g]\nmember = udp:127.0.0.40:5080\nprobe-failures = 1\n");
    Core live(settings, settings.listen, std::string(kSecret), base::Seed{7});
    Effects effects;
    live.expire(kNow, effects);  // a probe goes out
    REQUIRE(effects.transmit.entries().size() == 1);
    live.flow_failed(kNow, effects.transmit.entries()[0].to, effects);
    const auto later = base::Now{kNow.steady + std::chrono::seconds(40), kNow.wall + std::chrono::seconds(40)};
    live.expire(later, effects);
    REQUIRE(live.members(later).at(0).text("state") == "down");
    Rehearsal rehearsal(live, settings.listen, std::string(kSecret), base::Seed{8}, {invite_to("sip:1@example.test"), {}, ""});
    rehearsal.begin(later);
    std::string groups;
    for (const auto& decision : rehearsal.decisions())
        if (decision.step == "group") groups += decision.text;
    CHECK(groups == "g: no member is up, rested and below its limit");
    CHECK(live.is_idle());
    CHECK(live.calls().empty());
}

TEST_CASE("a message that is none is answered or dropped, and shown") {
    Stage empty("", {"", {}, ""});
    CHECK(empty.steps() == "listener: udp:127.0.0.20:5060, from udp:127.0.0.1:5060\n");
    Stage broken("", {"INVITE sip:a@b SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.9;branch=z9hG4bKx\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>\nCall-ID: c\nCSeq: x INVITE\n\n",
                      config::Value<config::Peer>::parse("udp:127.0.0.77:5066"), ""});
    CHECK(broken.steps().starts_with("listener: udp:127.0.0.20:5060, from udp:127.0.0.77:5066\n"));
}
