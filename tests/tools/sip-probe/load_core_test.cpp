// LoadCore against a canned server: the requests that come out are answered by hand, and time is ours.
#include <catch2/catch.hpp>

#include "sip-probe/callee.hpp"
#include "sip-probe/load_core.hpp"
#include "sip/compose.hpp"

using namespace confab;
using namespace confab::probe;
using base::milliseconds;

namespace {

constexpr std::string_view kChallenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=MD5\r\n";

struct Rig {
    explicit Rig(LoadPlan plan, std::size_t users = 10) : core(prepared(std::move(plan)), LoadUsers::numbered(users, "u#", "pw#"), "run") {}

    static LoadPlan prepared(LoadPlan plan) {
        if (plan.uri.empty()) plan.uri = "sip:example.org";
        plan.domain = "example.org";
        plan.server.peer = *base::SocketAddress::parse("127.0.0.1:5060");
        if (plan.lines.empty()) plan.lines = {"127.0.0.1:6000"};
        return plan;
    }

    // Advances to `at` after the beginning and takes what was sent.
    std::vector<std::string> advance(base::Duration at) {
        now = base::Instant{} + at;
        out.clear();
        core.advance(now, out);
        return taken();
    }
    std::vector<std::string> taken() {
        std::vector<std::string> messages;
        for (const auto& entry : out.entries()) messages.emplace_back(out.bytes(entry));
        out.clear();
        return messages;
    }
    // The server's answer to one request, and what that brings forth.
    std::vector<std::string> answer(const std::string& request, int status, std::string_view headers = {}) {
        sip::Message message;
        REQUIRE(sip::split(request, message) == sip::ParseError::none);
        std::string response;
        sip::append_response(response, message, {sip::Transport::udp, *base::SocketAddress::parse("127.0.0.1:6000"), {}, 0}, {.status = status, .to_tag = "server", .headers = headers});
        core.receive(now, 0, response, out);
        core.advance(now, out);
        return taken();
    }

    LoadCore core;
    Sendings out;
    base::Instant now{};
};

sip::Message split(const std::string& text) {
    sip::Message message;
    REQUIRE(sip::split(text, message) == sip::ParseError::none);
    return message;
}

}  // namespace

TEST_CASE("an open loop begins its operations when they are due, and latency counts from then") {
    Rig rig({.rate = 100, .warm_up = milliseconds(10), .duration = milliseconds(30)});
    rig.core.begin(rig.now);
    CHECK(rig.core.next() == base::Instant{});
    const auto first = rig.advance(milliseconds(0));
    REQUIRE(first.size() == 1);
    CHECK(split(first[0]).method_token == "OPTIONS");
    CHECK(rig.core.next() == base::Instant{} + milliseconds(10));
    // We come late: two are due, the older for 15 ms.
    const auto late = rig.advance(milliseconds(25));
    REQUIRE(late.size() == 2);
    rig.answer(first[0], 200);
    for (const auto& request : late) rig.answer(request, 200);
    CHECK(rig.core.tally().latency.count() == 2);  // the first belongs to the warm-up
    CHECK(rig.core.tally().latency.max() == milliseconds(15));
    const auto last = rig.advance(milliseconds(60));
    REQUIRE(last.size() == 1);
    CHECK_FALSE(rig.core.is_over());
    rig.answer(last[0], 200);
    CHECK(rig.core.is_over());
    CHECK(rig.core.tally().sent == 4);
    CHECK(rig.core.tally().answered == 4);
    CHECK(rig.core.tally().completed == 3);  // one answer came after the window
    CHECK(rig.core.tally().failed() == 0);
}

