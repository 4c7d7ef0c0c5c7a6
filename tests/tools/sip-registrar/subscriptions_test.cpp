// The reg event package (RFC 3680): who may watch, and what watchers are told.
#include "phone.hpp"

namespace confab::registrar {
namespace {

// A watcher at 192.0.2.50 that answers its NOTIFYs by hand.
struct Watcher {
    explicit Watcher(Bench& bench_) : bench(bench_) {}

    std::string subscribe(const Call& call, const std::string& to_tag = {}) {
        Call asked = call;
        asked.method = "SUBSCRIBE";
        asked.uri = "sip:alice@example.org";
        if (!to_tag.empty()) asked.to = "<sip:alice@example.org>;tag=" + to_tag;
        const auto answer = bench.send(asked);
        take();
        return answer;
    }
    // The NOTIFYs among what was sent.
    void take() {
        for (const auto& entry : bench.effects.transmit.entries()) {
            std::string text(bench.effects.transmit.bytes(entry));
            if (text.starts_with("NOTIFY")) notified.push_back(std::move(text));
        }
    }
    // Answers the last NOTIFY.
    void confirm(int status = 200) {
        sip::Message message;
        REQUIRE(sip::split(notified.back(), message) == sip::ParseError::none);
        bench.deliver("SIP/2.0 " + std::to_string(status) + " Whatever\r\nVia: " + std::string(message.via.value) + "\r\nFrom: " + std::string(message.from) +
                      "\r\nTo: " + std::string(message.to) + "\r\nCall-ID: " + std::string(message.call_id) + "\r\nCSeq: " + std::to_string(message.cseq) +
                      " NOTIFY\r\nContent-Length: 0\r\n\r\n");
        take();
    }
    std::string last(std::string_view header) const { return Bench::value(notified.back(), header); }
    bool says(std::string_view text) const { return notified.back().find(text) != std::string::npos; }

