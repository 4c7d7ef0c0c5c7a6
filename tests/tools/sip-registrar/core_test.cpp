#include "phone.hpp"

#include "base/text.hpp"

namespace confab::registrar {
namespace {

const std::string kContact = "Contact: <sip:alice@192.0.2.9:5060;ob>\r\n";

TEST_CASE("a registration is challenged, proven, stored and listed", "[registrar]") {
    Bench bench;
    const Call call{.headers = kContact + "Expires: 600\r\nUser-Agent: phone/1\r\n"};
    const auto challenged = bench.send({.headers = call.headers, .authorize = false});
    CHECK(Bench::status(challenged) == 401);
    CHECK(challenged.find("algorithm=MD5") != std::string::npos);
    CHECK(challenged.find("algorithm=SHA-256") != std::string::npos);
    CHECK(bench.core.bindings().size() == 0);
    CHECK(bench.effects.writes.empty());

    for (std::size_t challenge : {0U, 1U}) {
        auto answering = call;
        answering.challenge = challenge;
        const auto accepted = bench.send(answering);
        CAPTURE(accepted);
        CHECK(Bench::status(accepted) == 200);
        CHECK(Bench::contacts(accepted) == std::vector<std::string>{"<sip:alice@192.0.2.9:5060;ob>;expires=600"});
        CHECK(Bench::value(accepted, "Date") == "Tue, 14 Nov 2023 22:13:20 GMT");
    }
    const auto live = bench.core.bindings().find(bench.now, "sip:alice@example.org");
    REQUIRE(live.size() == 1);
    const auto binding = live.front();
    CHECK(binding.contact == "sip:alice@192.0.2.9:5060;ob");
    CHECK(binding.user == "alice");
    CHECK(binding.scheme == "Digest/SHA-256");
    CHECK(binding.received == "udp:192.0.2.9:5060");
    CHECK(binding.user_agent == "phone/1");
    REQUIRE(bench.effects.writes.size() == 1);
    CHECK(bench.effects.writes[0].id == 0);
}

TEST_CASE("who may not register is told so and leaves no binding", "[registrar]") {
    struct Row {
        const char* why;
        Call call;
        int status;
        Metric counter;
    };
    const Row rows[] = {
        {"wrong password", {.headers = kContact, .password = "wrong"}, 403, Metric::refused_credentials},
        {"unknown user", {.headers = kContact, .user = "mallory"}, 403, Metric::refused_credentials},
        {"somebody else's address", {.to = "<sip:bob@example.org>", .headers = kContact}, 403, Metric::refused_owner},
        {"foreign domain in To", {.to = "<sip:alice@elsewhere.org>", .headers = kContact}, 404, Metric::refused_domain},
        {"foreign domain in Request-URI", {.uri = "sip:elsewhere.org", .headers = kContact}, 404, Metric::refused_domain},
        {"address with a user but no sip", {.to = "<tel:+4912345>", .headers = kContact}, 400, Metric::malformed},
        {"* with a lifetime", {.headers = "Contact: *\r\nExpires: 60\r\n"}, 400, Metric::malformed},
        {"* without Expires", {.headers = "Contact: *\r\n"}, 400, Metric::malformed},
        {"* with company", {.headers = "Contact: *, <sip:a@192.0.2.9>\r\nExpires: 0\r\n"}, 400, Metric::malformed},
        {"two *", {.headers = "Contact: *\r\nContact: *\r\nExpires: 0\r\n"}, 400, Metric::malformed},
        {"no URI", {.headers = "Contact: <>\r\n"}, 400, Metric::malformed},
        {"an empty Contact", {.headers = "Contact:\r\n"}, 400, Metric::malformed},
        {"a Contact that cannot be called", {.headers = "Contact: <mailto:alice@example.org>\r\n"}, 400, Metric::malformed},
        {"a bad q", {.headers = "Contact: <sip:a@192.0.2.9>;q=1.5\r\n"}, 400, Metric::malformed},
        {"a long Contact", {.headers = "Contact: <sip:" + std::string(100, 'a') + "@192.0.2.9>\r\n"}, 400, Metric::malformed},
        {"a brief lifetime in the header", {.headers = kContact + "Expires: 59\r\n"}, 423, Metric::refused_brief},
        {"a brief lifetime in the contact", {.headers = "Contact: <sip:a@192.0.2.9>;expires=1\r\n"}, 423, Metric::refused_brief},
        {"too many contacts", {.headers = "Contact: <sip:a@h1>, <sip:a@h2>, <sip:a@h3>, <sip:a@h4>\r\n"}, 403, Metric::refused_bounds},
        {"an unknown requirement", {.headers = kContact + "Require: path, dance\r\n"}, 420, Metric::refused_methods},
        {"a call", {.method = "INVITE", .uri = "sip:alice@example.org"}, 405, Metric::refused_methods},
        {"a message", {.method = "MESSAGE", .uri = "sip:alice@example.org"}, 405, Metric::refused_methods},
        {"a method that nobody knows", {.method = "DANCE"}, 501, Metric::refused_methods},
    };
    for (const auto& row : rows) {
        Bench bench;
        const auto answer = bench.send(row.call);
        CAPTURE(row.why, answer);
        CHECK(Bench::status(answer) == row.status);
        CHECK(bench.core.counters().get(row.counter) == 1);
        CHECK(bench.core.bindings().size() == 0);
        CHECK(bench.effects.writes.empty());
        if (row.status == 405 || row.status == 501) CHECK(Bench::value(answer, "Allow") == "REGISTER, OPTIONS, SUBSCRIBE");
        if (row.status == 423) CHECK(Bench::value(answer, "Min-Expires") == "60");
        if (row.status == 420) CHECK(Bench::value(answer, "Unsupported") == "dance");
    }
}

TEST_CASE("wrong password and unknown user get the same answer", "[registrar]") {
    Bench bench;
    const auto strip = [](const std::string& answer) {
        std::string text;
        for (auto line : base::split(answer, '\n'))
            if (!line.starts_with("Via") && !line.starts_with("To") && !line.starts_with("CSeq")) text.append(line);
        return text;
    };
    CHECK(strip(bench.send({.headers = kContact, .password = "wrong"})) == strip(bench.send({.headers = kContact, .user = "mallory"})));
}

TEST_CASE("the nonce's age, origin and use are judged", "[registrar]") {
    Bench bench;
    const Call call{.headers = kContact};
    REQUIRE(Bench::status(bench.send(call)) == 200);

    SECTION("a nonce that was used is stale for the same count, good for the next") {
        const auto again = bench.deliver(bench.request(call, 50, bench.last_authorization));
        CHECK(Bench::status(again) == 401);
        CHECK(again.find("stale=true") != std::string::npos);
    }
    SECTION("the next count of the same nonce is fine") {
        const auto challenged = bench.send({.headers = kContact, .authorize = false});
        CHECK(Bench::status(bench.deliver(bench.request(call, 50, bench.authorization(challenged, call, 1)))) == 200);
        CHECK(Bench::status(bench.deliver(bench.request(call, 51, bench.authorization(challenged, call, 2)))) == 200);
    }
    SECTION("an old nonce is stale") {
        const auto challenged = bench.send({.headers = kContact, .authorize = false});
        bench.advance(base::seconds(301));
        const auto late = bench.deliver(bench.request(call, 50, bench.authorization(challenged, call)));
        CHECK(Bench::status(late) == 401);
        CHECK(late.find("stale=true") != std::string::npos);
    }
    SECTION("a nonce of somebody else is forged, and nothing is said of stale") {
        Core stranger(test_config(), "another secret..", base::Seed{9});
        Effects effects;
        const auto asked = bench.request(call, 60);
        stranger.receive(bench.now, bench.source, asked, false, effects);
        const std::string challenged(effects.transmit.bytes(effects.transmit.entries().front()));
        const auto answer = bench.deliver(bench.request(call, 61, bench.authorization(challenged, call)));
        CHECK(Bench::status(answer) == 401);
        CHECK(answer.find("stale=true") == std::string::npos);
    }
    SECTION("credentials for another realm are for others") {
        auto line = bench.last_authorization;
        line.replace(line.find("example.org"), 11, "example.xyz");
        CHECK(Bench::status(bench.deliver(bench.request(call, 50, line))) == 401);
    }
}

TEST_CASE("a retransmission is answered again and changes nothing", "[registrar]") {
    Bench bench;
    const Call call{.headers = kContact};
    const auto challenged = bench.send({.headers = kContact, .authorize = false});
    const auto request = bench.request(call, 9, bench.authorization(challenged, call));
    const auto first = bench.deliver(request);
    REQUIRE(Bench::status(first) == 200);
    CHECK(bench.deliver(request) == first);
    CHECK(bench.effects.writes.empty());
    CHECK(bench.core.counters().get(Metric::registered) == 1);
}

TEST_CASE("lifetimes", "[registrar]") {
    struct Row {
        const char* headers;
        const char* contact;
    };
    const Row rows[] = {
        {"Contact: <sip:a@h>\r\n", "<sip:a@h>;expires=3600"},
        {"Contact: <sip:a@h>\r\nExpires: 90\r\n", "<sip:a@h>;expires=90"},
        {"Contact: <sip:a@h>;expires=120\r\nExpires: 90\r\n", "<sip:a@h>;expires=120"},
        {"Contact: <sip:a@h>\r\nExpires: 7200\r\n", "<sip:a@h>;expires=3600"},
        {"Contact: <sip:a@h>;expires=99999999999\r\n", "<sip:a@h>;expires=3600"},
        {"Contact: <sip:a@h>;expires=soon\r\n", "<sip:a@h>;expires=3600"},
        {"Contact: sip:a@h;expires=60\r\n", "<sip:a@h>;expires=60"},
        {"m: \"A, B\" <sip:a@h;x=y>;q=0.5;expires=60\r\n", "<sip:a@h;x=y>;expires=60;q=0.500"},
        {"Contact: <sip:a@h>;+sip.instance=\"<urn:uuid:1>\";expires=60\r\n", "<sip:a@h>;expires=60;+sip.instance=\"<urn:uuid:1>\""},
    };
    for (const auto& row : rows) {
        Bench bench;
        const auto answer = bench.send({.headers = row.headers});
        CAPTURE(row.headers, answer);
        CHECK(Bench::contacts(answer) == std::vector<std::string>{row.contact});
    }
}

TEST_CASE("bindings come, are listed best first, refreshed, removed and run out", "[registrar]") {
    Bench bench;
    REQUIRE(Bench::status(bench.send({.headers = "Contact: <sip:a@h1>;q=0.1, <sip:a@h2>;expires=60\r\n"})) == 200);
    CHECK(Bench::contacts(bench.send({})) == std::vector<std::string>{"<sip:a@h2>;expires=60", "<sip:a@h1>;expires=3600;q=0.100"});

    bench.advance(base::seconds(30));
    CHECK(Bench::contacts(bench.send({.headers = "Contact: <sip:a@h1>;expires=0\r\n"})) == std::vector<std::string>{"<sip:a@h2>;expires=30"});
    bench.advance(base::seconds(30));
    REQUIRE(bench.effects.writes.size() == 1);
    CHECK(bench.effects.writes[0].bindings[0].removed);
    CHECK(bench.core.counters().get(Metric::expired) == 1);
    CHECK(bench.core.bindings().size() == 0);

    REQUIRE(Bench::status(bench.send({.headers = "Contact: <sip:a@h1>, <sip:a@h2>\r\n"})) == 200);
    CHECK(Bench::contacts(bench.send({.headers = "Contact: *\r\nExpires: 0\r\n"})).empty());
    CHECK(bench.core.bindings().size() == 0);
}

TEST_CASE("a CSeq that goes back in one Call-ID is refused whole", "[registrar]") {
    Bench bench;
    REQUIRE(Bench::status(bench.send({.cseq = 10, .headers = kContact})) == 200);
    CHECK(Bench::status(bench.send({.cseq = 10, .headers = "Contact: <sip:new@h>, <sip:alice@192.0.2.9:5060;ob>\r\n"})) == 500);
    CHECK(Bench::status(bench.send({.cseq = 9, .headers = "Contact: *\r\nExpires: 0\r\n"})) == 500);
    CHECK(bench.core.bindings().size() == 1);
    CHECK(Bench::status(bench.send({.call_id = "restarted", .cseq = 1, .headers = kContact})) == 200);
    CHECK(bench.core.counters().get(Metric::refused_order) == 2);
}

TEST_CASE("Path is taken from trusted peers only", "[registrar]") {
    const std::string path = "Path: <sip:token@192.0.2.10:5060;lr>\r\nPath: <sip:p2.example.org;lr>\r\n";
    Bench bench;
    const auto ignored = bench.send({.headers = kContact + path + "Supported: path\r\n"});
    CHECK(Bench::status(ignored) == 200);
    CHECK(Bench::value(ignored, "Path").empty());
    CHECK(bench.core.bindings().find(bench.now, "sip:alice@example.org").front().path.empty());

    bench.source.peer = *base::SocketAddress::parse("192.0.2.20:5060");
    const auto taken = bench.send({.headers = kContact + path + "Supported: outbound, path\r\n"});
    CHECK(Bench::value(taken, "Path") == "<sip:token@192.0.2.10:5060;lr>, <sip:p2.example.org;lr>");
    CHECK(bench.core.bindings().find(bench.now, "sip:alice@example.org").front().path == "<sip:token@192.0.2.10:5060;lr>, <sip:p2.example.org;lr>");
    CHECK(Bench::value(bench.send({.headers = kContact + path}), "Path").empty());
    CHECK(Bench::status(bench.send({.headers = kContact + "Path: nonsense<\r\n"})) == 400);
    CHECK(Bench::status(bench.send({.headers = kContact + "Path: <sip:" + std::string(200, 'x') + "@h;lr>\r\n"})) == 400);

    bench.effects.clear();
    CHECK(bench.core.flow_gone(bench.now, "other", bench.effects) == 0);
    CHECK(bench.core.flow_gone(bench.now, "token", bench.effects) == 1);
    CHECK(bench.core.bindings().size() == 0);
    REQUIRE(bench.effects.writes.size() == 1);
}

TEST_CASE("under strict durability an answer waits for the disk", "[registrar]") {
    auto config = test_config();
    config.durability = Durability::strict;
    Bench bench(config);
    REQUIRE(bench.send({.headers = "Contact: <sip:a@h1>;expires=600\r\n"}).empty());
    REQUIRE(bench.effects.writes.size() == 1);
    const auto first = bench.effects.writes[0].id;
    CHECK(first != 0);
    CHECK(bench.core.held() == 1);

    SECTION("written: 200") {
        bench.effects.clear();
        bench.core.persisted(bench.now, {&first, 1}, true, bench.effects);
        CHECK(Bench::status(bench.answer()) == 200);
        CHECK(Bench::contacts(bench.answer()) == std::vector<std::string>{"<sip:a@h1>;expires=600"});
        CHECK(bench.core.held() == 0);
        CHECK(Bench::status(bench.send({})) == 200);  // a query has nothing to wait for
    }
    SECTION("failed: 500, and the memory is as before") {
        bench.effects.clear();
        bench.core.persisted(bench.now, {&first, 1}, false, bench.effects);
        CHECK(Bench::status(bench.answer()) == 500);
        CHECK(bench.core.counters().get(Metric::registered) == 0);
        CHECK(bench.core.bindings().size() == 0);
        CHECK(bench.core.held() == 0);
    }
    SECTION("two failed together are taken back youngest first") {
        bench.core.persisted(bench.now, {&first, 1}, true, bench.effects);
        bench.send({.headers = "Contact: <sip:a@h1>;expires=700, <sip:a@h2>\r\n"});
        const auto second = bench.effects.writes[0].id;
        bench.send({.headers = "Contact: *\r\nExpires: 0\r\n"});
        const std::uint64_t ids[] = {second, bench.effects.writes[0].id};
        REQUIRE(bench.core.bindings().size() == 0);
        bench.effects.clear();
        bench.core.persisted(bench.now, ids, false, bench.effects);
        CHECK(bench.effects.transmit.entries().size() == 2);
        CHECK(Bench::contacts(bench.send({})) == std::vector<std::string>{"<sip:a@h1>;expires=600"});
    }
    SECTION("what was registered anew meanwhile stays") {
        bench.send({.headers = "Contact: <sip:a@h1>;expires=700\r\n"});
        const auto second = bench.effects.writes[0].id;
        bench.core.persisted(bench.now, {&first, 1}, false, bench.effects);
        bench.core.persisted(bench.now, {&second, 1}, true, bench.effects);
        CHECK(Bench::contacts(bench.send({})) == std::vector<std::string>{"<sip:a@h1>;expires=700"});
    }
}

TEST_CASE("bounds answer 403 and 503", "[registrar]") {
    auto config = test_config();
    config.bindings = 2;
    Bench bench(config);
    REQUIRE(Bench::status(bench.send({.headers = "Contact: <sip:a@h1>, <sip:a@h2>\r\n"})) == 200);
    const auto full = bench.send({.headers = "Contact: <sip:a@h3>\r\n"});
    CHECK(Bench::status(full) == 503);
    CHECK(Bench::value(full, "Retry-After") == "5");

    bench.core.set_store_queue(50);
    CHECK(Bench::status(bench.send({})) == 503);
    bench.core.set_store_queue(49);
    CHECK(Bench::status(bench.send({})) == 200);
    bench.core.drain();
    CHECK(Bench::status(bench.send({})) == 503);
    CHECK(bench.core.counters().get(Metric::overloaded) == 2);
}

TEST_CASE("a user's address counts at every domain, and the user's end is the bindings' end", "[registrar]") {
    Bench bench;
    REQUIRE(Bench::status(bench.send({.headers = kContact})) == 200);
    REQUIRE(Bench::status(bench.send({.uri = "sip:192.0.2.30:5070", .to = "<sip:alice@EXAMPLE.net:5070;user=ip>", .headers = kContact})) == 200);
    CHECK(bench.core.bindings().find(bench.now, "sip:alice@example.net").size() == 1);
    CHECK(bench.core.is_known("sip:alice@example.net"));
    CHECK_FALSE(bench.core.is_known("sip:carol@example.net"));
    CHECK_FALSE(bench.core.is_known("sip:alice@elsewhere.org"));
    bench.effects.clear();
    bench.core.forget_user(bench.now, "alice", bench.effects);
    CHECK(bench.core.bindings().size() == 0);
    REQUIRE(bench.effects.writes.size() == 1);
    CHECK(bench.effects.writes[0].bindings.size() == 2);
}

TEST_CASE("what is not a request for a registrar", "[registrar]") {
    Bench bench;
    const auto alive = bench.send({.method = "OPTIONS", .uri = "sip:192.0.2.30:5070"});
    CHECK(Bench::status(alive) == 200);
    CHECK(Bench::value(alive, "Allow") == "REGISTER, OPTIONS, SUBSCRIBE");

    // RFC 3261 §8.2.2.1, before what §8.2.2.3 asks of Require.
    for (const char* uri : {"nobodyKnowsThisScheme:totallyopaquecontent", "soap.beep://192.0.2.103:3002", "tel:+4912345"}) {
        CAPTURE(uri);
        CHECK(Bench::status(bench.send({.method = "OPTIONS", .uri = uri, .headers = "Require: dance\r\n"})) == 416);
        CHECK(Bench::status(bench.send({.uri = uri})) == 416);
    }

    auto bad = bench.request({.headers = "Max-Forwards: x\r\n"}, 1);
    const auto answer = bench.deliver(bad);
    CHECK(Bench::status(answer) == 400);
    CHECK(bench.core.counters().get(Metric::malformed) == 1);

    auto version = bench.request({}, 1);
    version.replace(version.find("SIP/2.0"), 7, "SIP/3.0");
    CHECK(Bench::status(bench.deliver(version)) == 505);

    for (const char* noise : {"", "\r\n\r\n", "hello", "REGISTER sip:example.org SIP/2.0\r\n\r\n"}) {
        CAPTURE(noise);
        CHECK(bench.deliver(noise).empty());
    }
    CHECK(bench.deliver("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: c\r\n"
                        "CSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n")
              .empty());
    CHECK(bench.core.transactions() == 0);
}

TEST_CASE("refused requests are remembered nowhere", "[registrar]") {
    Bench bench;
    for (const char* method : {"MESSAGE", "INVITE", "DANCE"}) {
        const auto status = Bench::status(bench.send({.method = method, .uri = "sip:alice@example.org"}));
        CHECK((status == 405 || status == 501));
        CHECK(bench.core.transactions() == 0);
    }
    CHECK_FALSE(bench.core.next_deadline());
}

}  // namespace
}  // namespace confab::registrar
