#include <catch2/catch.hpp>

#include <set>

#include "sip-probe/load_flood.hpp"
#include "sip-probe/load_tally.hpp"
#include "sip/digest.hpp"
#include "sip/message.hpp"

using namespace confab;
using namespace confab::probe;

TEST_CASE("a tally tells what failed and why") {
    LoadTally tally;
    tally.sent = 5;
    tally.answered = 1;
    tally.failures = {{"503", 1}, {"timeout", 2}, {"407", 1}};
    tally.latency.record(base::milliseconds(2));
    tally.completed = 1;
    tally.seconds = 0.5;
    CHECK(tally.failed() == 4);
    CHECK(tally.timed_out() == 2);
    CHECK(tally.refused_credentials() == 1);
    const auto value = to_value(tally, "call");
    CHECK(local::to_json(value) ==
          R"({"operation":"call","sent":5,"answered":1,"failed":4,"failures":{"407":1,"503":1,"timeout":2},"retransmitted":0,"repeated":0,"stray":0,"closed":0,)"
          R"("seconds":0.5,"completed":1,"rate":2.0,"p50_ms":2.0,"p90_ms":2.0,"p99_ms":2.0,"p999_ms":2.0,"max_ms":2.0})");
    CHECK(to_text(tally, "call") ==
          "call: 5 sent, 1 answered, 4 failed; 2/s over 0.5 s\nlatency ms: p50 2.000 p90 2.000 p99 2.000 p999 2.000 max 2.000\nfailed: 407 1\nfailed: 503 1\n"
          "failed: timeout 2\n");
}

TEST_CASE("nothing answered has no latency and no rate") {
    const LoadTally tally;
    CHECK(to_value(tally, "options").find("p50_ms") == nullptr);
    CHECK(to_text(tally, "options") == "options: 0 sent, 0 answered, 0 failed; 0/s over 0.0 s\n");
}

TEST_CASE("a flood has every kind of bad request, each its own") {
    LoadPlan plan;
    plan.uri = "sip:example.org";
    plan.domain = "example.org";
    std::set<sip::ParseError> errors;
    std::set<std::string> all;
    std::size_t without = 0, forged = 0, invites = 0;
    for (std::uint64_t number = 0; number < 2 * kFloodKinds; ++number) {
        std::string text;
        append_flood(text, plan, "u1", "127.0.0.1:6000", "run", number);
        all.insert(text);
        sip::Message message;
        const auto error = sip::split(text, message);
        errors.insert(error);
        if (error != sip::ParseError::none) continue;
        invites += message.method == sip::Method::invite;
        const auto* credentials = message.find(sip::HeaderName::authorization);
        without += credentials == nullptr;
        forged += credentials != nullptr && sip::parse_digest_answer(credentials->value).has_value();
    }
    CHECK(all.size() == 2 * kFloodKinds);
    CHECK(errors.size() >= 4);
    CHECK(without >= 4);
    CHECK(forged == 2);
    CHECK(invites == 2);
}
