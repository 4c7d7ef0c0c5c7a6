#include <catch2/catch.hpp>

#include "tools/conf-bridge/fixture.hpp"

using namespace confab;
using namespace confab::bridge;
using namespace confab::bridge::test;

TEST_CASE("a new call is answered as its flow says", "[bridge]") {
    struct Row {
        std::string what;
        Rig::Request request;
        int status;
        std::string holds;
    };
    const std::string wrong_family =
        "v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    const std::string other_codec =
        "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\n";
    const std::string secure =
        "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\n";
    const std::string many = kOffer + "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=image 4004 udptl t38\r\n";
    const Row rows[] = {
        {"passcode in the header", {.headers = "X-Passcode: 99\r\n"}, 200, "m=audio 20002 RTP/AVP 0 101"},
        {"header name in another case", {.headers = "x-passcode:  99 \r\n"}, 200, "isfocus"},
        {"passcode in the URI", {.uri_params = ";passcode=99"}, 200, "m=audio"},
        {"escaped passcode in the URI", {.uri_params = ";passcode=%39%39"}, 200, "m=audio"},
        {"passcode in the user part", {.user = "1234;passcode=99"}, 200, "m=audio"},
        {"header before URI", {.headers = "X-Passcode: 98\r\n", .uri_params = ";passcode=99"}, 403, ""},
        {"open conference", {.user = "2000"}, 200, "m=audio"},
        {"no passcode", {}, 200, "m=audio"},
        {"delayed offer", {.headers = "X-Passcode: 99\r\n", .body = ""}, 200, "m=audio 20002 RTP/AVP 96 9 0 8 97 98 99 101 102 103"},
        {"other kinds of media stay in place", {.headers = "X-Passcode: 99\r\n", .body = many}, 200, "m=video 0 RTP/AVP 96\r\n"},
        {"fax stays in place", {.headers = "X-Passcode: 99\r\n", .body = many}, 200, "m=image 0 udptl t38\r\n"},
        {"wrong passcode", {.headers = "X-Passcode: 12\r\n"}, 403, ""},
        {"endless passcode", {.headers = "X-Passcode: " + std::string(500, '9') + "\r\n"}, 403, ""},
        {"unknown number", {.user = "5555"}, 404, ""},
        {"no codec", {.headers = "X-Passcode: 99\r\n", .body = other_codec}, 488, ""},
        {"SRTP", {.headers = "X-Passcode: 99\r\n", .body = secure}, 488, ""},
        {"media of another family", {.headers = "X-Passcode: 99\r\n", .body = wrong_family}, 488, ""},
        {"malformed SDP", {.headers = "X-Passcode: 99\r\n", .body = "nonsense"}, 400, ""},
        {"other content", {.headers = "Content-Type: text/plain\r\n", .body = "hello"}, 415, "Accept: application/sdp"},
        {"other content that may be ignored",
         {.headers = "X-Passcode: 99\r\nContent-Type: application/x\r\nContent-Disposition: render; Handling=OPTIONAL\r\n", .body = "hello"}, 200,
         "m=audio 20002 RTP/AVP 96 9 0 8 97 98 99 101 102 103"},
        {"other content that may not",
         {.headers = "Content-Type: application/x\r\nContent-Disposition: session;handling=required\r\n", .body = "hello"}, 415,
         "Accept: application/sdp"},
        {"encoded content", {.headers = "Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n"}, 415, "Accept-Encoding: identity"},
        {"required extension", {.headers = "Require: 100rel, precondition\r\n"}, 420, "Unsupported: precondition"},
        {"dialog that is not there", {.to_tag = "nobody"}, 481, ""},
        {"no time at all", {.headers = "Supported: timer\r\nSession-Expires: 0\r\n"}, 422, "Min-SE: 90\r\n"},
        {"OPTIONS", {.method = "OPTIONS", .body = ""}, 200, "Accept: application/sdp"},
        {"OPTIONS tells of a focus", {.method = "OPTIONS", .body = ""}, 200, "Contact: <sip:1234@127.0.0.40:5080>;isfocus\r\n"},
        {"REGISTER", {.method = "REGISTER", .body = ""}, 405, "Allow: INVITE"},
        {"unknown method", {.method = "DANCE", .body = ""}, 501, "Allow: INVITE"},
        {"BYE without a dialog", {.method = "BYE", .body = "", .to_tag = "nobody"}, 481, ""},
    };
    for (const auto& row : rows) {
        INFO(row.what);
        Rig rig;
        rig.request(row.request);
        REQUIRE(rig.sent.size() == 1);
        CHECK(rig.status() == row.status);
        CHECK(rig.has_sent(row.holds));
        CHECK(rig.is_clean());
    }
}

