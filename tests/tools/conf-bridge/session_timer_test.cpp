#include "conf-bridge/session_timer.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace confab;
using namespace confab::bridge;
using namespace std::chrono_literals;

namespace {

using Refresher = SessionTimer::Refresher;
using Due = SessionTimer::Due;
using Verdict = SessionTimer::Verdict;

const TimerPolicy kPolicy{true, 1800s, 120s};

class Text {
public:
    Text(const std::string& start, const std::string& lines)
        : bytes_(start + "\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\n"
                         "CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:a@192.0.2.1>\r\n" + lines + "Content-Length: 0\r\n\r\n") {
        REQUIRE(sip::split(bytes_, message) == sip::ParseError::none);
    }
    Text(const Text&) = delete;
    sip::Message message;

private:
    std::string bytes_;
};
const std::string kInvite = "INVITE sip:c@d SIP/2.0", kOk = "SIP/2.0 200 OK", kSmall = "SIP/2.0 422 Session Interval Too Small";

base::Now at(base::milliseconds time) { return {base::Instant(1h + time), base::WallTime(time)}; }

}  // namespace

TEST_CASE("a request is answered after RFC 4028's table 2", "[session_timer]") {
    struct Row {
        const char* what;
        std::string lines;
        bool too_short;
        Refresher refresher;
        std::int64_t interval;
        std::string answer;
    };
    const std::string require = "Require: timer\r\n";
    const Row rows[] = {
        {"knows nothing of it", "", false, Refresher::we, 1800, "Session-Expires: 1800;refresher=uas\r\n"},
        {"a proxy asks", "Session-Expires: 600\r\n", false, Refresher::we, 600, "Session-Expires: 600;refresher=uas\r\n"},
        {"a proxy asks for too little", "Session-Expires: 1\r\n", false, Refresher::we, 120, "Session-Expires: 120;refresher=uas\r\n"},
        {"knows it", "Supported: timer\r\n", false, Refresher::peer, 1800, "Session-Expires: 1800;refresher=uac\r\n" + require},
        {"compact", "k: path, TIMER\r\nx: 300\r\n", false, Refresher::peer, 300, "Session-Expires: 300;refresher=uac\r\n" + require},
        {"requires it", "Require: timer\r\n", false, Refresher::peer, 1800, "Session-Expires: 1800;refresher=uac\r\n" + require},
        {"wants to refresh", "Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n", false, Refresher::peer, 600,
         "Session-Expires: 600;refresher=uac\r\n" + require},
        {"wants us to", "Supported: timer\r\nSession-Expires: 600 ; Refresher = UAS\r\n", false, Refresher::we, 600,
         "Session-Expires: 600;refresher=uas\r\n" + require},
        {"less is granted", "Supported: timer\r\nSession-Expires: 7200\r\n", false, Refresher::peer, 1800,
         "Session-Expires: 1800;refresher=uac\r\n" + require},
        {"not less than its Min-SE", "Supported: timer\r\nSession-Expires: 7200\r\nMin-SE: 3600\r\n", false, Refresher::peer, 3600,
         "Session-Expires: 3600;refresher=uac\r\n" + require},
        {"Min-SE alone", "Supported: timer\r\nMin-SE: 3600\r\n", false, Refresher::peer, 3600, "Session-Expires: 3600;refresher=uac\r\n" + require},
        {"the least", "Supported: timer\r\nSession-Expires: 120\r\n", false, Refresher::peer, 120,
         "Session-Expires: 120;refresher=uac\r\n" + require},
        {"too little", "Supported: timer\r\nSession-Expires: 119\r\n", true, Refresher::nobody, 0, ""},
        {"nothing", "Supported: timer\r\nSession-Expires: 0\r\n", true, Refresher::nobody, 0, ""},
        {"nonsense counts as nothing", "Supported: timer\r\nSession-Expires: soon\r\nMin-SE: -1\r\n", false, Refresher::peer, 1800,
         "Session-Expires: 1800;refresher=uac\r\n" + require},
        {"a huge one", "Supported: timer\r\nSession-Expires: 4294967295\r\nMin-SE: 4294967295\r\n", false, Refresher::peer, 86'400,
         "Session-Expires: 86400;refresher=uac\r\n" + require},
        {"beyond numbers", "Supported: timer\r\nSession-Expires: 99999999999\r\n", false, Refresher::peer, 1800,
         "Session-Expires: 1800;refresher=uac\r\n" + require},
    };
    base::Random random(base::Seed{1});
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const Text request(kInvite, row.lines);
        CHECK(SessionTimer::is_too_short(request.message, kPolicy) == row.too_short);
        if (row.too_short) continue;
        SessionTimer timer;
        timer.answer(request.message, kPolicy, at(0s), random);
        CHECK(timer.refresher() == row.refresher);
        CHECK(timer.interval().count() == row.interval);
        std::string answer;
        timer.append_answer(answer);
        CHECK(answer == row.answer);
    }
    const Text short_one(kInvite, "Supported: timer\r\nSession-Expires: 1\r\n");
    CHECK_FALSE(SessionTimer::is_too_short(short_one.message, {.on = false}));
    SessionTimer off;
    off.answer(short_one.message, {.on = false}, at(0s), random);
    CHECK_FALSE(off.next());
}

