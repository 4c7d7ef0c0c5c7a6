#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "sip-probe/core.hpp"
#include "sip/grammar.hpp"

using namespace confab;
using namespace confab::probe;

namespace {

// The peer of one user agent: takes what was sent, answers from it. Its clock is ours.
struct Peer {
    base::Now now{base::Instant{std::chrono::hours(1)}, base::WallTime{std::chrono::hours(500'000)}};
    sip::Hop hop{sip::Transport::udp, {*base::IpAddress::parse("127.0.0.20"), 5060}, sip::FlowId{5}, 0};
    Effects effects;
    Core core{sip::Timers{}, base::Seed{3}, {"sip:alice@example.org", "alice", "secret"}, {"127.0.0.1:4000", "sip:alice@127.0.0.1:4000"}, hop};

    std::vector<std::string> sent() {
        std::vector<std::string> messages;
        for (const auto& entry : effects.transmit.entries()) messages.emplace_back(effects.transmit.bytes(entry));
        effects.transmit.clear();
        return messages;
    }
    std::vector<Happening> happenings() { return std::exchange(effects.happenings, {}); }

    void answer(const std::string& request, int status, std::string_view headers = {}, std::string_view body = {}, std::string_view tag = "t1") {
        sip::Message message;
        REQUIRE(sip::split(request, message) == sip::ParseError::none);
        std::string text;
        sip::append_response(text, message, hop,
                             {.status = status, .to_tag = tag, .headers = headers, .content_type = body.empty() ? "" : "application/sdp", .body = body});
        core.receive(now, hop, text, false, effects);
    }
    void pass(base::milliseconds time) {
        const auto end = now.steady + time;
        while (const auto next = core.next_deadline()) {
            if (*next > end) break;
            now.steady = std::max(now.steady, *next);
            core.expire(now, effects);
        }
        now.steady = end;
    }
};

std::string line_of(const std::string& message, sip::HeaderName name) {
    sip::Message split;
    REQUIRE(sip::split(message, split) == sip::ParseError::none);
    return std::string(split.value(name));
}

std::string start_of(const std::string& message) { return message.substr(0, message.find(' ')); }

constexpr std::string_view kChallenge = "Proxy-Authenticate: Digest realm=\"example.org\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n";
constexpr std::string_view kContact = "Contact: <sip:1234@127.0.0.40:5080>\r\n";

}  // namespace

TEST_CASE("a challenged INVITE is sent again with credentials, acknowledged and ended") {
    Peer peer;
    peer.core.invite(peer.now, {"sip:1234@example.org", "X-Passcode: 77\r\n", "v=0\r\n"}, peer.effects);
    auto sent = peer.sent();
    REQUIRE(sent.size() == 1);
    CHECK(line_of(sent[0], sip::HeaderName::max_forwards) == "70");
    peer.answer(sent[0], 407, kChallenge);
    sent = peer.sent();
    REQUIRE(sent.size() == 2);
    CHECK(start_of(sent[0]) == "ACK");
    CHECK(start_of(sent[1]) == "INVITE");
    CHECK(line_of(sent[1], sip::HeaderName::cseq) == "2 INVITE");
    const auto credentials = sip::parse_digest_answer(line_of(sent[1], sip::HeaderName::proxy_authorization));
    REQUIRE(credentials);
    CHECK(sip::matches(*credentials, sip::ha1(sip::DigestAlgorithm::md5, "alice", "example.org", "secret"), "INVITE"));
    CHECK(sent[1].find("X-Passcode: 77\r\n") != std::string::npos);
    peer.answer(sent[1], 180);
    peer.answer(sent[1], 200, kContact, "v=0\r\n");
    auto happened = peer.happenings();
    REQUIRE(happened.size() == 3);
    CHECK(happened[0].kind == Happening::Kind::challenged);
    CHECK(happened[1].kind == Happening::Kind::provisional);
    CHECK(happened[2].kind == Happening::Kind::accepted);
    CHECK(happened[2].text == "v=0\r\n");
    peer.core.acknowledge(peer.now, {}, peer.effects);
    const auto ack = peer.sent();
    REQUIRE(ack.size() == 1);
    CHECK(ack[0].starts_with("ACK sip:1234@127.0.0.40:5080 SIP/2.0"));
    CHECK(line_of(ack[0], sip::HeaderName::cseq) == "2 ACK");
    // A repeated 200 gets the same ACK again.
    peer.answer(sent[1], 200, kContact, "v=0\r\n");
    CHECK(peer.sent() == ack);
    CHECK(peer.happenings().empty());

    peer.core.hang_up(peer.now, peer.effects);
    const auto bye = peer.sent();
    REQUIRE(bye.size() == 1);
    CHECK(start_of(bye[0]) == "BYE");
    peer.answer(bye[0], 200);
    happened = peer.happenings();
    REQUIRE(happened.size() == 1);
    CHECK(happened[0].kind == Happening::Kind::answered);
}

TEST_CASE("a second challenge means a wrong password unless it says stale") {
    for (const bool stale : {false, true}) {
        Peer peer;
        peer.core.register_contact(peer.now, "sip:example.org", true, base::seconds(60), peer.effects);
        peer.answer(peer.sent().back(), 401, "WWW-Authenticate: Digest realm=\"example.org\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"\r\n");
        std::string second = "WWW-Authenticate: Digest realm=\"example.org\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth\"";
        second += stale ? ", stale=true\r\n" : "\r\n";
        peer.answer(peer.sent().back(), 401, second);
        CHECK(peer.sent().size() == (stale ? 1 : 0));
        CHECK(peer.happenings().back().kind == (stale ? Happening::Kind::challenged : Happening::Kind::answered));
    }
}

TEST_CASE("a 200 that crosses our CANCEL is acknowledged and ended with BYE") {
    Peer peer;
    peer.core.invite(peer.now, {"sip:1234@example.org", "", "v=0\r\n"}, peer.effects);
    const auto invite = peer.sent().at(0);
    peer.answer(invite, 100);
    peer.core.cancel(peer.now, peer.effects);
    CHECK(start_of(peer.sent().at(0)) == "CANCEL");
    peer.answer(invite, 200, kContact, "v=0\r\n");
    const auto sent = peer.sent();
    REQUIRE(sent.size() == 2);
    CHECK(start_of(sent[0]) == "ACK");
    CHECK(start_of(sent[1]) == "BYE");
    CHECK(peer.happenings().back().status == 487);
    CHECK_FALSE(peer.core.in_call());
}

TEST_CASE("CANCEL waits for a provisional, and a refused call says so") {
    Peer peer;
    peer.core.invite(peer.now, {"sip:1234@example.org", "", "v=0\r\n"}, peer.effects);
    const auto invite = peer.sent().at(0);
    peer.core.cancel(peer.now, peer.effects);
    CHECK(peer.sent().empty());
    peer.answer(invite, 100);
    CHECK(start_of(peer.sent().at(0)) == "CANCEL");
    peer.answer(invite, 487);
    const auto happened = peer.happenings();
    CHECK(happened.back().kind == Happening::Kind::refused);
    CHECK(happened.back().status == 487);
}

TEST_CASE("a second fork's 200 is ended, the first call goes on") {
    Peer peer;
    peer.core.invite(peer.now, {"sip:1234@example.org", "", "v=0\r\n"}, peer.effects);
    const auto invite = peer.sent().at(0);
    peer.answer(invite, 200, kContact, "v=0\r\n", "first");
    peer.core.acknowledge(peer.now, {}, peer.effects);
    peer.sent();
    peer.answer(invite, 200, kContact, "v=0\r\n", "second");
    const auto sent = peer.sent();
    REQUIRE(sent.size() == 2);
    CHECK(line_of(sent[1], sip::HeaderName::to).find("tag=second") != std::string::npos);
    CHECK(start_of(sent[1]) == "BYE");
    CHECK(peer.core.in_call());
}

TEST_CASE("silence and dead flows are told apart") {
    Peer quiet;
    quiet.core.ask_options(quiet.now, "sip:127.0.0.20", {}, quiet.effects);
    quiet.pass(base::seconds(40));
    REQUIRE_FALSE(quiet.effects.happenings.empty());
    CHECK(quiet.happenings().back().kind == Happening::Kind::silent);

    Peer dead;
    dead.core.ask_options(dead.now, "sip:127.0.0.20", {}, dead.effects);
    dead.core.flow_failed(dead.now, dead.hop, dead.effects);
    REQUIRE_FALSE(dead.effects.happenings.empty());
    CHECK(dead.happenings().back().kind == Happening::Kind::unreachable);
}

TEST_CASE("what a peer may ask of the probe") {
    Peer peer;
    peer.core.invite(peer.now, {"sip:1234@example.org", "", "v=0\r\n"}, peer.effects);
    const auto invite = peer.sent().at(0);
    peer.answer(invite, 200, kContact, "v=0\r\n");
    peer.core.acknowledge(peer.now, {}, peer.effects);
    peer.sent();
    sip::Message sent;
    REQUIRE(sip::split(invite, sent) == sip::ParseError::none);
    const auto ask = [&](sip::Method method, bool in_dialog, std::uint32_t cseq) {
        std::string text;
        const auto mark = "z9hG4bK" + std::to_string(cseq);
        sip::append_request(text, {.method = method, .uri = "sip:alice@127.0.0.1:4000", .via_sent_by = "127.0.0.40:5080", .branch = mark,
                                   .from = "<sip:1234@example.org>;tag=t1", .to = in_dialog ? sent.from : std::string_view("<sip:alice@example.org>"),
                                   .call_id = in_dialog ? sent.call_id : std::string_view("other"), .cseq = cseq,
                                   .headers = "Contact: <sip:1234@127.0.0.40:5080>\r\n"});
        peer.core.receive(peer.now, peer.hop, text, false, peer.effects);
        sip::Message response;
        const auto answers = peer.sent();
        REQUIRE(answers.size() == 1);
        REQUIRE(sip::split(answers[0], response) == sip::ParseError::none);
        return response.status;
    };
    CHECK(ask(sip::Method::options, false, 1) == 200);
    CHECK(ask(sip::Method::invite, false, 2) == 486);
    CHECK(ask(sip::Method::bye, false, 3) == 405);
    CHECK(ask(sip::Method::refer, true, 4) == 405);
    CHECK(ask(sip::Method::invite, true, 5) == 200);
    CHECK(ask(sip::Method::bye, true, 4) == 500);
    CHECK(ask(sip::Method::bye, true, 7) == 200);
    CHECK(peer.happenings().back().kind == Happening::Kind::ended);
    CHECK(ask(sip::Method::bye, true, 8) == 481);
}