TEST_CASE("calls from elsewhere than trusted peers are refused", "[bridge]") {
    Rig rig;
    rig.receive(rig.text({.headers = "X-Passcode: 99\r\n"}), "10.0.0.1:5060");
    CHECK(rig.status() == 403);
    CHECK(rig.is_clean());
}

TEST_CASE("malformed requests are answered where they can be", "[bridge]") {
    Rig rig;
    rig.receive("INVITE sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
                "Call-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 900\r\n\r\n");
    CHECK(rig.status() == 400);
    rig.sent.clear();
    rig.receive("garbage");
    CHECK(rig.sent.empty());
    CHECK(rig.core.metrics({})[static_cast<std::size_t>(Metric::malformed)] == 2);
}

TEST_CASE("the directory's silence is 503", "[bridge]") {
    Rig rig;
    rig.directory_is_up = false;
    rig.request({.headers = "X-Passcode: 99\r\n"});
    CHECK(rig.status() == 503);
    CHECK(rig.has_sent("Retry-After: 5"));
    CHECK(rig.is_clean());
}

TEST_CASE("no free ports is 503", "[bridge]") {
    Rig rig;
    rig.ports_are_free = false;
    rig.request({.headers = "X-Passcode: 99\r\n"});
    CHECK(rig.status() == 503);
    CHECK(rig.has_event("conference-ended"));
    CHECK(rig.is_clean());
}

TEST_CASE("CANCEL while the directory is asked is 487", "[bridge]") {
    Rig rig;
    rig.directory_answers = false;
    rig.request({.branch = "z9hG4bKc"});
    CHECK(rig.sent.empty());
    rig.advance(base::milliseconds(250));
    CHECK(rig.status() == 100);
    rig.request({.method = "CANCEL", .body = "", .branch = "z9hG4bKc"});
    CHECK(rig.has_sent("SIP/2.0 487"));
    CHECK(rig.count_sent("SIP/2.0 200") == 1);
    rig.sent.clear();
    rig.answer(rig.unanswered.front());  // too late
    CHECK(rig.sent.empty());
    CHECK(rig.is_clean());
}

TEST_CASE("CANCEL after the 200 changes nothing", "[bridge]") {
    Rig rig;
    rig.request({.headers = "X-Passcode: 99\r\n", .branch = "z9hG4bKc"});
    const auto tag = rig.tag();
    rig.request({.method = "CANCEL", .body = "", .branch = "z9hG4bKc"});
    CHECK(rig.count_sent("SIP/2.0 487") == 0);
    rig.request({.method = "ACK", .body = "", .to_tag = tag});
    CHECK(rig.has_event("joined"));
}

TEST_CASE("the same INVITE over two paths is merged", "[bridge]") {
    Rig rig;
    rig.join("a");
    SECTION("at once") {}
    SECTION("after later requests") {
        rig.request({.method = "INFO", .call = "a", .body = "", .cseq = 2, .to_tag = rig.tag_of("a")});
        REQUIRE(rig.status() == 200);
    }
    rig.request({.headers = "X-Passcode: 99\r\n"});
    CHECK(rig.status() == 482);
    CHECK(rig.core.status().integer("legs") == 1);
}

TEST_CASE("another attempt of one call takes the first one's place", "[bridge]") {
    Rig rig;
    rig.join("a");
    rig.clear();
    const Rig::Request again{.headers = "X-Passcode: 99\r\n", .cseq = 2};
    SECTION("in its conference") {
        rig.request(again);
        REQUIRE(rig.status() == 200);
        rig.ack("a", 2);
        CHECK(rig.has_event("replaced"));
        CHECK_FALSE(rig.has_event("joined"));
        CHECK(rig.byes() == 1);
        CHECK(rig.core.status().integer("legs") == 1);
        rig.request({.headers = "X-Passcode: 99\r\n"});
        CHECK(rig.status() == 482);
        rig.request(again);
        CHECK(rig.status() == 482);
    }
    SECTION("through an attempt that nobody acknowledged") {
        rig.request(again);
        auto third = again;
        third.cseq = 3;
        rig.request(third);
        REQUIRE(rig.status() == 200);
        rig.ack("a", 3);
        CHECK(rig.has_event("replaced"));
        CHECK(rig.about("members", "1234")->rows.size() == 1);
        rig.advance(base::seconds(40));
        CHECK(rig.about("members", "1234")->rows.size() == 1);
        CHECK(rig.core.status().integer("legs") == 1);
    }
    SECTION("not when it is refused") {
        rig.ports_are_free = false;
        rig.request(again);
        REQUIRE(rig.status() >= 500);
        rig.request({.headers = "X-Passcode: 99\r\n"});  // a late copy of the first
        CHECK(rig.status() == 482);
    }
    SECTION("not where it calls another number") {
        rig.request({.user = "2000", .cseq = 2});
        rig.ack("a", 2);
        CHECK(rig.has_event("joined"));
        CHECK(rig.core.status().integer("legs") == 2);
    }
}