TEST_CASE("a request of ours and its answer", "[session_timer]") {
    struct Row {
        const char* what;
        std::string lines;
        Refresher refresher;
        std::int64_t interval;
        std::string next;
    };
    const Row rows[] = {
        {"says nothing", "", Refresher::we, 1800, "Session-Expires: 1800;refresher=uac\r\nMin-SE: 120\r\n"},
        {"we do", "Require: timer\r\nSession-Expires: 900;refresher=uac\r\n", Refresher::we, 900,
         "Session-Expires: 900;refresher=uac\r\nMin-SE: 120\r\n"},
        {"it does", "Require: timer\r\nSession-Expires: 900;refresher=uas\r\n", Refresher::peer, 900,
         "Session-Expires: 900;refresher=uas\r\nMin-SE: 120\r\n"},
        {"who is unsaid", "Session-Expires: 900\r\n", Refresher::we, 900, "Session-Expires: 900;refresher=uac\r\nMin-SE: 120\r\n"},
        {"absurdly short", "Session-Expires: 1;refresher=uac\r\n", Refresher::we, 90, "Session-Expires: 90;refresher=uac\r\nMin-SE: 120\r\n"},
    };
    base::Random random(base::Seed{1});
    for (const auto& row : rows) {
        CAPTURE(row.what);
        SessionTimer timer;
        std::string lines;
        timer.append_request(lines, kPolicy);
        CHECK(lines == "Session-Expires: 1800\r\nMin-SE: 120\r\n");
        const Text response(kOk, row.lines);
        timer.succeed(response.message, kPolicy, at(0s), random);
        CHECK(timer.refresher() == row.refresher);
        CHECK(timer.interval().count() == row.interval);
        lines.clear();
        timer.append_request(lines, kPolicy);
        CHECK(lines == row.next);
    }
}

TEST_CASE("refreshes are spread, and the end comes before the interval's", "[session_timer]") {
    base::Random random(base::Seed{3});
    base::milliseconds earliest = 24h, latest = 0s;
    for (int i = 0; i < 500; ++i) {
        SessionTimer timer;
        timer.answer(Text(kInvite, "").message, kPolicy, at(0s), random);
        const auto due = std::chrono::duration_cast<base::milliseconds>(*timer.next() - at(0s).steady);
        earliest = std::min(earliest, due);
        latest = std::max(latest, due);
    }
    CHECK(earliest >= 630s);
    CHECK(earliest < 640s);
    CHECK(latest <= 900s);
    CHECK(latest > 890s);

    SessionTimer timer;
    timer.answer(Text(kInvite, "Supported: timer\r\nSession-Expires: 120\r\n").message, kPolicy, at(0s), random);
    CHECK(*timer.next() == at(88s).steady);
    CHECK(timer.take_due(at(87999ms)) == Due::nothing);
    CHECK(timer.take_due(at(88s)) == Due::expire);
    timer.answer(Text(kInvite, "Session-Expires: 120\r\n").message, kPolicy, at(100s), random);
    CHECK(timer.take_due(at(100s)) == Due::nothing);
    CHECK(timer.take_due(at(160s)) == Due::refresh);
    CHECK(timer.take_due(at(160s)) == Due::nothing);
    CHECK(*timer.next() == at(188s).steady);
    CHECK(timer.take_due(at(188s)) == Due::expire);
}

