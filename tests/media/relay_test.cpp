#include "media/relay.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace confab;
using namespace confab::media;

namespace {

constexpr std::string_view kSuite = "AES_CM_128_HMAC_SHA1_80";
const std::string kTheirs(30, 'c'), kOurs(30, 's');

base::SocketAddress address(std::string_view text) { return *base::SocketAddress::parse(text); }
base::Instant at(int milliseconds) { return base::Instant(base::milliseconds(milliseconds)); }

const auto kCaller = address("198.51.100.7:4000"), kMoved = address("203.0.113.9:6000"), kBridge = address("10.0.0.5:30000"),
           kStranger = address("192.0.2.66:1234");

struct Packet {
    std::vector<std::uint8_t> buffer;
    std::size_t size = 0;
    explicit Packet(std::vector<std::uint8_t> octets) : buffer(std::move(octets)), size(buffer.size()) {
        buffer.resize(size + 2 * kSrtpOverhead);
    }
    std::string text() const { return {buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size)}; }
};

Packet rtp(std::uint16_t sequence, std::uint32_t ssrc = 1) {
    std::vector<std::uint8_t> octets(kRtpHeader + 160, 'x');
    write_rtp_header(std::span(octets).first<kRtpHeader>(), false, 0, sequence, sequence * 160u, ssrc);
    return Packet(octets);
}
Packet report() { return Packet({0x80, 0xc9, 0, 1, 0, 0, 0, 1}); }

// A caller outside with SRTP, a bridge inside with RTP.
struct Call {
    Relay relay;
    Srtp seal = *Srtp::create(Srtp::Direction::send, kSuite, kTheirs), open = *Srtp::create(Srtp::Direction::receive, kSuite, kOurs);
    int now = 0;

    Call() {
        relay.set_keys(Side::outside, keys());
        relay.set_remote(Side::outside, kCaller);
        relay.set_remote(Side::inside, kBridge);
    }
    static RelayKeys keys() {
        RelayKeys keys;
        keys.receive = Srtp::create(Srtp::Direction::receive, kSuite, kTheirs);
        keys.send = Srtp::create(Srtp::Direction::send, kSuite, kOurs);
        return keys;
    }
    Packet sealed(Packet packet, bool rtcp = false) {
        packet.size = *(rtcp ? seal.protect_rtcp(packet.buffer, packet.size) : seal.protect(packet.buffer, packet.size));
        return packet;
    }
    std::optional<Relay::Out> give(Side from, const base::SocketAddress& source, Packet& packet, bool rtcp = false) {
        auto out = relay.receive(at(++now), from, source, rtcp, packet.buffer, packet.size);
        if (out) packet.size = out->size;
        return out;
    }
    std::optional<base::SocketAddress> to_caller() {
        static std::uint16_t sequence = 0;
        auto packet = rtp(++sequence);
        const auto out = give(Side::inside, kBridge, packet);
        return out ? std::optional(out->destination) : std::nullopt;
    }
};

}  // namespace

TEST_CASE("packets change clothes in both directions", "[relay]") {
    Call call;
    auto inward = call.sealed(rtp(1));
    const auto in = call.give(Side::outside, kCaller, inward);
    REQUIRE(in);
    CHECK(in->to == Side::inside);
    CHECK(in->destination == kBridge);
    CHECK(inward.text() == rtp(1).text());

    auto outward = rtp(9, 2);
    const auto out = call.give(Side::inside, kBridge, outward);
    REQUIRE(out);
    CHECK(out->to == Side::outside);
    CHECK(out->destination == kCaller);
    CHECK(outward.text() != rtp(9, 2).text());
    const auto opened = call.open.unprotect(outward.buffer, outward.size);
    REQUIRE(opened);
    outward.size = *opened;
    CHECK(outward.text() == rtp(9, 2).text());

    CHECK(call.relay.counts().packets_in[0] == 1);
    CHECK(call.relay.counts().packets_in[1] == 1);
    CHECK(call.relay.counts().rejected[0] + call.relay.counts().rejected[1] == 0);
    CHECK(call.relay.last_packet(Side::outside) == at(1));
    CHECK(call.relay.last_packet(Side::inside) == at(2));
}