TEST_CASE("the same MESSAGE over two paths is passed on once", "[bridge]") {
    Rig rig;
    rig.join("a");
    rig.join("b");
    rig.clear();
    const Rig::Request message{.method = "MESSAGE", .call = "m", .headers = "Content-Type: text/plain\r\n", .body = "hello"};
    rig.request(message);
    CHECK(rig.has_sent("SIP/2.0 202"));
    rig.request(message);
    CHECK(rig.status() == 482);
    CHECK(rig.count_sent("MESSAGE ") == 1);
    rig.advance(base::seconds(40));
    rig.clear();
    rig.request(message);
    CHECK(rig.has_sent("SIP/2.0 202"));
}

TEST_CASE("all responses to one INVITE have one To tag", "[bridge]") {
    auto config = default_config();
    config.early_announcements = true;
    Rig rig(config);
    rig.request({.headers = "X-Passcode: 12\r\n", .branch = "z9hG4bKc"});
    REQUIRE(rig.status() == 183);
    const auto tag = rig.tag();
    SECTION("refused") {
        rig.happen({MediaEvent::Kind::prompt_ended, {1}});
        CHECK(rig.status() == 403);
    }
    SECTION("cancelled") {
        rig.request({.method = "CANCEL", .body = "", .branch = "z9hG4bKc"});
        CHECK(rig.status() == 487);
    }
    SECTION("ended early") {
        rig.request({.method = "BYE", .body = "", .cseq = 2, .to_tag = tag});
        CHECK(rig.status() == 487);
    }
    CHECK(rig.tag() == tag);
}

TEST_CASE("full and locked conferences refuse with their codes", "[bridge]") {
    Rig rig;
    rig.max_members = 1;
    rig.join("a");
    rig.request({.call = "b", .headers = "X-Passcode: 99\r\n"});
    CHECK(rig.status() == 486);
    REQUIRE(rig.about("lock", "1234"));
    rig.request({.call = "c", .headers = "X-Passcode: 99\r\n"});
    CHECK(rig.status() == 403);
    CHECK(rig.core.status().integer("legs") == 1);
}

TEST_CASE("bounds and draining refuse with 503", "[bridge]") {
    SECTION("legs") {
        auto config = default_config();
        config.legs = 1;
        Rig rig(config);
        rig.join("a");
        rig.request({.call = "b"});
        CHECK(rig.status() == 486);  // of a conference that runs here: another bridge would split it
        rig.request({.call = "c", .user = "2000"});
        CHECK(rig.status() == 503);
        CHECK(rig.has_sent("Retry-After: 5"));
    }
    SECTION("legs that take another's place") {
        auto config = default_config();
        config.legs = 16;
        Rig rig(config);
        rig.join("a");
        for (int cseq = 2; cseq < 60; ++cseq) rig.request({.headers = "X-Passcode: 99\r\n", .cseq = cseq});
        CHECK(rig.core.status().integer("legs") == 16 + 1 + 2);
        CHECK(rig.status() == 486);
    }
    SECTION("conferences") {
        auto config = default_config();
        config.conferences = 1;
        Rig rig(config);
        rig.join("a");
        rig.request({.call = "b", .user = "2000"});
        CHECK(rig.status() == 503);
    }
    SECTION("media threads at their limit") {
        Rig rig;
        rig.join("a");
        rig.core.loaded(0, 89);
        rig.request({.call = "b", .user = "2000"});
        CHECK(rig.status() == 200);
        rig.core.loaded(0, 90);
        rig.request({.method = "OPTIONS", .call = "c", .body = "", .user = "3000"});
        CHECK(rig.status() == 503);
        rig.request({.method = "OPTIONS", .call = "c", .body = "", .cseq = 2});
        CHECK(rig.status() == 200);  // of a conference that runs
        rig.request({.call = "d", .user = "3000"});
        CHECK(rig.status() == 503);
        rig.join("e");  // where a conference runs it goes on
        rig.core.loaded(0, 0);
        rig.request({.call = "f", .headers = "X-Passcode: 77\r\n", .user = "3000"});
        CHECK(rig.status() == 200);
    }
    SECTION("draining") {
        Rig rig;
        rig.join("a");
        rig.core.drain(rig.now, rig.effects);
        CHECK_FALSE(rig.core.is_idle());
        const auto refused = [&](const char* call, const char* number, const char* headers) {
            rig.clear();
            rig.request({.call = call, .headers = headers, .user = number});
            return rig.status() == 503;
        };
        CHECK(refused("b", "2000", ""));
        CHECK(refused("c", "3000", "X-Passcode: 77\r\n"));
        CHECK(refused("d", "3000", ""));  // who would key the passcode
        // What runs goes on, and does not split.
        CHECK_FALSE(refused("e", "1234", ""));
        rig.join("f");
        CHECK(rig.about("members", "1234")->rows.size() == 2);
        CHECK_FALSE(rig.core.is_idle());
        for (const auto* call : {"a", "f"}) rig.request({.method = "BYE", .call = call, .body = "", .cseq = 2, .to_tag = rig.tag_of(call)});
        CHECK(refused("g", "1234", "X-Passcode: 99\r\n"));
    }
}

