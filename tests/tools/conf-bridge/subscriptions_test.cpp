// The conference event package over SUBSCRIBE (RFC 4575, RFC 6665): who may watch, what watchers are told, and when.
#include <catch2/catch.hpp>

#include "sip/message.hpp"
#include "tools/conf-bridge/fixture.hpp"
#include "tools/conf-bridge/roster_reader.hpp"

using namespace confab;
using namespace confab::bridge;
using namespace confab::bridge::test;

namespace {

const std::string kPackage = "Event: conference;id=7\r\n";
constexpr auto kPause = std::chrono::milliseconds(500);

Config watched_config() {
    auto config = default_config();
    config.roster_watchers.push_back(*base::Network::parse("127.0.0.77"));
    return config;
}

// A subscriber that answers its NOTIFYs by hand, at a configured peer.
struct Watcher {
    explicit Watcher(Rig& rig_) : rig(rig_) {}

    int subscribe(const std::string& headers = kPackage, const std::string& tag = {}, const std::string& user = "1234") {
        rig.sent.clear();
        rig.receive(rig.text({.method = "SUBSCRIBE", .call = call, .headers = headers, .body = "", .user = user, .cseq = ++cseq, .to_tag = tag}), peer);
        answer = rig.sent.empty() ? "" : rig.sent.back();
        const auto status = rig.status();
        if (status == 200 && tag.empty()) own_tag = rig.tag();
        rig.sent.clear();
        rig.advance({});
        take();
        return status;
    }
    void take() {
        for (const auto& message : rig.sent)
            if (message.starts_with("NOTIFY ") && message.find("\r\nCall-ID: " + call + "\r\n") != message.npos) notified.push_back(message);
        rig.sent.clear();
    }
    void pass(base::milliseconds time) {
        rig.advance(time);
        take();
    }
    void confirm(int status = 200) {
        sip::Message message;
        REQUIRE(sip::split(notified.back(), message) == sip::ParseError::none);
        rig.receive("SIP/2.0 " + std::to_string(status) + " Whatever\r\nVia: " + std::string(message.via.value) + "\r\nFrom: " + std::string(message.from) +
                        "\r\nTo: " + std::string(message.to) + "\r\nCall-ID: " + std::string(message.call_id) + "\r\nCSeq: " +
                        std::to_string(message.cseq) + " NOTIFY\r\nContent-Length: 0\r\n\r\n",
                    peer);
        pass({});
    }
    std::string header(std::string_view name) const {
        sip::Message message;
        REQUIRE(sip::split(notified.back(), message) == sip::ParseError::none);
        const auto* found = message.find(name);
        return found ? std::string(found->value) : std::string();
    }
    std::string body() const { return notified.back().substr(notified.back().find("\r\n\r\n") + 4); }
    void read() { reader.read(body()); }

    Rig& rig;
    std::string peer = "127.0.0.77:5060", call = "watch", answer, own_tag;
    int cseq = 0;
    std::vector<std::string> notified;
    Reader reader;
};

// What a watcher that asks now is told.
std::vector<std::string> truth(Rig& rig) {
    Watcher fresh(rig);
    fresh.call = "truth" + std::to_string(rig.now.steady.time_since_epoch().count());
    REQUIRE(fresh.subscribe(kPackage + "Expires: 0\r\n") == 200);
    fresh.read();
    fresh.confirm();
    return fresh.reader.members();
}

}  // namespace