TEST_CASE("the outside takes nothing that does not authenticate", "[relay]") {
    Call call;
    auto stranger_keys = *Srtp::create(Srtp::Direction::send, kSuite, std::string(30, 'z'));
    struct Row {
        const char* what;
        Packet packet;
    };
    auto foreign = rtp(1);
    foreign.size = *stranger_keys.protect(foreign.buffer, foreign.size);
    auto tampered = call.sealed(rtp(2));
    tampered.buffer[20] ^= 1;
    Row rows[] = {{"plain RTP", rtp(3)},    {"another key", foreign},       {"tampered", tampered},
                  {"plain RTCP", report()}, {"STUN", Packet({0, 1, 0, 0})}, {"DTLS", Packet(std::vector<std::uint8_t>(40, 22))},
                  {"nothing", Packet({})}};
    std::uint64_t rejected = 0;
    for (auto& row : rows) {
        CAPTURE(row.what);
        CHECK_FALSE(call.give(Side::outside, kCaller, row.packet));
        CHECK(call.relay.counts().rejected[0] == ++rejected);
    }
    auto good = call.sealed(rtp(5));
    auto again = good;
    CHECK(call.give(Side::outside, kCaller, good));
    CHECK_FALSE(call.give(Side::outside, kCaller, again));
    CHECK(call.relay.last_packet(Side::outside) == at(8));
}

TEST_CASE("before its keys are set the outside is shut", "[relay]") {
    Relay relay;
    relay.set_remote(Side::outside, kCaller);
    relay.set_remote(Side::inside, kBridge);
    auto inward = rtp(1), outward = rtp(2);
    CHECK_FALSE(relay.receive(at(1), Side::outside, kCaller, false, inward.buffer, inward.size));
    CHECK_FALSE(relay.receive(at(1), Side::inside, kBridge, false, outward.buffer, outward.size));
    CHECK(relay.counts().rejected[0] == 1);
    CHECK(relay.counts().rejected[1] == 0);
    relay.set_keys(Side::outside, {});  // clear by choice
    CHECK(relay.receive(at(1), Side::outside, kCaller, false, inward.buffer, inward.size));
}

TEST_CASE("media goes where authenticated media comes from", "[relay]") {
    Call call;
    CHECK(call.to_caller() == kCaller);  // as signalled
    auto forged = rtp(1);
    CHECK_FALSE(call.give(Side::outside, kStranger, forged));
    CHECK(call.to_caller() == kCaller);
    auto from_nat = call.sealed(rtp(10)), held_back = call.sealed(rtp(11)), later = call.sealed(rtp(12));
    CHECK(call.give(Side::outside, kMoved, from_nat));
    CHECK(call.to_caller() == kMoved);
    CHECK(call.give(Side::outside, kCaller, later));  // moved back
    CHECK(call.to_caller() == kCaller);
    CHECK(call.give(Side::outside, kStranger, held_back));  // true, but old: it is relayed and moves nothing
    CHECK(call.to_caller() == kCaller);
    // A new description starts over; the same one does not.
    auto roamed = call.sealed(rtp(13));
    CHECK(call.give(Side::outside, kMoved, roamed));
    call.relay.set_remote(Side::outside, kCaller);
    CHECK(call.to_caller() == kMoved);
    const auto other = address("198.51.100.7:5000");
    call.relay.set_remote(Side::outside, other);
    CHECK(call.to_caller() == other);
}