TEST_CASE("a bridge that drains sends its members away one after the other, if it is told where", "[bridge]") {
    auto config = default_config();
    config.drain_to = "sip:192.0.2.9";
    config.drain_rate = 2;
    Rig rig(config);
    for (const auto* call : {"a", "b", "c"}) rig.join(call);
    rig.clear();
    // A request that nobody answers goes out again: each counts once.
    const auto moved = [&rig] {
        std::set<std::string> distinct;
        for (const auto& message : rig.sent)
            if (message.starts_with("REFER ")) distinct.insert(message);
        return distinct.size();
    };
    rig.core.drain(rig.now, rig.effects);
    rig.advance(base::milliseconds(0));
    CHECK(moved() == 1);
    CHECK(rig.has_sent("Refer-To: <sip:1234@192.0.2.9>"));
    REQUIRE(rig.last_media<PlayPrompt>());
    CHECK(rig.last_media<PlayPrompt>()->prompts == std::vector{PromptName::moving});
    rig.advance(base::milliseconds(499));
    CHECK(moved() == 1);
    rig.advance(base::milliseconds(1));
    CHECK(moved() == 2);
    rig.advance(base::milliseconds(500));
    CHECK(moved() == 3);
    rig.advance(base::seconds(60));  // nobody went
    CHECK(moved() == 3);
    CHECK_FALSE(rig.core.is_idle());
    CHECK(rig.byes() == 0);
    rig.advance(base::seconds(60));  // and nobody is asked again
    CHECK(moved() == 3);
}

TEST_CASE("a conference that only this bridge knows does not move when it drains", "[bridge]") {
    auto config = default_config();
    config.drain_to = "sip:192.0.2.9";
    config.factory = "meet";
    Rig rig(config);
    rig.join("a", "meet", "");
    rig.clear();
    rig.core.drain(rig.now, rig.effects);
    rig.advance(base::seconds(1));
    CHECK_FALSE(rig.core.is_idle());
    CHECK(rig.count_sent("REFER ") == 0);
}

TEST_CASE("beats that the directory does not take are counted", "[bridge]") {
    Rig rig;
    rig.core.answer(rig.now, 0, std::unexpected(local::Failure{"timeout", ""}), rig.effects);
    rig.core.answer(rig.now, 0, local::Value::object({{"accepted", false}}), rig.effects);
    rig.core.answer(rig.now, 0, local::Value::object({{"accepted", true}}), rig.effects);
    CHECK(rig.core.metrics({})[static_cast<std::size_t>(Metric::beats_failed)] == 2);
}

TEST_CASE("the beat tells the load", "[bridge]") {
    Rig rig;
    rig.join("a");
    rig.directory_answers = false;
    rig.core.expire({rig.now.steady + base::seconds(1), rig.now.wall}, rig.effects);
    REQUIRE_FALSE(rig.effects.ask.empty());
    const auto& beat = rig.effects.ask.back();
    CHECK(beat.command == "beat");
    CHECK(local::to_json(beat.arguments) ==
          R"({"bridge":"bridge","address":"udp:127.0.0.40:5080","legs":1,"conferences":1,"capacity":2000,"draining":false,)"
          R"("running":["1234"]})");
}
