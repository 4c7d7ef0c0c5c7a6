#include <catch2/catch.hpp>

#include "fixture.hpp"

namespace confab::bridge::test {
namespace {

constexpr std::string_view kProxy = "127.0.0.20:5060";

Config dialling_config() {
    auto config = default_config();
    config.dial_out = Switch::on;
    config.outbound_proxy = *config::Value<config::Peer>::parse("udp:127.0.0.20:5060");
    config.dial_domains = {"example.org"};
    config.dial_confirm = Switch::off;
    return config;
}

std::string line(const std::string& message, std::string_view name) {
    const auto at = message.find("\r\n" + std::string(name) + ": ");
    if (at == message.npos) return {};
    const auto begin = at + 2 + name.size() + 2;
    return message.substr(begin, message.find("\r\n", begin) - begin);
}

// Conference 2000, open, with a host; the phone behind the proxy answers what the test says.
struct Floor : Rig {
    explicit Floor(Config config = dialling_config()) : Rig(std::move(config)) { join("host", "2000", ""); }

    std::int64_t dial(std::string_view target = "sip:bob@example.org") {
        clear();
        const auto outcome = command("dial", local::Value::object({{"conference", "2000"}, {"target", target}}));
        REQUIRE(outcome);
        return outcome->fields.integer("dial");
    }
    std::string last(std::string_view method) const {
        for (auto message = sent.rbegin(); message != sent.rend(); ++message)
            if (message->starts_with(std::string(method) + " ")) return *message;
        return {};
    }
    void respond(const std::string& request, int status, std::string_view tag = "bob", bool with_contact = true,
                 const std::string& body = kOffer, const std::string& headers = {}) {
        const bool answers = status == 200 && request.starts_with("INVITE ");
        std::string out = "SIP/2.0 " + std::to_string(status) + " X\r\nVia: " + line(request, "Via") +
                          "\r\nFrom: " + line(request, "From") + "\r\nTo: " + line(request, "To") + ";tag=" + std::string(tag) +
                          "\r\nCall-ID: " + line(request, "Call-ID") + "\r\nCSeq: " + line(request, "CSeq") + "\r\n" + headers;
        if (with_contact) out += "Contact: <sip:bob@127.0.0.20:5060>\r\n";
        if (answers && !body.empty()) out += "Content-Type: application/sdp\r\n";
        const auto& text = answers ? body : kNothing;
        receive(out + "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text, kProxy);
    }
    std::string state() const {
        std::string last_state;
        for (const auto& event : events)
            if (event.event == "dial") last_state = event.fields.text("state");
        return last_state;
    }
    std::size_t listed() { return command("dials", local::Value::object())->rows.size(); }
    void end() {
        about("end", "2000");
        CHECK(is_clean());
        CHECK(listed() == 0);
    }
    inline static const std::string kNothing;
};

TEST_CASE("nobody is called by default") {
    Rig rig;
    rig.join("host", "2000", "");
    const auto outcome = rig.command("dial", local::Value::object({{"conference", "2000"}, {"target", "sip:bob@example.org"}}));
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == "dial-out-off");
    CHECK(rig.count_sent("INVITE ") == 0);
}

TEST_CASE("a CANCEL waits for the first word of the phone") {
    Floor floor;
    const auto id = floor.dial();
    const auto invite = floor.last("INVITE");
    floor.command("hangup", local::Value::object({{"dial", id}}));
    CHECK(floor.count_sent("CANCEL ") == 0);
    CHECK(floor.state() == "failed");
    floor.respond(invite, 180);
    CHECK(floor.count_sent("CANCEL ") == 1);
    floor.respond(floor.last("CANCEL"), 200);
    floor.respond(invite, 487);
    CHECK(floor.core.status().integer("legs") == 1);
    floor.end();
}

TEST_CASE("a 200 that crosses the CANCEL is acknowledged and ended") {
    Floor floor;
    const auto id = floor.dial();
    const auto invite = floor.last("INVITE");
    floor.respond(invite, 180);
    floor.command("hangup", local::Value::object({{"dial", id}}));
    floor.respond(invite, 200);
    CHECK(floor.count_sent("ACK ") == 1);
    CHECK(floor.byes() == 1);
    floor.respond(invite, 200);  // again, the leg being gone
    CHECK(floor.count_sent("ACK ") == 2);
    CHECK_FALSE(floor.has_event("joined"));
    floor.end();
}

TEST_CASE("an answer that is of no use ends the call") {
    struct Row {
        const char* what;
        bool with_contact;
        std::string body;
        int code;
        std::size_t acks;
    };
    const Row rows[] = {{"no Contact", false, kOffer, 502, 0},
                        {"no description", true, "", 488, 1},
                        {"nonsense", true, "v=0\r\n", 488, 1},
                        {"no codec of ours", true,
                         "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\n", 488, 1}};
    for (const auto& row : rows) {
        INFO(row.what);
        Floor floor;
        floor.dial();
        floor.respond(floor.last("INVITE"), 200, "bob", row.with_contact, row.body);
        CHECK(floor.state() == "failed");
        CHECK(floor.events.back().fields.integer("code") == row.code);
        CHECK(floor.count_sent("ACK ") == row.acks);
        CHECK(floor.byes() == row.acks);
        floor.end();
    }
}

TEST_CASE("a phone that wants a longer session is called again with it, once") {
    Floor floor;
    floor.dial();
    const auto first = floor.last("INVITE");
    floor.respond(first, 422, "bob", false, "", "Min-SE: 7200\r\n");
    CHECK(floor.count_sent("INVITE ") == 2);
    const auto second = floor.last("INVITE");
    CHECK(line(second, "Call-ID") == line(first, "Call-ID"));
    CHECK(line(second, "From") == line(first, "From"));
    CHECK(line(second, "To") == line(first, "To"));
    CHECK(line(second, "CSeq") == "2 INVITE");
    CHECK(line(second, "Session-Expires") == "7200");
    CHECK(line(second, "Min-SE") == "7200");
    CHECK(floor.state() == "dialing");
    SECTION("and answers") {
        floor.respond(second, 200);
        CHECK(floor.state() == "connected");
    }
    SECTION("and still refuses") {
        floor.respond(second, 422, "bob", false, "", "Min-SE: 9000\r\n");
        CHECK(floor.count_sent("INVITE ") == 2);
        CHECK(floor.state() == "failed");
    }
    floor.end();
}

TEST_CASE("a proxy that does not answer") {
    Floor floor;
    floor.dial();
    floor.advance(std::chrono::seconds(33));
    CHECK(floor.state() == "failed");
    CHECK(floor.events.back().fields.integer("code") == 408);
    floor.end();
}

TEST_CASE("no RTP ports for a call") {
    Floor floor;
    floor.ports_are_free = false;
    floor.dial();
    CHECK(floor.state() == "failed");
    CHECK(floor.count_sent("INVITE ") == 0);
    floor.ports_are_free = true;
    floor.end();
}

TEST_CASE("a conference that ends takes its calls with it, those that wait too") {
    auto config = dialling_config();
    config.dial_at_once = 2;
    config.dial_retries = 3;
    Floor floor(config);
    for (int i = 0; i < 5; ++i) floor.dial();
    CHECK(floor.listed() == 5);
    floor.clear();
    floor.about("end", "2000");
    CHECK(floor.listed() == 0);
    CHECK(floor.count_sent("INVITE ") == 0);
    CHECK(floor.is_clean());
}

TEST_CASE("a busy phone is tried again, and again, and no more") {
    auto config = dialling_config();
    config.dial_retries = 2;
    config.dial_retry_after = std::chrono::seconds(30);
    Floor floor(config);
    floor.dial();
    for (int call = 1; call <= 3; ++call) {
        INFO(call);
        const auto invite = floor.last("INVITE");
        REQUIRE_FALSE(invite.empty());
        floor.respond(invite, 486);
        CHECK(floor.state() == "busy");
        CHECK(floor.listed() == (call < 3 ? 1U : 0U));
        floor.sent.clear();
        floor.advance(std::chrono::seconds(29));
        CHECK(floor.count_sent("INVITE ") == 0);
        floor.advance(std::chrono::seconds(2));
    }
    CHECK(floor.last("INVITE").empty());
    floor.end();
}

TEST_CASE("each call that nobody answers has a record") {
    auto config = dialling_config();
    config.call_log = "legs.ndjson";
    config.dial_retries = 1;
    Floor floor(config);
    const auto ended = [&floor] {
        std::vector<local::Value> records;
        for (const auto& entry : floor.call_records)
            if (entry.kind == base::CallEntry::Kind::closed) records.push_back(local::parse_json(entry.line).value());
        return records;
    };
    const auto check = [&](std::size_t count, std::string_view reason) {
        INFO(reason);
        const auto records = ended();
        REQUIRE(records.size() == count);
        CHECK(records.back().text("reason") == reason);
        CHECK(records.back().text("authoriser") == "operator");
        CHECK(records.back().text("identity") == "sip:bob@example.org");
        CHECK(records.back().text("conference") == "2000");
        CHECK(records.back().find("answered")->is_null());
        CHECK(records.back().integer("duration_ms", -1) == 0);
    };
    SECTION("refused") {
        for (const auto& [status, reason] : {std::pair{603, "declined"}, {404, "failed"}}) {
            floor.dial();
            floor.respond(floor.last("INVITE"), status);
            check(1, reason);
        }
    }
    SECTION("busy, and busy again") {
        floor.dial();
        floor.respond(floor.last("INVITE"), 486);
        check(1, "busy");
        floor.sent.clear();
        floor.advance(std::chrono::seconds(31));
        floor.respond(floor.last("INVITE"), 486);
        check(2, "busy");
    }
    SECTION("it rings in vain") {
        floor.dial();
        const auto invite = floor.last("INVITE");
        floor.respond(invite, 180);
        floor.advance(std::chrono::seconds(46));
        floor.respond(invite, 487);
        check(1, "no answer");
    }
    SECTION("hung up while it rings") {
        const auto id = floor.dial();
        const auto invite = floor.last("INVITE");
        floor.respond(invite, 180);
        floor.command("hangup", local::Value::object({{"dial", id}}));
        floor.respond(invite, 487);
        check(1, "kicked");
    }
    SECTION("the conference ends while it rings") {
        floor.dial();
        const auto invite = floor.last("INVITE");
        floor.respond(invite, 180);
        floor.about("end", "2000");
        floor.respond(invite, 487);
        check(2, "conference ended");
    }
    SECTION("no proxy") {
        floor.dial();
        floor.advance(std::chrono::seconds(33));
        check(1, "failed");
    }
    SECTION("a 200 that crosses the CANCEL is an answer") {
        const auto id = floor.dial();
        const auto invite = floor.last("INVITE");
        floor.respond(invite, 180);
        floor.command("hangup", local::Value::object({{"dial", id}}));
        floor.respond(invite, 200);
        REQUIRE(ended().size() == 1);
        CHECK_FALSE(ended().back().find("answered")->is_null());
        CHECK(ended().back().text("reason") == "kicked");
    }
}

TEST_CASE("a reload that turns dial-out off stops what waits to be called") {
    auto config = dialling_config();
    config.dial_retries = 5;
    Floor floor(config);
    floor.dial();
    floor.respond(floor.last("INVITE"), 486);
    config.dial_out = Switch::off;
    floor.core.reload(config);
    floor.sent.clear();
    floor.advance(std::chrono::minutes(2));
    CHECK(floor.count_sent("INVITE ") == 0);
    CHECK(floor.state() == "failed");
    floor.end();
}

TEST_CASE("a roster tells who called and who was called") {
    auto config = dialling_config();
    config.roster_watchers.push_back(*base::Network::parse("127.0.0.77"));
    Floor floor(config);
    floor.dial();
    floor.respond(floor.last("INVITE"), 200);
    REQUIRE(floor.state() == "connected");
    floor.receive(floor.text({.method = "SUBSCRIBE", .call = "w", .headers = "Event: conference\r\n", .body = "", .user = "2000"}), "127.0.0.77:5060");
    floor.advance({});
    const auto roster = floor.last("NOTIFY");
    const auto called = roster.find("<user entity=\"sip:bob@example.org\""), out = roster.find("<joining-method>dialed-out</joining-method>");
    const auto caller = roster.find("<user entity=\"sip:alice@example.org\""), in = roster.find("<joining-method>dialed-in</joining-method>");
    REQUIRE(std::max({called, out, caller, in}) != roster.npos);
    CHECK((called < caller ? called < out && out < caller && caller < in : caller < in && in < called && called < out));
}

}  // namespace
}  // namespace confab::bridge::test