    Bench& bench;
    std::vector<std::string> notified;
};

const std::string kEvent = "Event: reg\r\nContact: <sip:watcher@192.0.2.9:5060>\r\n";

TEST_CASE("a watcher hears the state, and then what changes", "[registrar][reg]") {
    Bench bench;
    REQUIRE(Bench::status(bench.send({.headers = "Contact: <sip:a@h1>;+sip.instance=\"<urn:uuid:1>\"\r\n"})) == 200);
    Watcher watcher(bench);
    const auto answer = watcher.subscribe({.call_id = "w", .headers = kEvent + "Expires: 600\r\n"});
    CAPTURE(answer);
    REQUIRE(Bench::status(answer) == 200);
    CHECK(Bench::value(answer, "Expires") == "600");
    REQUIRE(watcher.notified.size() == 1);
    CAPTURE(watcher.notified.back());
    CHECK(watcher.last("Subscription-State") == "active;expires=600");
    CHECK(watcher.last("Event") == "reg");
    CHECK(watcher.last("Content-Type") == "application/reginfo+xml");
    CHECK(watcher.says("version=\"0\" state=\"full\""));
    CHECK(watcher.says("aor=\"sip:alice@example.org\""));
    CHECK(watcher.says("<uri>sip:a@h1</uri>"));
    CHECK(watcher.says("&lt;urn:uuid:1&gt;"));
    watcher.confirm();

    bench.send({.headers = "Contact: <sip:a@h2>\r\n"});
    watcher.take();
    REQUIRE(watcher.notified.size() == 2);
    CHECK(watcher.says("version=\"1\" state=\"partial\""));
    CHECK(watcher.says("event=\"created\""));
    CHECK_FALSE(watcher.says("sip:a@h1"));

    // Two more while that is unanswered: told together, as the whole state.
    bench.send({.headers = "Contact: <sip:a@h2>\r\n"});
    bench.send({.headers = "Contact: <sip:a@h1>;+sip.instance=\"<urn:uuid:1>\";expires=0\r\n"});
    watcher.take();
    CHECK(watcher.notified.size() == 2);
    watcher.confirm();
    REQUIRE(watcher.notified.size() == 3);
    CHECK(watcher.says("version=\"2\" state=\"full\""));
    CHECK_FALSE(watcher.says("sip:a@h1"));
    watcher.confirm();

    bench.send({.headers = "Contact: *\r\nExpires: 0\r\n"});
    watcher.take();
    REQUIRE(watcher.notified.size() == 4);
    CHECK(watcher.says("event=\"unregistered\""));
    CHECK(watcher.says("state=\"terminated\""));
    watcher.confirm();

    bench.send({.to = "<sip:bob@example.org>", .headers = "Contact: <sip:b@h>\r\n", .user = "bob", .password = "hunter2"});
    watcher.take();
    CHECK(watcher.notified.size() == 4);

    SECTION("its end comes with a last word") {
        bench.advance(base::seconds(600));
        watcher.take();
        REQUIRE(watcher.notified.size() == 5);
        CHECK(watcher.last("Subscription-State") == "terminated;reason=timeout");
        watcher.confirm();
        CHECK(bench.core.subscriptions() == 0);
    }
    SECTION("it can be prolonged and ended within its dialog") {
        const auto tag = answer.substr(answer.find("tag=", answer.find("\r\nTo:")) + 4, 16);
        CHECK(Bench::status(watcher.subscribe({.call_id = "w", .headers = kEvent + "Expires: 0\r\n"}, tag)) == 200);
        CHECK(watcher.last("Subscription-State") == "terminated;reason=timeout");
        watcher.confirm();
        CHECK(bench.core.subscriptions() == 0);
        CHECK(Bench::status(watcher.subscribe({.call_id = "w", .headers = kEvent}, tag)) == 481);
    }
    SECTION("a watcher that is gone is forgotten") {
        bench.send({.headers = "Contact: <sip:a@h9>\r\n"});
        watcher.take();
        watcher.confirm(481);
        CHECK(bench.core.subscriptions() == 0);
    }
    SECTION("one that does not answer too") {
        bench.send({.headers = "Contact: <sip:a@h9>\r\n"});
        for (int i = 0; i < 33; ++i) bench.advance(base::seconds(1));
        CHECK(bench.core.subscriptions() == 0);
        bench.advance(base::seconds(700));
        CHECK(bench.core.transactions() == 0);
    }
    SECTION("expiry is told as such") {
        bench.send({.headers = "Contact: <sip:a@h9>;expires=60\r\n"});
        watcher.take();
        watcher.confirm();
        bench.advance(base::seconds(61));
        watcher.take();
        CHECK(watcher.says("event=\"expired\""));
    }
}

TEST_CASE("who may watch whom", "[registrar][reg]") {
    struct Row {
        const char* what;
        const char* peer;
        Call call;
        int status;
    };
    const std::string proxied = "Via: SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKphone\r\n";
    const Row rows[] = {
        {"himself", "192.0.2.9:5060", {.headers = kEvent}, 200},
        {"nobody knows who", "192.0.2.9:5060", {.headers = kEvent, .authorize = false}, 401},
        {"somebody else", "192.0.2.9:5060", {.headers = kEvent, .user = "bob", .password = "hunter2"}, 403},
        {"wrong password", "192.0.2.9:5060", {.headers = kEvent, .password = "wrong"}, 403},
        {"a trusted server", "192.0.2.20:5060", {.headers = kEvent, .authorize = false}, 200},
        {"a trusted proxy for a stranger", "192.0.2.20:5060", {.headers = kEvent + proxied, .authorize = false}, 401},
        {"a trusted proxy for himself", "192.0.2.20:5060", {.headers = kEvent + proxied + "P-Asserted-Identity: <sip:alice@example.org>\r\n", .authorize = false}, 200},
        {"a stranger who asserts", "192.0.2.9:5060", {.headers = kEvent + "P-Asserted-Identity: <sip:alice@example.org>\r\n", .authorize = false}, 401},
        {"another package", "192.0.2.9:5060", {.headers = "Event: presence\r\n"}, 489},
        {"no package", "192.0.2.9:5060", {.headers = ""}, 489},
        {"another format", "192.0.2.9:5060", {.headers = kEvent + "Accept: text/plain\r\n"}, 406},
        {"several formats", "192.0.2.9:5060", {.headers = kEvent + "Accept: text/plain, application/reginfo+xml\r\n"}, 200},
        {"no way back", "192.0.2.9:5060", {.headers = "Event: reg\r\n"}, 400},
    };
    for (const auto& row : rows) {
        Bench bench;
        bench.source.peer = *base::SocketAddress::parse(row.peer);
        Watcher watcher(bench);
        const auto answer = watcher.subscribe(row.call);
        CAPTURE(row.what, answer);
        CHECK(Bench::status(answer) == row.status);
        CHECK(bench.core.subscriptions() == (row.status == 200 ? 1 : 0));
        CHECK(watcher.notified.size() == (row.status == 200 ? 1 : 0));
    }
}

TEST_CASE("subscriptions are bounded", "[registrar][reg]") {
    Bench bench;
    Watcher watcher(bench);
    for (int i = 0; i < 3; ++i) CHECK(Bench::status(watcher.subscribe({.call_id = std::to_string(i), .headers = kEvent})) == 200);
    const auto full = watcher.subscribe({.call_id = "more", .headers = kEvent});
    CHECK(Bench::status(full) == 503);
    CHECK_FALSE(Bench::value(full, "Retry-After").empty());
}

}  // namespace
}  // namespace confab::registrar
