#include <catch2/catch.hpp>

#include "sbc-edge/core.hpp"
#include "sip/compose.hpp"
#include "sip/forward.hpp"
#include "sip/grammar.hpp"

using namespace confab;
using namespace confab::edge;

namespace {

constexpr std::string_view kCrypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";

std::string description(bool secure, std::string_view ip) {
    return "v=0\r\no=- 1 1 IN IP4 " + std::string(ip) + "\r\ns=-\r\nc=IN IP4 " + std::string(ip) + "\r\nt=0 0\r\nm=audio 4000 RTP/" + (secure ? "SAVP" : "AVP") +
           " 0\r\n" + (secure ? std::string(kCrypto) : std::string());
}

config::Listener listener(const char* text) { return *config::Value<config::Listener>::parse(text); }

Config configuration() {
    config::Problems problems;
    config::Entries entries;
    const auto set = [&](const char* key, const char* value) { entries.push_back({"", key, value, {"test", 1}}); };
    set("outside", "tls:203.0.113.1:5061");
    set("inside", "udp:10.0.0.10:5060");
    set("next-hop", "udp:10.0.0.20:5060");
    set("certificate", "x");
    set("private-key", "x");
    set("token-secret-file", "x");
    set("calls", "2");
    auto config = read_config(entries, problems);
    REQUIRE(problems.empty());
    return config;
}

// The edge between a client on flow 100 and the proxy on the inside listener.
struct Border {
    base::Now now{base::Instant{std::chrono::hours(1)}, base::WallTime{std::chrono::hours(500'000)}};
    sip::Hop client{sip::Transport::tls, *base::SocketAddress::parse("198.51.100.7:40000"), sip::FlowId{100}, 0};
    sip::Hop proxy{sip::Transport::udp, *base::SocketAddress::parse("10.0.0.20:5060"), sip::FlowId{2}, 1};
    Effects effects;
    Core core{configuration(), {listener("tls:203.0.113.1:5061"), listener("udp:10.0.0.10:5060")}, "0123456789abcdef", base::Seed{9}};
    unsigned sequence = 0;

    Border() { core.flow_opened(now, client); }

    struct Sent {
        sip::Hop to;
        std::string text;
    };
    std::vector<Sent> sent() {
        std::vector<Sent> messages;
        for (const auto& entry : effects.transmit.entries()) messages.push_back({entry.to, std::string(effects.transmit.bytes(entry))});
        effects.transmit.clear();
        return messages;
    }
    Sent one() {
        auto messages = sent();
        REQUIRE(messages.size() == 1);
        return messages[0];
    }
    void give(const sip::Hop& from, const std::string& text) { core.receive(now, from, text, sip::is_stream(from.transport), effects); }
    std::string request(sip::Method method, std::string_view headers = {}, std::string_view body = {}, std::string_view to = "<sip:1234@example.org>",
                        std::string_view from = "<sip:alice@example.org>;tag=a1", std::string_view call_id = "call-1") {
        std::string text;
        const auto branch = "z9hG4bKt" + std::to_string(++sequence);
        sip::append_request(text, {.method = method, .uri = "sip:1234@example.org", .via_sent_by = "198.51.100.7:40000", .transport = sip::Transport::tls,
                                   .branch = branch, .from = from, .to = to, .call_id = call_id, .cseq = sequence, .headers = headers,
                                   .content_type = body.empty() ? "" : "application/sdp", .body = body});
        return text;
    }
    std::string answer(const std::string& text, const sip::Hop& source, int status, std::string_view headers = {}, std::string_view body = {}) {
        sip::Message message;
        REQUIRE(sip::split(text, message, true) == sip::ParseError::none);
        std::string response;
        sip::append_response(response, message, source,
                             {.status = status, .to_tag = "b1", .headers = headers, .content_type = body.empty() ? "" : "application/sdp", .body = body});
        return response;
    }
    // Opens the relay that the core asked for.
    CallId open_relay() {
        REQUIRE(effects.open_relays.size() == 1);
        const auto call = effects.open_relays[0];
        effects.open_relays.clear();
        core.relay_opened(now, call, *base::SocketAddress::parse("203.0.113.1:20000"), *base::SocketAddress::parse("10.0.0.10:25000"), effects);
        return call;
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
    int status_of(const Sent& sent_message) {
        sip::Message message;
        REQUIRE(sip::split(sent_message.text, message, true) == sip::ParseError::none);
        return message.is_request ? 0 : message.status;
    }
    std::int64_t count(const char* name) { return core.status().integer(name, -1); }
};

std::string value_of(const std::string& text, sip::HeaderName name) {
    sip::Message message;
    REQUIRE(sip::split(text, message, true) == sip::ParseError::none);
    return std::string(message.value(name));
}

}  // namespace

TEST_CASE("a REGISTER crosses with a Path that leads back to its flow") {
    Border border;
    border.give(border.client, border.request(sip::Method::register_, "Contact: <sip:alice@198.51.100.7:40000;transport=tls>\r\nPath: <sip:evil@x;lr>\r\n"));
    const auto forwarded = border.one();
    CHECK(forwarded.to.peer == border.proxy.peer);
    const auto path = value_of(forwarded.text, sip::HeaderName::path);
    CHECK(path.ends_with("@10.0.0.10:5060;lr;ob>"));
    CHECK(forwarded.text.find("evil") == std::string::npos);
    border.give(border.proxy, border.answer(forwarded.text, border.client, 200));
    CHECK(border.status_of(border.one()) == 200);
    CHECK(border.count("exchanges") == 0);

    // A call for that client comes by the Path.
    auto invite = border.request(sip::Method::message, "Route: " + path + "\r\n", {}, "<sip:alice@example.org>", "<sip:bob@example.org>;tag=x");
    border.give(border.proxy, invite);
    const auto outward = border.one();
    CHECK(outward.to.flow == border.client.flow);
    CHECK(outward.text.find("Route:") == std::string::npos);

    // When the connection dies the registrar is told with the same token, and requests get 430.
    border.core.flow_failed(border.now, border.client, border.effects);
    REQUIRE(border.effects.gone_flows.size() == 1);
    CHECK(path.find(border.effects.gone_flows[0]) != std::string::npos);
    CHECK(border.status_of(border.one()) == 430);
    border.give(border.proxy, border.request(sip::Method::message, "Route: " + path + "\r\n"));
    CHECK(border.status_of(border.one()) == 430);
}

TEST_CASE("a call from outside is anchored, answered and ended, and leaves nothing") {
    Border border;
    const auto invite = border.request(sip::Method::invite, "Contact: <sip:alice@198.51.100.7:40000>\r\nX-Foo:  odd   Value \r\nP-Asserted-Identity: <sip:boss@x>\r\n",
                                       description(true, "198.51.100.7"));
    border.give(border.client, invite);
    CHECK(border.sent().empty());
    const auto call = border.open_relay();
    const auto inside = border.one();
    CHECK(inside.text.find("X-Foo:  odd   Value \r\n") != std::string::npos);
    CHECK(inside.text.find("P-Asserted-Identity") == std::string::npos);
    CHECK(inside.text.find("RTP/AVP") != std::string::npos);
    CHECK(inside.text.find("a=crypto") == std::string::npos);
    const auto record_route = value_of(inside.text, sip::HeaderName::record_route);
    CHECK(record_route.find("@10.0.0.10:5060;lr>, <sip:") != std::string::npos);
    CHECK(record_route.ends_with("@203.0.113.1:5061;transport=tls;lr>"));

    border.give(border.proxy, border.answer(inside.text, border.client, 200, "Contact: <sip:1234@10.0.0.40>\r\n", description(false, "10.0.0.40")));
    const auto ok = border.one();
    CHECK(border.status_of(ok) == 200);
    CHECK(ok.to.flow == border.client.flow);
    CHECK(ok.text.find("RTP/SAVP") != std::string::npos);
    CHECK(ok.text.find("a=crypto:1 ") != std::string::npos);
    REQUIRE(border.effects.update_relays.size() >= 1);
    CHECK(border.effects.update_relays.back().settings.keys);

    // The bridge hangs up by the route set of the dialog.
    auto rest = std::string_view(record_route);
    const auto first = std::string(*sip::next_value(rest)), second = std::string(*sip::next_value(rest));
    border.give(border.proxy, border.request(sip::Method::bye, "Route: " + first + ", " + second + "\r\n", {}, "<sip:alice@example.org>;tag=a1",
                                             "<sip:1234@example.org>;tag=b1"));
    const auto bye = border.one();
    CHECK(bye.to.flow == border.client.flow);
    CHECK(bye.text.find("Route:") == std::string::npos);
    border.give(border.client, border.answer(bye.text, border.proxy, 200));
    CHECK(border.status_of(border.one()) == 200);
    CHECK(border.effects.close_relays == std::vector<CallId>{call});
    CHECK(border.count("calls") == 0);
    border.pass(base::seconds(70));
    CHECK(border.count("exchanges") == 0);
    CHECK(border.count("client_transactions") == 0);
    CHECK(border.count("server_transactions") == 0);
}

TEST_CASE("an answer in the ACK crosses too") {
    Border border;
    border.give(border.client, border.request(sip::Method::invite, "Contact: <sip:alice@198.51.100.7>\r\n"));
    border.open_relay();
    const auto inside = border.one();
    border.give(border.proxy, border.answer(inside.text, border.client, 200, "Contact: <sip:1234@10.0.0.40>\r\n", description(false, "10.0.0.40")));
    const auto ok = border.one();
    CHECK(ok.text.find("RTP/SAVP") != std::string::npos);
    border.give(border.client, border.request(sip::Method::ack, {}, description(true, "198.51.100.7"), "<sip:1234@example.org>;tag=b1"));
    const auto ack = border.one();
    CHECK(ack.to.peer == border.proxy.peer);
    CHECK(ack.text.find("RTP/AVP 0") != std::string::npos);
    CHECK(border.effects.update_relays.back().settings.keys);
}

TEST_CASE("what the border refuses leaves nothing behind") {
    struct Row {
        const char* what;
        std::string_view headers;
        std::string body;
        int status;
    };
    const Row rows[] = {
        {"plain RTP", "Contact: <sip:a@b>\r\n", description(false, "198.51.100.7"), 488},
        {"malformed description", "Contact: <sip:a@b>\r\n", "v=0\r\n", 400},
        {"an extension of proxies", "Proxy-Require: foo\r\n", "", 420},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        Border border;
        border.give(border.client, border.request(sip::Method::invite, row.headers, row.body));
        if (!border.effects.open_relays.empty()) border.open_relay();
        CHECK(border.status_of(border.one()) == row.status);
        CHECK(border.count("calls") == 0);
        CHECK(border.count("exchanges") == 0);
    }
}

TEST_CASE("peers inside are configured, and only our tokens lead outside") {
    Border border;
    auto stranger = border.proxy;
    stranger.peer = *base::SocketAddress::parse("10.0.0.99:5060");
    border.give(stranger, border.request(sip::Method::invite));
    CHECK(border.status_of(border.one()) == 403);
    border.give(border.proxy, border.request(sip::Method::invite));
    CHECK(border.status_of(border.one()) == 404);
    border.give(border.proxy, border.request(sip::Method::invite, "Route: <sip:AAAA@10.0.0.10:5060;lr>\r\n"));
    CHECK(border.status_of(border.one()) == 404);
    // From outside a Route leads nowhere but to the next hop.
    border.give(border.client, border.request(sip::Method::message, "Route: <sip:10.0.0.77;lr>\r\n"));
    CHECK(border.one().to.peer == border.proxy.peer);
}

TEST_CASE("CANCEL ends a waiting call and follows a sent one") {
    for (const bool sent_on : {false, true}) {
        CAPTURE(sent_on);
        Border border;
        const auto invite = border.request(sip::Method::invite, "Contact: <sip:a@b>\r\n", description(true, "198.51.100.7"));
        border.give(border.client, invite);
        std::string inside;
        if (sent_on) {
            border.open_relay();
            inside = border.one().text;
            border.give(border.proxy, border.answer(inside, border.client, 180));
            border.sent();
        }
        sip::Message message;
        REQUIRE(sip::split(invite, message, true) == sip::ParseError::none);
        std::string cancel;
        sip::append_cancel(cancel, message);
        border.give(border.client, cancel);
        const auto messages = border.sent();
        REQUIRE(messages.size() == 2);
        if (sent_on) {
            CHECK(messages[1].text.starts_with("CANCEL"));
            border.give(border.proxy, border.answer(inside, border.client, 487));
            border.sent();
        }
        CHECK(border.count("calls") == 0);
        CHECK(border.effects.close_relays.size() == 1);
    }
}

TEST_CASE("bounds: calls, relays") {
    Border border;
    for (int i = 0; i < 2; ++i)
        border.give(border.client, border.request(sip::Method::invite, "Contact: <sip:a@b>\r\n", description(true, "198.51.100.7"), "<sip:1234@example.org>",
                                                  "<sip:alice@example.org>;tag=a1", "bound-" + std::to_string(i)));
    CHECK(border.effects.open_relays.size() == 2);
    border.give(border.client, border.request(sip::Method::invite, "Contact: <sip:a@b>\r\n", description(true, "198.51.100.7"), "<sip:1234@example.org>",
                                              "<sip:alice@example.org>;tag=a1", "bound-3"));
    const auto refused = border.one();
    CHECK(border.status_of(refused) == 503);
    CHECK_FALSE(value_of(refused.text, sip::HeaderName::retry_after).empty());
    border.core.relay_failed(border.now, border.effects.open_relays[0], border.effects);
    CHECK(border.status_of(border.one()) == 503);
    CHECK(border.count("calls") == 1);
}

TEST_CASE("a call between two clients of one edge crosses twice with a relay for each") {
    Border border;
    sip::Hop other{sip::Transport::tls, *base::SocketAddress::parse("198.51.100.8:41000"), sip::FlowId{101}, 0};
    border.core.flow_opened(border.now, other);
    border.give(other, border.request(sip::Method::register_, "Contact: <sip:bob@198.51.100.8>\r\n"));
    const auto path = value_of(border.one().text, sip::HeaderName::path);
    border.give(border.client, border.request(sip::Method::invite, "Contact: <sip:alice@198.51.100.7>\r\n", description(true, "198.51.100.7")));
    border.open_relay();
    const auto inside = border.one();
    // The proxy sends it back by bob's Path.
    sip::Message message;
    REQUIRE(sip::split(inside.text, message, true) == sip::ParseError::none);
    sip::Splice splice(message);
    std::string back;
    sip::append_forward(back, message, splice,
                        {.via_sent_by = "10.0.0.20:5060", .branch = "z9hG4bKproxy.1", .request_uri = "sip:bob@198.51.100.8", .push_route = path});
    border.give(border.proxy, back);
    border.open_relay();
    const auto outward = border.one();
    CHECK(outward.to.flow == other.flow);
    CHECK(outward.text.find("RTP/SAVP") != std::string::npos);
    CHECK(border.count("calls") == 2);
}
