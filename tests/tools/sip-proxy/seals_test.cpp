#include "sip-proxy/seals.hpp"

#include <catch2/catch.hpp>

#include "sip/compose.hpp"
#include "sip/forward.hpp"

using namespace confab;
using namespace confab::proxy;

namespace {

constexpr std::string_view kSecret = "0123456789abcdef";

const sip::Hop kPhone{sip::Transport::udp, *base::SocketAddress::parse("192.0.2.7:4000"), {}, 0};

std::string invite(std::string_view via) {
    return "INVITE sip:b@127.0.0.9 SIP/2.0\r\nVia: " + std::string(via) +
           "\r\nFrom: <sip:a@example.test>;tag=1\r\nTo: <sip:b@example.test>\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\nMax-Forwards: 70\r\n"
           "Content-Length: 0\r\n\r\n";
}

// What the next hop answers to a request that went out with a branch of `seals`.
std::string response_to(Seals& seals, const std::string& request_text, const sip::Hop& source, std::uint64_t destination) {
    sip::Message request;
    REQUIRE(sip::split(request_text, request) == sip::ParseError::none);
    std::string branch;
    seals.append_branch(branch, request, source.peer, destination, seals.mark(request));
    sip::Splice splice(request);
    sip::Forward forward;
    forward.via_sent_by = "127.0.0.20:5060";
    forward.branch = branch;
    forward.source = &source.peer;
    std::string forwarded;
    sip::append_forward(forwarded, request, splice, forward);
    sip::Message arrived;
    REQUIRE(sip::split(forwarded, arrived) == sip::ParseError::none);
    std::string response;
    const sip::Hop proxy{sip::Transport::udp, *base::SocketAddress::parse("127.0.0.20:5060"), {}, 0};
    sip::append_response(response, arrived, proxy, {.status = 200, .to_tag = "x"});
    return response;
}

bool is_ours(Seals& seals, const std::string& text) {
    sip::Message response;
    REQUIRE(sip::split(text, response) == sip::ParseError::none);
    return seals.is_ours(response);
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a dialog token fits its Call-ID and its secret") {
    Seals seals(kSecret, "a");
    const auto token = seals.dialog("c1");
    CHECK(token.text().size() == Seals::kTokenLength);
    CHECK(seals.is_dialog(token.text(), "c1"));
    CHECK_FALSE(seals.is_dialog(token.text(), "c2"));
    CHECK_FALSE(seals.is_dialog("", "c1"));
    Seals other("another secret, as long", "a"), sibling(kSecret, "b");
    CHECK_FALSE(other.is_dialog(token.text(), "c1"));
    CHECK(sibling.is_dialog(token.text(), "c1"));
}

TEST_CASE("a dialog token spells no header name") {
    Seals seals(kSecret, "a");
    for (int i = 0; i < 1000; ++i) {
        const auto token = seals.dialog(std::to_string(i));
        CHECK(token.text().find_first_not_of("0123456789abcdefghijklmnopqrstuv") == std::string_view::npos);
    }
}

TEST_CASE("the same request has the same branch after a restart, another target another") {
    const auto text = invite("SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa;rport");
    sip::Message request;
    REQUIRE(sip::split(text, request) == sip::ParseError::none);
    const auto branch = [&](std::string_view secret, std::uint64_t destination) {
        Seals seals(secret, "a");
        std::string out;
        seals.append_branch(out, request, kPhone.peer, destination, seals.mark(request));
        return out;
    };
    CHECK(branch(kSecret, 1) == branch(kSecret, 1));
    CHECK(branch(kSecret, 1) != branch(kSecret, 2));
    CHECK(branch(kSecret, 1) != branch("another secret", 1));
    CHECK(branch(kSecret, 1).starts_with("z9hG4bK"));
}

TEST_CASE("a response is ours when it goes back to where the request came from") {
    Seals seals(kSecret, "a");
    const std::string_view vias[] = {
        "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa;rport", "SIP/2.0/UDP 192.0.2.7:4000;branch=z9hG4bKa",
        "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKa",           "SIP/2.0/TCP phone.test;branch=z9hG4bKa",
        "SIP/2.0/TLS phone.test;branch=z9hG4bKa;rport",    "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa;maddr=192.0.2.9",
        "SIP/2.0/UDP 10.0.0.1:5060;branch=1",
    };
    for (const auto via : vias) {
        INFO(via);
        const auto response = response_to(seals, invite(via), kPhone, 5);
        CHECK(is_ours(seals, response));
        Seals again(kSecret, "other listeners");
        CHECK(is_ours(again, response));
        Seals stranger("another secret", "a");
        CHECK_FALSE(is_ours(stranger, response));
    }
}

TEST_CASE("a response that was tampered with is not ours") {
    Seals seals(kSecret, "a");
    const auto response = response_to(seals, invite("SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa;rport"), kPhone, 5);
    const struct {
        std::string_view from, to;
    } rows[] = {
        {"received=192.0.2.7", "received=192.0.2.8"}, {"rport=4000", "rport=4001"}, {"CSeq: 7 INVITE", "CSeq: 8 INVITE"},
        {"CSeq: 7 INVITE", "CSeq: 7 BYE"},            {"Call-ID: c1", "Call-ID: c2"}, {"tag=1", "tag=2"},
        {"branch=z9hG4bKa", "branch=z9hG4bKb"},
    };
    for (const auto& row : rows) {
        INFO(row.to);
        CHECK_FALSE(is_ours(seals, replaced(response, row.from, row.to)));
    }
    CHECK(is_ours(seals, replaced(response, "200 OK", "486 Busy Here")));
}

TEST_CASE("a flow token names a flow, and nobody else can make one") {
    Seals seals(kSecret, "a");
    const sip::Hop hops[] = {
        {sip::Transport::tcp, *base::SocketAddress::parse("192.0.2.7:4000"), {0x123456789abcdefULL}, 1},
        {sip::Transport::tls, *base::SocketAddress::parse("[2001:db8::7]:4000"), {7}, 2},
    };
    for (const auto& hop : hops) {
        std::string token;
        seals.append_flow(token, hop);
        CHECK(seals.open_flow(token) == hop);
        Seals stranger("another secret", "a");
        CHECK_FALSE(stranger.open_flow(token));
        token[5] = token[5] == 'A' ? 'B' : 'A';
        CHECK_FALSE(seals.open_flow(token));
    }
    for (const auto text : {"", "alice", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "%%"}) CHECK_FALSE(seals.open_flow(text));
    std::string token;
    seals.append_flow(token, {sip::Transport::udp, kPhone.peer, {99}, 0});
    CHECK(seals.open_flow(token) == kPhone);  // a datagram flow is its peer's address: it outlives a restart
}