TEST_CASE("the inside is locked to its description's host, or the configured networks", "[relay]") {
    const auto another_port = address("10.0.0.5:31000"), neighbour = address("10.0.0.6:30000");
    {
        Call call;
        auto packet = rtp(1);
        CHECK_FALSE(call.give(Side::inside, kStranger, packet));
        CHECK(call.relay.counts().rejected[1] == 1);
        CHECK(call.give(Side::inside, another_port, packet));  // asymmetric, and now locked
        packet = rtp(2);
        CHECK_FALSE(call.give(Side::inside, address("10.0.0.5:31002"), packet));
        CHECK(call.give(Side::inside, kBridge, packet));  // the description's own address is always right
    }
    {
        Call call;
        call.relay.set_networks(Side::inside, {*base::Network::parse("10.0.0.0/24")});
        auto packet = rtp(1);
        CHECK_FALSE(call.give(Side::inside, kStranger, packet));
        CHECK(call.give(Side::inside, neighbour, packet));
        auto inward = call.sealed(rtp(3));
        CHECK(call.give(Side::outside, kCaller, inward)->destination == neighbour);
        packet = rtp(4);
        CHECK_FALSE(call.give(Side::inside, address("10.0.0.7:30000"), packet));
    }
}

TEST_CASE("reports take the path beside", "[relay]") {
    Call call;
    auto inward = call.sealed(report(), true);
    const auto in = call.give(Side::outside, address("198.51.100.7:4099"), inward, true);
    REQUIRE(in);
    CHECK(in->destination == address("10.0.0.5:30001"));
    CHECK(inward.text() == report().text());
    auto outward = report();
    const auto out = call.give(Side::inside, address("10.0.0.5:30001"), outward, true);
    REQUIRE(out);
    CHECK(out->destination == address("198.51.100.7:4099"));
    const auto opened = call.open.unprotect_rtcp(outward.buffer, outward.size);
    REQUIRE(opened);
    CHECK(*opened == 8);

    Call fresh;
    outward = report();
    CHECK(fresh.give(Side::inside, address("10.0.0.5:30001"), outward, true)->destination == address("198.51.100.7:4001"));
    auto wrong = report(), swapped = rtp(1);
    CHECK_FALSE(fresh.give(Side::inside, kBridge, wrong, false));
    CHECK_FALSE(fresh.give(Side::inside, address("10.0.0.5:30001"), swapped, true));
    CHECK(fresh.relay.counts().rejected[1] == 2);
}

TEST_CASE("nothing is sent to a held or unknown address", "[relay]") {
    Call call;
    auto inward = call.sealed(rtp(1));
    CHECK(call.give(Side::outside, kMoved, inward));
    call.relay.set_remote(Side::outside, address("0.0.0.0:4000"));
    CHECK_FALSE(call.to_caller());
    inward = call.sealed(rtp(2));
    CHECK(call.give(Side::outside, kMoved, inward));
    CHECK_FALSE(call.to_caller());
    CHECK(call.relay.counts().rejected[1] == 0);
    call.relay.set_remote(Side::outside, address("198.51.100.7:0"));
    CHECK_FALSE(call.to_caller());
    call.relay.set_remote(Side::outside, address("198.51.100.7:65535"));
    auto outward = report();
    CHECK_FALSE(call.give(Side::inside, address("10.0.0.5:30001"), outward, true));
}

TEST_CASE("a buffer without room is refused, not overrun", "[relay]") {
    Call call;
    auto packet = rtp(1);
    CHECK_FALSE(call.relay.receive(at(1), Side::inside, kBridge, false, std::span(packet.buffer).first(packet.size + 4), packet.size));
    CHECK(call.relay.counts().rejected[1] == 1);
}

TEST_CASE("new keys replace the old", "[relay]") {
    Call call;
    RelayKeys keys;
    keys.receive = Srtp::create(Srtp::Direction::receive, kSuite, kOurs);
    keys.send = Srtp::create(Srtp::Direction::send, kSuite, kTheirs);
    call.relay.set_keys(Side::outside, std::move(keys));
    auto old = call.sealed(rtp(1));
    CHECK_FALSE(call.give(Side::outside, kCaller, old));
    auto seal = *Srtp::create(Srtp::Direction::send, kSuite, kOurs);
    auto fresh = rtp(1);
    fresh.size = *seal.protect(fresh.buffer, fresh.size);
    CHECK(call.give(Side::outside, kCaller, fresh));
}
