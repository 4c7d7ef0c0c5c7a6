#include <catch2/catch.hpp>

#include "tools/conf-bridge/fixture.hpp"

using namespace confab;
using namespace confab::bridge;
using namespace confab::bridge::test;

TEST_CASE("a caller with a passcode joins without a prompt", "[bridge]") {
    Rig rig;
    rig.request({.headers = "X-Passcode: 99\r\nP-Asserted-Identity: \"Alice A\" <sip:alice@site.example>\r\n"});
    CHECK_FALSE(rig.has_event("joined"));
    rig.ack("a");
    CHECK(rig.has_event("joined"));
    CHECK(rig.last_media<PlayPrompt>() == nullptr);
    const auto* attach = rig.last_media<AttachLeg>();
    REQUIRE(attach);
    CHECK(attach->room != kLobby);
    CHECK(attach->remote.text() == "127.0.0.9:4000");
    CHECK(attach->format.telephone_event == 101);
    const auto members = rig.about("members", "1234");
    REQUIRE(members);
    REQUIRE(members->rows.size() == 1);
    const auto& row = members->rows.front();
    CHECK(row.integer("member") == 1);
    CHECK(row.text("identity") == "sip:alice@site.example");
    CHECK(row.text("name") == "Alice A");
    CHECK(row.text("state") == "joined");
    CHECK(row.text("since") == "2024-10-04T00:00:00Z");
}

TEST_CASE("an INVITE without SDP gets the offer in the 200 and gives the answer in ACK", "[bridge]") {
    Rig rig;
    rig.request({.headers = "X-Passcode: 99\r\n", .body = ""});
    REQUIRE(rig.status() == 200);
    SECTION("usable answer") {
        rig.ack("a", 1, kOffer);
        CHECK(rig.has_event("joined"));
        CHECK(rig.last_media<AttachLeg>()->remote.text() == "127.0.0.9:4000");
    }
    SECTION("no answer") {
        rig.ack("a");
        CHECK(rig.sent.back().starts_with("BYE sip:alice@127.0.0.9:5060"));
        CHECK(rig.has_sent("Reason: SIP;cause=488"));
        CHECK_FALSE(rig.has_event("joined"));
        CHECK(rig.is_clean());
    }
    SECTION("malformed answer") {
        rig.ack("a", 1, "m=nonsense");
        CHECK(rig.sent.back().starts_with("BYE "));
        CHECK(rig.is_clean());
    }
}