TEST_CASE("a closed loop keeps so many under way, up to its count") {
    Rig rig({.outstanding = 2, .count = 3});
    rig.core.begin(rig.now);
    const auto begun = rig.advance(milliseconds(0));
    REQUIRE(begun.size() == 2);
    const auto third = rig.answer(begun[1], 200);
    REQUIRE(third.size() == 1);
    CHECK(rig.answer(begun[0], 503).empty());
    CHECK(rig.answer(begun[0], 200).empty());  // over already
    CHECK_FALSE(rig.core.is_over());
    rig.answer(third[0], 200);
    CHECK(rig.core.is_over());
    CHECK(rig.core.tally().answered == 2);
    CHECK(rig.core.tally().failures.at("503") == 1);
    CHECK(rig.core.tally().repeated == 1);
}

TEST_CASE("a lost answer is a failed operation; with retransmission the request comes again as RFC 3261 says") {
    Rig plain({.count = 1, .timeout = milliseconds(2000)});
    plain.core.begin(plain.now);
    CHECK(plain.advance(milliseconds(0)).size() == 1);
    CHECK(plain.advance(milliseconds(1999)).empty());
    plain.advance(milliseconds(2000));
    CHECK(plain.core.is_over());
    CHECK(plain.core.tally().timed_out() == 1);

    Rig stubborn({.count = 1, .timeout = milliseconds(32'000), .retransmit = true});
    stubborn.core.begin(stubborn.now);
    const auto first = stubborn.advance(milliseconds(0));
    REQUIRE(first.size() == 1);
    std::vector<int> times;
    for (int ms = 1; ms <= 32'000; ++ms) {
        const auto again = stubborn.advance(milliseconds(ms));
        if (again.empty()) continue;
        CHECK(again == first);
        times.push_back(ms);
    }
    CHECK(times == std::vector<int>{500, 1500, 3500, 7500, 11'500, 15'500, 19'500, 23'500, 27'500, 31'500});  // Timer E
    CHECK(stubborn.core.tally().timed_out() == 1);
}

TEST_CASE("REGISTER answers one challenge") {
    Rig rig({.operation = Operation::register_, .contact = "192.0.2.1:5060", .outstanding = 1, .count = 2, .expires = 60, .first_user = 3});
    rig.core.begin(rig.now);
    const auto first = rig.advance(milliseconds(0));
    REQUIRE(first.size() == 1);
    CHECK(split(first[0]).value(sip::HeaderName::contact) == "<sip:u3@192.0.2.1:5060>");
    CHECK(split(first[0]).value(sip::HeaderName::expires) == "60");
    CHECK(split(first[0]).to == "<sip:u3@example.org>");
    const auto second = rig.answer(first[0], 401, kChallenge);
    REQUIRE(second.size() == 1);
    const auto message = split(second[0]);
    const auto credentials = sip::parse_digest_answer(message.value(sip::HeaderName::authorization));
    REQUIRE(credentials);
    CHECK(sip::matches(*credentials, sip::ha1(sip::DigestAlgorithm::md5, "u3", "r", "pw3"), "REGISTER"));
    CHECK(message.call_id == split(first[0]).call_id);
    CHECK(message.cseq == split(first[0]).cseq + 1);
    CHECK(message.via.branch != split(first[0]).via.branch);
    CHECK(rig.answer(first[0], 401, kChallenge).empty());  // a late copy of the challenge
    const auto next = rig.answer(second[0], 200);
    REQUIRE(next.size() == 1);
    CHECK(split(next[0]).to == "<sip:u4@example.org>");
    const auto again = rig.answer(next[0], 401, kChallenge);
    REQUIRE(again.size() == 1);
    rig.answer(again[0], 401, kChallenge);  // the password is wrong
    CHECK(rig.core.is_over());
    CHECK(rig.core.tally().answered == 1);
    CHECK(rig.core.tally().refused_credentials() == 1);
}

TEST_CASE("a stale nonce is answered with the new one, once") {
    const std::string stale = "WWW-Authenticate: Digest realm=\"r\", nonce=\"m\", qop=\"auth\", algorithm=MD5, stale=true\r\n";
    Rig rig({.operation = Operation::register_, .outstanding = 1, .count = 2});
    rig.core.begin(rig.now);
    const auto first = rig.advance(milliseconds(0));
    REQUIRE(first.size() == 1);
    const auto second = rig.answer(first[0], 401, kChallenge);
    REQUIRE(second.size() == 1);
    const auto third = rig.answer(second[0], 401, stale);  // the server began anew in between
    REQUIRE(third.size() == 1);
    CHECK(sip::parse_digest_answer(split(third[0]).value(sip::HeaderName::authorization))->nonce == "m");
    CHECK(split(third[0]).cseq == split(second[0]).cseq + 1);
    CHECK(split(third[0]).via.branch != split(second[0]).via.branch);
    const auto next = rig.answer(third[0], 200);
    REQUIRE(next.size() == 1);
    CHECK(split(next[0]).cseq > split(third[0]).cseq);
    rig.answer(rig.answer(rig.answer(next[0], 401, kChallenge).at(0), 401, stale).at(0), 401, stale);
    CHECK(rig.core.is_over());
    CHECK(rig.core.tally().answered == 1);
    CHECK(rig.core.tally().refused_credentials() == 1);
}

TEST_CASE("a call is challenged, answered, acknowledged along its route, held and ended") {
    Rig rig({.operation = Operation::call, .uri = "sip:bob@example.org", .count = 1, .hold = milliseconds(100), .retransmit = true});
    rig.core.begin(rig.now);
    const auto invite = rig.advance(milliseconds(0));
    REQUIRE(invite.size() == 1);
    const auto refused = rig.answer(invite[0], 407, "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n");
    REQUIRE(refused.size() == 2);
    CHECK(split(refused[0]).method == sip::Method::ack);
    CHECK(split(refused[0]).via.branch == split(invite[0]).via.branch);
    CHECK(split(refused[0]).to_tag == "server");
    CHECK(split(refused[1]).method == sip::Method::invite);
    CHECK(split(refused[1]).to_tag.empty());
    CHECK(split(refused[1]).find(sip::HeaderName::proxy_authorization) != nullptr);
    CHECK(rig.answer(refused[1], 180).empty());
    CHECK(rig.advance(milliseconds(5'000)).empty());  // a provisional has come: silence
    const std::string_view dialog = "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nContact: <sip:bob@192.0.2.9:5080>\r\n";
    const auto acknowledged = rig.answer(refused[1], 200, dialog);
    REQUIRE(acknowledged.size() == 1);
    const auto ack = split(acknowledged[0]);
    CHECK(ack.method == sip::Method::ack);
    CHECK(ack.uri == "sip:bob@192.0.2.9:5080");
    CHECK(acknowledged[0].find("Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\n") != std::string::npos);
    CHECK(ack.cseq == split(refused[1]).cseq);
    CHECK(rig.answer(refused[1], 200, dialog) == acknowledged);  // the 200 comes again until its ACK has
    CHECK(rig.advance(milliseconds(5'099)).empty());
    const auto bye = rig.advance(milliseconds(5'100));
    REQUIRE(bye.size() == 1);
    CHECK(split(bye[0]).method == sip::Method::bye);
    CHECK(split(bye[0]).cseq > ack.cseq);
    CHECK(split(bye[0]).to_tag == "server");
    CHECK(rig.advance(milliseconds(5'600)) == bye);  // Timer E
    rig.answer(bye[0], 200);
    CHECK(rig.core.is_over());
    CHECK(rig.core.tally().answered == 1);
    CHECK(rig.core.tally().latency.max() == milliseconds(5'000));
}

TEST_CASE("a connection that is lost fails its operations, or with retransmission asks again when it is back") {
    for (const bool retransmit : {false, true}) {
        LoadPlan plan{.lines = {"127.0.0.1", "127.0.0.1"}, .outstanding = 2, .count = 2, .retransmit = retransmit};
        plan.server.transport = sip::Transport::tcp;
        Rig rig(plan);
        rig.core.begin(rig.now);
        const auto requests = rig.advance(milliseconds(0));
        REQUIRE(requests.size() == 2);
        rig.core.line_down(1);
        CHECK(rig.core.live() == (retransmit ? 2 : 1));
        rig.core.line_up(rig.now, 1, rig.out);
        CHECK(rig.taken() == (retransmit ? std::vector<std::string>{requests[1]} : std::vector<std::string>{}));
        rig.now += milliseconds(30);
        rig.answer(requests[1], 200);
        CHECK(rig.core.tally().resumed.count() == (retransmit ? 1 : 0));
        CHECK(rig.core.tally().resumed.max() == milliseconds(retransmit ? 30 : 0));
        rig.core.finish();
        CHECK(rig.core.live() == 0);
        CHECK(rig.core.tally().failed() == (retransmit ? 1 : 2));
    }
}

TEST_CASE("what a server asks is answered, what is no answer of ours is counted") {
    Rig rig({.count = 1});
    rig.core.begin(rig.now);
    const auto request = rig.advance(milliseconds(0));
    rig.core.receive(rig.now, 0, request[0], rig.out);
    const auto answered = rig.taken();
    REQUIRE(answered.size() == 1);
    CHECK(split(answered[0]).status == 200);
    rig.core.receive(rig.now, 0, "nonsense", rig.out);
    CHECK(rig.core.tally().stray == 1);
    auto foreign = request[0];
    foreign.replace(foreign.find("z9hG4bKrun"), 10, "z9hG4bKnur");
    CHECK(rig.answer(foreign, 200).empty());
    CHECK(rig.core.tally().repeated == 1);
    CHECK(rig.core.live() == 1);
}

TEST_CASE("the callee answers and repeats its 200 until the ACK") {
    Callee callee("sip:callee@127.0.0.1:5099", milliseconds(500), true);
    LoadTally tally;
    sip::Outbox out;
    const sip::Hop proxy{sip::Transport::udp, *base::SocketAddress::parse("127.0.0.1:5060"), {}, 0};
    const auto request = [](std::string_view method, std::string_view tag) {
        return std::string(method) + " sip:callee@127.0.0.1:5099 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n" +
               "Record-Route: <sip:127.0.0.1:5060;lr>\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>" + std::string(tag) + "\r\nCall-ID: x\r\nCSeq: 1 " + std::string(method) +
               "\r\nContent-Length: 0\r\n\r\n";
    };
    const base::Instant start{};
    callee.receive(start, proxy, request("INVITE", ""), false, out, tally);
    REQUIRE(out.entries().size() == 2);
    const std::string accepted(out.bytes(out.entries()[1]));
    CHECK(split(std::string(out.bytes(out.entries()[0]))).status == 180);
    CHECK(split(accepted).status == 200);
    CHECK(split(accepted).to_tag == "callee");
    CHECK(split(accepted).find(sip::HeaderName::record_route) != nullptr);
    CHECK(split(accepted).body == load_session());
    out.clear();
    CHECK(callee.next() == start + milliseconds(500));
    callee.expire(start + milliseconds(500), out, tally);
    REQUIRE(out.entries().size() == 1);
    CHECK(out.bytes(out.entries()[0]) == accepted);
    out.clear();
    callee.receive(start + milliseconds(600), proxy, request("ACK", ";tag=callee"), false, out, tally);
    callee.expire(start + milliseconds(60'000), out, tally);
    CHECK(out.empty());
    callee.receive(start, proxy, request("BYE", ";tag=callee"), false, out, tally);
    REQUIRE(out.entries().size() == 1);
    CHECK(split(std::string(out.bytes(out.entries()[0]))).status == 200);
    CHECK(tally.invited == 1);
    CHECK(tally.acknowledged == 1);
    CHECK(tally.ended == 1);
}
