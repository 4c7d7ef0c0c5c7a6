#include <catch2/catch.hpp>

#include "sip/notifier.hpp"

using namespace confab;
using namespace confab::sip;

namespace {

// A notifier with one topic, and a subscriber who answers by hand.
struct Bench {
    base::Now now{base::Instant(base::seconds(1000)), base::WallTime(base::seconds(1'700'000'000))};
    base::Random random{base::Seed{3}};
    Transactions transactions{Timers{}, base::Seed{4}, 100};
    Outbox out;
    Notifier notifier{{.total = 10, .shortest = base::seconds(10), .pause = base::milliseconds(500), .user = 1000}};
    Hop source{.peer = *base::SocketAddress::parse("192.0.2.9:5060"), .flow = {1}, .listener = 0};
    int branch = 0, cseq = 0, sent = 0, status = 0;
    std::string to_tag, last;

    Sending sending() { return {now, transactions, random, out}; }
    void subscribe(int expires, bool within = false) {
        const auto text = "SUBSCRIBE sip:t@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK" + std::to_string(++branch) +
                          "\r\nMax-Forwards: 70\r\nFrom: <sip:w@h>;tag=w\r\nTo: <sip:t@h>" + (within ? ";tag=" + to_tag : "") +
                          "\r\nCall-ID: c\r\nCSeq: " + std::to_string(++cseq) + " SUBSCRIBE\r\nContact: <sip:w@192.0.2.9>\r\nEvent: x\r\nExpires: " +
                          std::to_string(expires) + "\r\nContent-Length: 0\r\n\r\n";
        Message request;
        REQUIRE(split(text, request) == ParseError::none);
        const auto event = transactions.receive(now, source, request, out);
        REQUIRE(event.kind == Event::Kind::request);
        if (within) REQUIRE(notifier.knows(request));
        notifier.subscribe(sending(), event.server, source, request, "t", {"192.0.2.1", "sip:t@192.0.2.1"});
        Message response;
        const std::string bytes(out.bytes(out.entries().front()));
        REQUIRE(split(bytes, response) == ParseError::none);
        status = response.status;
        to_tag = response.to_tag;
        turn();
    }
    // Sends what is due; each body is the mark of the one before.
    void turn() {
        while (const auto due = notifier.take_due(now)) {
            last = (due->known ? std::to_string(*due->known) : "whole") + (due->missed ? " missed" : "");
            notifier.notify(sending(), *due, "text/plain", last, due->version);
            ++sent;
        }
        out.clear();
    }
    void touch() {
        notifier.touch(now, "t");
        turn();
    }
    void pass(base::milliseconds time) {
        now.steady += time;
        notifier.expire(now);
        turn();
    }
    void answer(int code, std::string_view retry_after = {}) {
        notifier.answered(now, 1001, code, retry_after);
        turn();
    }
};

}  // namespace

TEST_CASE("one NOTIFY is out at a time, and two are a pause apart", "[sip][notifier]") {
    Bench bench;
    bench.subscribe(600);
    CHECK(bench.status == 200);
    CHECK(bench.sent == 1);
    CHECK(bench.last == "whole");
    bench.touch();
    bench.pass(base::seconds(1));
    CHECK(bench.sent == 1);
    bench.answer(100);
    CHECK(bench.sent == 1);
    bench.answer(200);
    CHECK(bench.sent == 2);
    CHECK(bench.last == "0 missed");
    bench.answer(200);
    bench.touch();
    CHECK(bench.sent == 2);
    CHECK(*bench.notifier.next_deadline() > bench.now.steady);
    bench.pass(base::milliseconds(500));
    CHECK(bench.sent == 3);
    bench.answer(200);
    bench.pass(base::seconds(1));
    bench.touch();
    CHECK(bench.sent == 4);
    CHECK(bench.last == "2");

    SECTION("a failure ends it") {
        bench.answer(GENERATE(404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604));
        CHECK(bench.notifier.size() == 0);
        bench.touch();
        CHECK(bench.sent == 4);
    }
    SECTION("a refusal of the NOTIFY alone does not: the whole state comes later") {
        SECTION("when the subscriber says") {
            bench.answer(503, "20 (busy);duration=60");
            bench.pass(base::milliseconds(19'999));
        }
        SECTION("or after a while") {
            bench.answer(500, GENERATE("", "0", "soon"));
            bench.touch();
            bench.pass(base::milliseconds(31'999));
        }
        CHECK(bench.sent == 4);
        bench.pass(base::milliseconds(1));
        CHECK(bench.sent == 5);
        CHECK(bench.last == "whole missed");
        bench.answer(200);
        CHECK(bench.notifier.size() == 1);
    }
    SECTION("the end of its topic does not wait for the subscriber, and is told once") {
        bench.answer(500);
        bench.notifier.finish(bench.now, "t", "noresource");
        bench.turn();
        CHECK(bench.sent == 5);
        bench.answer(500);
        CHECK(bench.notifier.size() == 0);
    }
    SECTION("the end of its topic is told without a pause, and after the answer that is awaited") {
        bench.notifier.finish(bench.now, "t", "noresource");
        bench.turn();
        CHECK(bench.sent == 4);
        bench.answer(200);
        CHECK(bench.sent == 5);
        CHECK(bench.notifier.size() == 1);
        bench.answer(200);
        CHECK(bench.notifier.size() == 0);
    }
    SECTION("asked anew it owes the whole state at once") {
        bench.answer(200);
        bench.subscribe(600, true);
        CHECK(bench.sent == 5);
        CHECK(bench.last == "whole");
    }
    SECTION("it ends in time") {
        bench.answer(200);
        bench.pass(base::seconds(600));
        CHECK(bench.sent == 5);
        bench.answer(200);
        CHECK(bench.notifier.size() == 0);
        CHECK_FALSE(bench.notifier.next_deadline());
    }
}

TEST_CASE("a wish that is too short, and one for nothing", "[sip][notifier]") {
    Bench bench;
    bench.subscribe(9);
    CHECK(bench.status == 423);
    CHECK(bench.sent == 0);
    CHECK(bench.notifier.size() == 0);
    bench.subscribe(0);
    CHECK(bench.status == 200);
    CHECK(bench.sent == 1);
    bench.answer(200);
    CHECK(bench.notifier.size() == 0);
}