TEST_CASE("a 200 is sent again until its ACK comes", "[bridge]") {
    Rig rig;
    rig.request({.headers = "X-Passcode: 99\r\n"});
    const auto tag = rig.tag();
    rig.clear();
    rig.advance(base::milliseconds(499));
    CHECK(rig.sent.empty());
    rig.advance(base::milliseconds(1));
    CHECK(rig.count_sent("SIP/2.0 200") == 1);
    rig.advance(base::seconds(3));  // 1.5 s and 3.5 s after the first
    CHECK(rig.count_sent("SIP/2.0 200") == 3);
    SECTION("ACK ends it") {
        rig.request({.method = "ACK", .body = "", .to_tag = tag});
        rig.clear();
        rig.advance(base::seconds(60));
        CHECK(rig.count_sent("SIP/2.0 200") == 0);
        CHECK(rig.core.status().integer("legs") == 1);
    }
    SECTION("without one the leg is ended with BYE after 64*T1") {
        rig.advance(base::milliseconds(28'400));
        CHECK(rig.byes() == 0);
        rig.advance(base::milliseconds(200));
        CHECK(rig.byes() == 1);
        CHECK(rig.core.status().integer("legs") == 0);
        CHECK(rig.has_event("conference-ended"));
        CHECK_FALSE(rig.has_event("joined"));
        CHECK(rig.is_clean());
    }
}

TEST_CASE("a held leg leaves the mix at once and comes back", "[bridge]") {
    Rig rig;
    const auto leg = rig.join("a");
    rig.happen({MediaEvent::Kind::talking, {leg}});
    rig.clear();
    rig.request({.call = "a", .body = kHoldOffer, .cseq = 2, .to_tag = rig.tag_of("a")});
    CHECK(rig.status() == 200);
    CHECK(rig.has_sent("a=recvonly"));
    CHECK(rig.last_media<FormatLeg>()->format.held);
    CHECK(rig.has_event("held"));
    CHECK(rig.has_event("silent"));
    CHECK(rig.about("members", "1234")->rows.front().text("state") == "held");
    rig.ack("a", 2);
    rig.clear();
    rig.request({.call = "a", .body = kOffer, .cseq = 3, .to_tag = rig.tag_of("a")});
    CHECK(rig.has_event("resumed"));
    CHECK_FALSE(rig.last_media<FormatLeg>()->format.held);
    CHECK(rig.has_sent(" 3 IN IP4 127.0.0.40"));  // the version counts changes
}

TEST_CASE("re-INVITE rows", "[bridge]") {
    Rig rig;
    rig.join("a");
    const auto tag = rig.tag_of("a");
    SECTION("one before the ACK of the last is 491") {
        rig.request({.call = "a", .cseq = 2, .to_tag = tag});
        rig.request({.call = "a", .cseq = 3, .to_tag = tag});
        CHECK(rig.status() == 491);
    }
    SECTION("a refused one leaves the session as it was") {
        rig.clear();
        const std::string unknown = "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nc=IN IP4 1.1.1.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 18\r\n";
        rig.request({.call = "a", .body = unknown, .cseq = 2, .to_tag = tag});
        CHECK(rig.status() == 488);
        CHECK(rig.last_media<FormatLeg>() == nullptr);
        CHECK(rig.core.status().integer("legs") == 1);
    }
    SECTION("a group is sent nothing") {
        rig.clear();
        rig.request({.call = "a", .body = "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nc=IN IP4 224.1.2.3/127\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n", .cseq = 2, .to_tag = tag});
        CHECK(rig.status() == 488);
        CHECK(rig.last_media<FormatLeg>() == nullptr);
    }
    SECTION("held the old way, in whichever family") {
        rig.request({.call = "a", .body = "v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=inactive\r\n", .cseq = 2, .to_tag = tag});
        CHECK(rig.status() == 200);
        CHECK(rig.has_event("held"));
        CHECK_FALSE(rig.last_media<FormatLeg>()->format.sends);
        rig.ack("a", 2);
        rig.request({.call = "a", .body = "v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=inactive\r\n", .cseq = 3, .to_tag = tag});
        CHECK(rig.status() == 488);
    }
    SECTION("where RTCP goes is told") {
        auto body = kOffer + "a=rtcp:4711\r\n";
        rig.request({.call = "a", .body = body, .cseq = 2, .to_tag = tag});
        CHECK(rig.last_media<FormatLeg>()->remote_rtcp.text() == "127.0.0.9:4711");
    }
    SECTION("without SDP we offer, and the answer counts") {
        rig.request({.call = "a", .body = "", .cseq = 2, .to_tag = tag});
        CHECK(rig.has_sent("m=audio 20002 RTP/AVP 96 9 0 8 97 98 99 101 102 103"));
        rig.ack("a", 2, "v=0\r\no=- 1 3 IN IP4 127.0.0.8\r\ns=-\r\nc=IN IP4 127.0.0.8\r\nt=0 0\r\nm=audio 4444 RTP/AVP 8\r\n");
        CHECK(rig.last_media<FormatLeg>()->remote.text() == "127.0.0.8:4444");
        CHECK(rig.last_media<FormatLeg>()->format.codec.kind == media::CodecKind::pcma);
    }
    SECTION("without its ACK the leg is ended") {
        rig.request({.call = "a", .cseq = 2, .to_tag = tag});
        rig.advance(base::seconds(33));
        CHECK(rig.byes() > 0);
        CHECK(rig.is_clean());
    }
    SECTION("a CSeq that goes back is 500") {
        rig.request({.call = "a", .cseq = 0, .to_tag = tag});
        CHECK(rig.status() == 500);
    }
    SECTION("another dialog's tag is 481") {
        rig.request({.call = "b", .cseq = 2, .to_tag = tag});
        CHECK(rig.status() == 481);
    }
    SECTION("UPDATE with an offer") {
        rig.request({.method = "UPDATE", .call = "a", .body = kHoldOffer, .cseq = 2, .to_tag = tag});
        CHECK(rig.status() == 200);
        CHECK(rig.has_event("held"));
    }
    SECTION("UPDATE with content that may be ignored") {
        rig.request({.method = "UPDATE",
                     .call = "a",
                     .headers = "Content-Type: application/x\r\nContent-Disposition: render;handling=optional\r\n",
                     .body = "hello",
                     .cseq = 2,
                     .to_tag = tag});
        CHECK(rig.status() == 200);
    }
    SECTION("OPTIONS in the dialog") {
        rig.request({.method = "OPTIONS", .call = "a", .body = "", .cseq = 2, .to_tag = tag});
        CHECK(rig.status() == 200);
        CHECK(rig.has_sent("Contact: <sip:1234@127.0.0.40:5080>;isfocus\r\nAccept: "));
    }
}

TEST_CASE("a refresh that is answered without SDP leaves the session as it is", "[bridge]") {
    Rig rig;
    rig.join("a");
    rig.clear();
    for (int i = 0; i < 901 && rig.sent.empty(); ++i) rig.advance(base::seconds(1));
    REQUIRE_FALSE(rig.sent.empty());
    const auto invite = rig.sent.front();
    REQUIRE(invite.starts_with("INVITE "));
    std::string answer = "SIP/2.0 200 OK\r\n";
    for (const std::string_view name : {"Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "}) {
        const auto at = invite.find(name);
        answer += invite.substr(at, invite.find("\r\n", at) + 2 - at);
    }
    rig.receive(answer + "Contact: <sip:alice@127.0.0.9:5060>\r\nContent-Length: 0\r\n\r\n");
    CHECK(rig.count_sent("ACK ") == 1);
    CHECK(rig.byes() == 0);
    CHECK(rig.core.status().integer("legs") == 1);
}

TEST_CASE("INFO brings digits or is refused", "[bridge]") {
    Rig rig;
    rig.join("a");
    rig.clear();
    const auto inform = [&rig](const std::string& type, const std::string& body, int cseq) {
        rig.request({.method = "INFO",
                     .call = "a",
                     .headers = "Content-Type: " + type + "\r\n",
                     .body = body,
                     .cseq = cseq,
                     .to_tag = rig.tag_of("a")});
    };
    inform("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", 2);
    CHECK(rig.status() == 200);
    REQUIRE(rig.has_event("digits"));
    CHECK(rig.events.back().fields.text("digits") == "*");
    inform("text/plain", "5", 3);
    CHECK(rig.status() == 415);
    inform("text/plain\r\nContent-Disposition: render;handling=optional", "5", 4);
    CHECK(rig.status() == 200);
}

TEST_CASE("BYE ends the leg and, as the last, the conference", "[bridge]") {
    Rig rig;
    rig.join("a");
    rig.join("b");
    rig.clear();
    rig.request({.method = "BYE", .call = "a", .body = "", .cseq = 2, .to_tag = rig.tag_of("a")});
    CHECK(rig.status() == 200);
    CHECK(rig.has_event("left"));
    CHECK(rig.events.back().fields.text("reason") == "hung up");
    CHECK_FALSE(rig.has_event("conference-ended"));
    rig.request({.method = "BYE", .call = "b", .body = "", .cseq = 2, .to_tag = rig.tag_of("b")});
    CHECK(rig.has_event("conference-ended"));
    CHECK(rig.is_clean());
}

TEST_CASE("a leg whose media has stopped is ended with its reason", "[bridge]") {
    Rig rig;
    const auto leg = rig.join("a");
    rig.clear();
    rig.happen({MediaEvent::Kind::media_stopped, {leg}});
    CHECK(rig.byes() == 1);
    CHECK(rig.has_sent("Reason: SIP;cause=408;text=\"media stopped\""));
    CHECK(rig.is_clean());
}

TEST_CASE("over TCP the dialog survives its connection", "[bridge]") {
    Rig rig;
    auto invite = rig.text({.headers = "X-Passcode: 99\r\n"});
    invite.replace(invite.find("/UDP"), 4, "/TCP");
    invite.replace(invite.find("127.0.0.9:5060>"), 15, "127.0.0.9:5060;transport=tcp>");
    rig.receive(invite, "127.0.0.9:40000", sip::Transport::tcp);
    REQUIRE(rig.status() == 200);
    CHECK(rig.has_sent("Contact: <sip:1234@127.0.0.40:5080;transport=tcp>;isfocus"));
    rig.ack("a");
    rig.core.flow_failed(rig.now, {sip::Transport::tcp, *base::SocketAddress::parse("127.0.0.9:40000"), {1}, 1}, rig.effects);
    const auto* end = local::find_command(local::bridge_vocabulary(), "end");
    REQUIRE(rig.core.command(rig.now, {1, end, local::Value::object({{"conference", "1234"}})}, rig.effects));
    REQUIRE(rig.effects.transmit.entries().size() == 1);
    const auto& to = rig.effects.transmit.entries().front().to;
    CHECK(to.peer.text() == "127.0.0.9:5060");
    CHECK(to.transport == sip::Transport::tcp);
    CHECK(to.flow == sip::FlowId{});
}