TEST_CASE("refreshes that fail", "[session_timer]") {
    struct Row {
        int status;
        std::string lines;
        bool peer_knows, owns;
        Verdict verdict;
        base::milliseconds low, high;  // of the next refresh
    };
    const Row rows[] = {
        {408, "", true, false, Verdict::end, 0s, 0s},
        {481, "", false, false, Verdict::end, 0s, 0s},
        {491, "", true, false, Verdict::again, 0s, 2s},
        {491, "", false, true, Verdict::again, 2100ms, 4s},
        {422, "Min-SE: 3600\r\n", true, false, Verdict::again, 0s, 2s},
        {422, "Min-SE: 60\r\n", true, false, Verdict::again, 10s, 12s},
        {422, "", true, false, Verdict::again, 10s, 12s},
        {500, "", true, false, Verdict::again, 10s, 12s},
        {488, "", true, false, Verdict::again, 10s, 12s},
        {500, "", false, false, Verdict::refreshed, 630s, 900s},
        {603, "", false, false, Verdict::refreshed, 630s, 900s},
        {488, "", false, false, Verdict::refreshed, 630s, 900s},
        {501, "", false, false, Verdict::refreshed, 630s, 900s},
    };
    base::Random random(base::Seed{5});
    for (const auto& row : rows) {
        CAPTURE(row.status, row.lines, row.peer_knows);
        SessionTimer timer;
        timer.answer(Text(kInvite, row.peer_knows ? "Supported: timer\r\nSession-Expires: 1800;refresher=uas\r\n" : "").message, kPolicy, at(0s), random);
        REQUIRE(timer.take_due(at(900s)) == Due::refresh);
        const Text response(kSmall, row.lines);
        CHECK(timer.fail(row.status, &response.message, row.owns, at(900s), random) == row.verdict);
        if (row.verdict == Verdict::end) continue;
        CHECK(*timer.next() >= at(900s + row.low).steady);
        CHECK(*timer.next() <= at(900s + row.high).steady);
    }
    SessionTimer timer;
    timer.answer(Text(kInvite, "Supported: timer\r\nSession-Expires: 120;refresher=uas\r\n").message, kPolicy, at(0s), random);
    REQUIRE(timer.take_due(at(60s)) == Due::refresh);
    CHECK(timer.fail(500, nullptr, false, at(80s), random) == Verdict::again);
    CHECK(*timer.next() == at(88s).steady);  // no time is left for another

    SessionTimer unheard;
    unheard.answer(Text(kInvite, "").message, kPolicy, at(0s), random);
    REQUIRE(unheard.take_due(at(900s)) == Due::refresh);
    CHECK(unheard.fail(503, nullptr, false, at(900s), random) == Verdict::again);  // nothing was sent, and nobody answered
}

TEST_CASE("a call that is refused 422 is made once more with what its Min-SE asks for", "[session_timer]") {
    const Text unsaid(kSmall, ""), enough(kSmall, "Min-SE: 1800\r\n"), more(kSmall, "Min-SE: 3600\r\n"), most(kSmall, "Min-SE: 7200\r\n");
    SessionTimer timer;
    CHECK_FALSE(timer.lengthen(unsaid.message, kPolicy));
    CHECK_FALSE(timer.lengthen(enough.message, kPolicy));
    CHECK(timer.lengthen(more.message, kPolicy));
    std::string lines;
    timer.append_request(lines, kPolicy);
    CHECK(lines == "Session-Expires: 3600\r\nMin-SE: 3600\r\n");
    CHECK_FALSE(timer.lengthen(most.message, kPolicy));
}