TEST_CASE("a watcher is told the roster, and then what changes", "[bridge][roster]") {
    Rig rig(watched_config());
    rig.join("a");
    Watcher watcher(rig);
    REQUIRE(watcher.subscribe(kPackage + "Expires: 600\r\n") == 200);
    CHECK(watcher.answer.find("\r\nExpires: 600\r\n") != std::string::npos);
    CHECK(watcher.answer.find(";isfocus") != std::string::npos);
    REQUIRE(watcher.notified.size() == 1);
    CHECK(watcher.header("Event") == "conference;id=7");
    CHECK(watcher.header("Subscription-State") == "active;expires=600");
    CHECK(watcher.header("Content-Type") == "application/conference-info+xml");
    CHECK(watcher.body().find("entity=\"sip:1234@127.0.0.40:5080\" state=\"full\" version=\"0\"") != std::string::npos);
    watcher.read();
    watcher.confirm();

    rig.join("b", "1234", "X-Passcode: 99\r\nP-Asserted-Identity: <sip:bob@example.org>\r\n");
    REQUIRE(rig.about("mute", "1234", 2));
    watcher.pass({});
    CHECK(watcher.notified.size() == 1);
    watcher.pass(kPause);
    REQUIRE(watcher.notified.size() == 2);
    CHECK(watcher.body().find("state=\"partial\" version=\"1\"") != std::string::npos);
    CHECK(watcher.body().find("alice") == std::string::npos);
    watcher.read();
    CHECK(watcher.reader.members() ==
          std::vector<std::string>{"sip:alice@example.org 1 connected participant", "sip:bob@example.org 2 muted-via-focus participant"});

    // One NOTIFY at a time: what happens meanwhile is told together.
    REQUIRE(rig.about("host", "1234", 2));
    REQUIRE(rig.about("lock", "1234"));
    REQUIRE(rig.about("kick", "1234", 1));
    watcher.pass(4 * kPause);
    watcher.notified.resize(2);  // its repetitions
    watcher.confirm();
    REQUIRE(watcher.notified.size() == 3);
    CHECK(watcher.body().find("<locked>true</locked>") != std::string::npos);
    watcher.read();
    CHECK(watcher.reader.members() == std::vector<std::string>{"sip:bob@example.org 2 muted-via-focus host"});
    watcher.confirm();

    SECTION("the conference's end is the subscription's") {
        rig.request({.method = "BYE", .call = "b", .body = "", .cseq = 2, .to_tag = rig.tag_of("b")});
        watcher.pass({});
        REQUIRE(watcher.notified.size() == 4);
        CHECK(watcher.header("Subscription-State") == "terminated;reason=noresource");
        CHECK(watcher.body().find("state=\"deleted\"") != std::string::npos);
        watcher.confirm();
        CHECK(rig.core.status().integer("subscriptions") == 0);
        CHECK(rig.is_clean());
    }
    SECTION("time is up") {
        watcher.pass(std::chrono::seconds(600));
        CHECK(watcher.header("Subscription-State") == "terminated;reason=timeout");
        watcher.confirm();
        CHECK(rig.core.status().integer("subscriptions") == 0);
    }
    SECTION("it is prolonged") {
        watcher.pass(std::chrono::seconds(300));
        REQUIRE(watcher.subscribe(kPackage + "Expires: 600\r\n", watcher.own_tag) == 200);
        CHECK(watcher.body().find("state=\"full\"") != std::string::npos);
        watcher.confirm();
        watcher.pass(std::chrono::seconds(500));
        CHECK(rig.core.status().integer("subscriptions") == 1);
    }
    SECTION("it is ended by the watcher") {
        REQUIRE(watcher.subscribe(kPackage + "Expires: 0\r\n", watcher.own_tag) == 200);
        CHECK(watcher.header("Subscription-State") == "terminated;reason=timeout");
        watcher.confirm();
        CHECK(rig.core.status().integer("subscriptions") == 0);
        CHECK(watcher.subscribe(kPackage, watcher.own_tag) == 481);
    }
    SECTION("a watcher that is gone is forgotten") {
        REQUIRE(rig.about("unlock", "1234"));
        watcher.pass(kPause);
        watcher.confirm(481);
        CHECK(rig.core.status().integer("subscriptions") == 0);
    }
    SECTION("one that does not answer too") {
        REQUIRE(rig.about("unlock", "1234"));
        watcher.pass(std::chrono::seconds(33));
        CHECK(rig.core.status().integer("subscriptions") == 0);
    }
}

TEST_CASE("a watcher that comes late and misses a NOTIFY ends with the exact roster", "[bridge][roster]") {
    Rig rig(watched_config());
    for (const auto* call : {"a", "b", "c"}) rig.join(call, "1234", std::string("X-Passcode: 99\r\nP-Asserted-Identity: <sip:") + call + "@example.org>\r\n");
    REQUIRE(rig.about("kick", "1234", 2));
    Watcher watcher(rig);
    REQUIRE(watcher.subscribe() == 200);
    watcher.read();
    watcher.confirm();

    rig.join("d", "1234", "X-Passcode: 99\r\nPrivacy: id\r\n");
    watcher.pass(kPause);
    watcher.confirm();  // without a look at it
    REQUIRE(rig.about("mute", "1234", 1));
    watcher.pass(kPause);
    const auto known = watcher.reader.version;
    watcher.read();
    CHECK(watcher.reader.version == known + 2);  // a gap, so it asks anew
    watcher.confirm();
    REQUIRE(watcher.subscribe(kPackage, watcher.own_tag) == 200);
    watcher.read();
    CHECK(watcher.reader.state == "full");
    CHECK(watcher.reader.members() == std::vector<std::string>{"sip:a@example.org 1 muted-via-focus participant",
                                                               "sip:anonymous-4@anonymous.invalid 4 connected participant",
                                                               "sip:c@example.org 3 connected participant"});
    CHECK(watcher.reader.members() == truth(rig));
}

