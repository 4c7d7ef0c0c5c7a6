// Flows of a device (RFC 5626), and connections that close.
#include "phone.hpp"

namespace confab::registrar {
namespace {

const std::string kFirst = "Contact: <sip:alice@192.0.2.9:5060>;+sip.instance=\"<urn:uuid:1>\";reg-id=1\r\n";
const std::string kSecond = "Contact: <sip:alice@192.0.2.9:5060>;+sip.instance=\"<urn:uuid:1>\";reg-id=2\r\n";
const std::string kSupported = "Supported: path, outbound\r\n";
const std::string kProxied = "Via: SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKphone\r\n";

TEST_CASE("outbound is granted where the first hop keeps the flow", "[registrar][outbound]") {
    struct Row {
        const char* what;
        OutboundPolicy policy;
        std::string headers;
        int status;
        bool granted;
    };
    using enum OutboundPolicy;
    const Row rows[] = {
        {"a client of ours", strict, kFirst + kSupported, 200, true},
        {"one that demands it", strict, kFirst + "Require: outbound\r\n", 200, true},
        {"one that does not know outbound", strict, kFirst, 200, false},
        {"one without a reg-id", strict, "Contact: <sip:a@h>;+sip.instance=\"<urn:uuid:1>\"\r\n" + kSupported, 200, false},
        {"one without an instance", strict, "Contact: <sip:a@h>;reg-id=1\r\n" + kSupported, 200, false},
        {"behind an edge that helps", strict, kFirst + kSupported + kProxied + "Path: <sip:inner@192.0.2.20;lr>, <sip:token@192.0.2.10;lr;ob>\r\n", 200, true},
        {"behind one that does not", strict, kFirst + kSupported + kProxied + "Path: <sip:token@192.0.2.10;lr;ob>, <sip:outer@192.0.2.11;lr>\r\n", 439, false},
        {"behind a proxy without Path", strict, kFirst + kSupported + kProxied, 439, false},
        {"the same, leniently", lenient, kFirst + kSupported + kProxied, 200, false},
        {"switched off", off, kFirst + kSupported, 200, false},
        {"two flows in one request", strict,
         "Contact: <sip:a@h1>;+sip.instance=\"<urn:uuid:1>\";reg-id=1, <sip:a@h2>;+sip.instance=\"<urn:uuid:1>\";reg-id=2\r\n" + kSupported, 400, false},
        {"a reg-id that is none", strict, "Contact: <sip:a@h>;+sip.instance=\"<urn:uuid:1>\";reg-id=0\r\n" + kSupported, 400, false},
    };
    for (const auto& row : rows) {
        auto config = test_config();
        config.outbound = row.policy;
        config.flow_timer = base::seconds(90);
        Bench bench(config);
        bench.source.peer = *base::SocketAddress::parse("192.0.2.20:5060");  // trusted
        const auto answer = bench.send({.headers = row.headers});
        CAPTURE(row.what, answer);
        CHECK(Bench::status(answer) == row.status);
        CHECK(Bench::value(answer, "Require") == (row.granted ? "outbound" : ""));
        CHECK(Bench::value(answer, "Flow-Timer") == (row.granted ? "90" : ""));
        CHECK((answer.find(";reg-id=1") != answer.npos) == row.granted);
        CHECK(bench.core.counters().get(Metric::refused_outbound) == (row.status == 439 ? 1 : 0));
    }
}

TEST_CASE("flows of one device live and die one by one", "[registrar][outbound]") {
    Bench bench;
    bench.source.peer = *base::SocketAddress::parse("192.0.2.20:5060");
    const auto path = [](const std::string& token) { return "Path: <sip:" + token + "@192.0.2.10;lr;ob>\r\n"; };
    REQUIRE(Bench::status(bench.send({.headers = kFirst + kSupported + kProxied + path("f1")})) == 200);
    const auto both = bench.send({.headers = kSecond + kSupported + kProxied + path("f2")});
    CHECK(Bench::contacts(both).size() == 2);
    REQUIRE(Bench::status(bench.send({.headers = kFirst + kSupported + kProxied + path("f3")})) == 200);
    CHECK(bench.core.bindings().size() == 2);
    CHECK(bench.core.flow_gone(bench.now, "f1", bench.effects) == 0);  // it has moved
    CHECK(bench.core.flow_gone(bench.now, "f2", bench.effects) == 1);
    CHECK(bench.core.bindings().size() == 1);
    CHECK(bench.core.bindings().find(bench.now, "sip:alice@example.org").front().reg_id == 1);
}

TEST_CASE("a connection that closes takes what can only be reached over it", "[registrar][outbound]") {
    struct Row {
        const char* what;
        std::string headers;
        std::size_t left;
    };
    const Row rows[] = {
        {"a flow", kFirst + kSupported, 0},
        {"the connection's own far end", "Contact: <sip:alice@192.0.2.9:41000;transport=tcp>\r\n", 0},
        {"a phone that listens elsewhere", "Contact: <sip:alice@192.0.2.9:5060;transport=tcp>\r\n", 1},
    };
    for (const auto& row : rows) {
        Bench bench;
        bench.source = {.transport = sip::Transport::tcp, .peer = *base::SocketAddress::parse("192.0.2.9:41000"), .flow = {7}, .listener = 0};
        CAPTURE(row.what);
        REQUIRE(Bench::status(bench.send({.headers = row.headers})) == 200);
        CHECK(bench.effects.vouched == std::vector<sip::FlowId>{{7}});
        auto other = bench.source;
        other.peer.port = 41001;
        bench.effects.clear();
        bench.core.flow_failed(bench.now, other, bench.effects);
        CHECK(bench.core.bindings().size() == 1);
        bench.core.flow_failed(bench.now, bench.source, bench.effects);
        CHECK(bench.core.bindings().size() == row.left);
        CHECK(bench.effects.writes.size() == 1 - row.left);
    }
}

TEST_CASE("Service-Route, and Authentication-Info where it is wanted", "[registrar]") {
    auto config = test_config();
    config.service_route = {"sip:192.0.2.20;lr", "sip:[2001:db8::2]:5080;lr"};
    config.authentication_info = true;
    Bench bench(config);
    const auto answer = bench.send({.headers = kFirst});
    CAPTURE(answer);
    CHECK(answer.find("Service-Route: <sip:192.0.2.20;lr>\r\nService-Route: <sip:[2001:db8::2]:5080;lr>\r\n") != answer.npos);
    const auto info = Bench::value(answer, "Authentication-Info");
    CHECK(info.find("rspauth=") != info.npos);
    CHECK(info.find("cnonce=\"c0ffee\"") != info.npos);
    CHECK(Bench::value(bench.send({.headers = kFirst, .authorize = false}), "Authentication-Info").empty());
    config.authentication_info = false;
    bench.core.reconfigure(config);
    CHECK(Bench::value(bench.send({.headers = kFirst}), "Authentication-Info").empty());
}

TEST_CASE("lifetimes are spread, between min-expires and what was asked", "[registrar]") {
    auto config = test_config();
    config.expires_spread = 20;
    Bench bench(config);
    std::vector<std::int64_t> granted;
    for (int i = 0; i < 60; ++i) {
        REQUIRE(Bench::status(bench.send({.headers = "Contact: <sip:a@h>;expires=1000, <sip:b@h>;expires=62, <sip:c@h>;expires=60\r\n"})) == 200);
        for (const auto binding : bench.core.bindings().find(bench.now, "sip:alice@example.org")) {
            const auto left = seconds_left(binding, bench.now.wall);
            if (binding.contact == "sip:a@h") granted.push_back(left);
            if (binding.contact == "sip:b@h") CHECK((left >= 60 && left <= 62));
            if (binding.contact == "sip:c@h") CHECK(left == 60);
        }
    }
    const auto [least, most] = std::ranges::minmax(granted);
    CHECK(least >= 800);
    CHECK(most <= 1000);
    CHECK(most - least > 100);
}

TEST_CASE("which methods need a proof is configured", "[registrar]") {
    auto config = test_config();
    config.authenticate = {"OPTIONS"};
    Bench bench(config);
    CHECK(Bench::status(bench.send({.headers = kFirst, .authorize = false})) == 200);
    CHECK(bench.core.bindings().find(bench.now, "sip:alice@example.org").front().scheme == "none");
    CHECK(Bench::status(bench.send({.to = "<sip:stranger@example.org>", .headers = kFirst, .authorize = false})) == 403);
    CHECK(Bench::status(bench.send({.method = "OPTIONS", .authorize = false})) == 401);
    CHECK(Bench::status(bench.send({.method = "OPTIONS"})) == 200);
    CHECK(Bench::status(bench.send({.method = "OPTIONS", .password = "wrong"})) == 403);
}

TEST_CASE("an unknown client is refused until credentials are added", "[registrar]") {
    Bench bench;
    const Call carol{.to = "<sip:carol@example.org>", .headers = "Contact: <sip:carol@h>\r\n", .user = "carol", .password = "new"};
    CHECK(Bench::status(bench.send(carol)) == 403);
    bench.core.users().put(user_with_password("carol", "new"));
    CHECK(Bench::status(bench.send(carol)) == 200);
}

TEST_CASE("what was held for the disk is absorbed when it comes again", "[registrar]") {
    auto config = test_config();
    config.durability = Durability::strict;
    Bench bench(config);
    const Call call{.headers = kFirst};
    const auto challenged = bench.send({.headers = kFirst, .authorize = false});
    const auto request = bench.request(call, 9, bench.authorization(challenged, call));
    REQUIRE(bench.deliver(request).empty());
    const auto id = bench.effects.writes.at(0).id;
    CHECK(bench.deliver(request).empty());
    CHECK(bench.effects.writes.empty());
    const bool written = GENERATE(true, false);
    bench.core.persisted(bench.now, {&id, 1}, written, bench.effects);
    CHECK(Bench::status(bench.answer()) == (written ? 200 : 500));
    const auto again = bench.deliver(request);
    if (written) {
        CHECK(Bench::status(again) == 200);
        CHECK(bench.effects.writes.empty());
    } else {
        CHECK(bench.effects.writes.size() == 1);  // tried again
    }
}

TEST_CASE("a repetition comes from the same place, for as long as a client repeats, and changes nothing", "[registrar]") {
    Bench bench;
    const Call call{.headers = kFirst};
    const auto challenged = bench.send({.headers = kFirst, .authorize = false});
    const auto request = bench.request(call, 9, bench.authorization(challenged, call));
    REQUIRE(Bench::status(bench.deliver(request)) == 200);
    auto changed = request;
    changed.replace(changed.find("192.0.2.9:5060>"), 9, "192.0.2.8");
    const auto shown = bench.deliver(changed);
    CHECK(Bench::status(shown) == 200);
    CHECK(shown.find("192.0.2.8") == shown.npos);
    CHECK(bench.effects.writes.empty());
    bench.source.peer.port = 6000;
    CHECK(Bench::status(bench.deliver(request)) == 401);
    bench.source.peer.port = 5060;
    CHECK(Bench::status(bench.deliver(request)) == 200);
    bench.advance(base::seconds(65));
    const auto late = bench.deliver(request);
    CHECK(Bench::status(late) == 401);
    CHECK(late.find("stale=true") != late.npos);
    CHECK(bench.core.counters().get(Metric::registered) == 1);
}

TEST_CASE("a refused request that comes again is refused again", "[registrar]") {
    Bench bench;
    const Call call{.headers = kFirst + "Expires: 5\r\n"};
    const auto challenged = bench.send({.headers = kFirst, .authorize = false});
    const auto request = bench.request(call, 9, bench.authorization(challenged, call));
    CHECK(Bench::status(bench.deliver(request)) == 423);
    const auto again = bench.deliver(request);
    CHECK(Bench::status(again) == 423);
    CHECK(Bench::value(again, "Min-Expires") == "60");
    auto changed = request;
    changed.replace(changed.find("Expires: 5"), 10, "Expires: 9");
    CHECK(Bench::status(bench.deliver(changed)) == 401);
}

TEST_CASE("in overload, however severe, the unproven are refused and refreshes are served", "[registrar]") {
    auto config = test_config();
    config.overload_delay = base::milliseconds(20);
    Bench bench(config);
    const Call call{.headers = kFirst};
    const auto challenged = bench.send({.headers = kFirst, .authorize = false});
    for (int i = 0; i < 300; ++i) {
        bench.now.steady += base::milliseconds(10);
        bench.core.batch_begin(bench.now, base::milliseconds(500));
    }
    int refused = 0;
    for (unsigned nc = 1; nc <= 20; ++nc) {
        refused += Bench::status(bench.send({.headers = kFirst, .authorize = false})) == 503;
        CHECK(Bench::status(bench.deliver(bench.request(call, 100 + nc, bench.authorization(challenged, call, nc)))) == 200);
    }
    CHECK(refused == 20);
    CHECK(bench.core.counters().get(Metric::overloaded) == 20);
}

}  // namespace
}  // namespace confab::registrar