TEST_CASE("who may watch", "[bridge][roster]") {
    struct Row {
        const char* what;
        const char* peer;
        std::string headers;
        const char* user;
        int status;
    };
    const std::string al = "P-Asserted-Identity: <sip:alice@example.org>\r\n";
    const auto row = GENERATE_REF(values<Row>({
        {"a configured peer", "127.0.0.77:5060", kPackage, "1234", 200},
        {"a configured peer, of none", "127.0.0.77:5060", kPackage, "77", 404},
        {"a member", "127.0.0.9:5060", kPackage + al, "1234", 200},
        {"a member of another", "127.0.0.9:5060", kPackage + al, "2000", 403},
        {"a member, of none", "127.0.0.9:5060", kPackage + al, "77", 403},
        {"a stranger", "127.0.0.9:5060", kPackage + "P-Asserted-Identity: <sip:eve@example.org>\r\n", "1234", 403},
        {"a member's name from elsewhere", "127.9.0.9:5060", kPackage + al, "1234", 403},
        {"anonymous", "127.0.0.9:5060", kPackage + al + "Privacy: id\r\n", "1234", 403},
        {"another package", "127.0.0.77:5060", "Event: presence\r\n", "1234", 489},
        {"no package", "127.0.0.77:5060", "", "1234", 489},
        {"another format", "127.0.0.77:5060", kPackage + "Accept: text/plain\r\n", "1234", 406},
        {"several formats", "127.0.0.77:5060", kPackage + "Accept: text/plain, application/conference-info+xml\r\n", "1234", 200},
        {"too short", "127.0.0.77:5060", kPackage + "Expires: 59\r\n", "1234", 423},
        {"just once", "127.0.0.77:5060", kPackage + "Expires: 0\r\n", "1234", 200},
        {"too long", "127.0.0.77:5060", kPackage + "Expires: 4294967295\r\n", "1234", 200},
    }));
    INFO(row.what);
    Rig rig(watched_config());
    rig.join("a");
    Watcher watcher(rig);
    watcher.peer = row.peer;
    CHECK(watcher.subscribe(row.headers, {}, row.user) == row.status);
    CHECK(watcher.notified.size() == (row.status == 200 ? 1 : 0));
    CHECK(rig.core.status().integer("subscriptions") == (row.status == 200 ? 1 : 0));
    if (row.status == 423) CHECK(watcher.answer.find("Min-Expires: 60\r\n") != std::string::npos);
    if (row.status == 489) CHECK(watcher.answer.find("Allow-Events: conference\r\n") != std::string::npos);
    CHECK(watcher.subscribe(row.headers.empty() ? kPackage : row.headers, "nobody") != 200);
}

TEST_CASE("subscriptions are bounded, and large rosters come in pieces", "[bridge][roster]") {
    auto config = watched_config();
    config.subscriptions = 2;
    config.roster_size = 2'000;
    Rig rig(config);
    for (int i = 0; i < 12; ++i)
        rig.join("m" + std::to_string(i), "1234", "X-Passcode: 99\r\nP-Asserted-Identity: <sip:u" + std::to_string(i) + "@example.org>\r\n");
    Watcher watcher(rig), other(rig), third(rig);
    other.call = "other";
    third.call = "third";
    REQUIRE(watcher.subscribe() == 200);
    REQUIRE(other.subscribe() == 200);
    CHECK(third.subscribe() == 503);
    CHECK(third.answer.find("Retry-After") != std::string::npos);
    watcher.read();
    CHECK(watcher.reader.members().size() < 12);
    for (int i = 0; i < 12 && watcher.reader.members().size() < 12; ++i) {
        watcher.confirm();
        watcher.pass(kPause);
        watcher.read();
    }
    CHECK(watcher.reader.members().size() == 12);
    const auto told = watcher.notified.size();
    watcher.confirm();
    watcher.pass(4 * kPause);
    CHECK(watcher.notified.size() == told);
}
