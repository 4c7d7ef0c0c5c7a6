#include "conf-bridge/leg_path.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace confab;
using namespace confab::bridge;
using Verdict = LegPath::Verdict;

namespace {

const base::SocketAddress kPeer = *base::SocketAddress::parse("192.0.2.1:4000"), kBeside = *base::SocketAddress::parse("192.0.2.1:4001"),
                          kElsewhere = *base::SocketAddress::parse("192.0.2.1:4999"), kStranger = *base::SocketAddress::parse("192.0.2.2:4000");
const std::string kSuite = "AES_CM_128_HMAC_SHA1_80";
const MediaKeys kOurs{kSuite, std::string(30, 's'), std::string(30, 'r')}, kTheirs{kSuite, std::string(30, 'r'), std::string(30, 's')};

using Packet = std::vector<std::uint8_t>;

Packet rtp(std::uint16_t sequence) {
    Packet packet(media::kRtpHeader + 160, 0xff);
    media::write_rtp_header(std::span(packet).first<media::kRtpHeader>(), false, 0, sequence, sequence * 160u, 77);
    return packet;
}

struct Ends {
    LegPath ours{1, 1, 0}, theirs{77, 2, 0};
    LegPath::Scratch scratch;

    explicit Ends(const std::optional<MediaKeys>& keys = {}, const std::optional<MediaKeys>& mirrored = {}) {
        CHECK(ours.expect(kPeer, keys));
        CHECK(theirs.expect(kStranger, mirrored));
    }
    Packet sealed(const Packet& clear) {
        const auto bytes = theirs.compose(std::span(clear).first(media::kRtpHeader), std::span(clear).subspan(media::kRtpHeader), scratch);
        return {bytes.begin(), bytes.end()};
    }
    Verdict give(Packet packet, const base::SocketAddress& source = kPeer) {
        std::span<std::uint8_t> bytes(packet);
        const auto verdict = ours.receive_rtp(source, bytes, 0);
        opened.assign(bytes.begin(), bytes.end());
        return verdict;
    }
    Packet report(bool goodbye = false) {
        const auto bytes = theirs.report(1'000'000, goodbye, scratch);
        return {bytes.begin(), bytes.end()};
    }
    Verdict give_report(Packet packet, const base::SocketAddress& source = kBeside) { return ours.receive_rtcp(source, packet, 2'000'000); }
    Packet opened;
};

}  // namespace

TEST_CASE("clear packets are the peer's, well-formed, and counted for reports", "[bridge]") {
    Ends ends;
    CHECK(ends.give(rtp(1)) == Verdict::taken);
    CHECK(ends.opened == rtp(1));
    CHECK(ends.give(rtp(2), kStranger) == Verdict::stranger);
    CHECK(ends.give(rtp(2), kElsewhere) == Verdict::stranger);
    CHECK(ends.give({}) == Verdict::malformed);
    CHECK(ends.give(Packet(8, 0x80)) == Verdict::malformed);
    CHECK(ends.give(ends.report()) == Verdict::malformed);
    auto broken = rtp(3);
    broken[0] = 0xbf;  // fifteen sources, padding and extension
    CHECK(ends.give(broken) == Verdict::malformed);
    CHECK(ends.ours.rtcp().reception().received() == 1);
    CHECK(ends.ours.destination() == kPeer);
}

TEST_CASE("a keyed leg opens and seals in place; forged, replayed and clear packets teach nothing", "[bridge]") {
    Ends ends(kOurs, kTheirs);
    const auto first = ends.sealed(rtp(1));
    CHECK(first.size() == rtp(1).size() + 10);
    CHECK(ends.give(first) == Verdict::taken);
    CHECK(ends.opened == rtp(1));
    CHECK(ends.give(first) == Verdict::unauthentic);
    CHECK(ends.give(rtp(2)) == Verdict::unauthentic);
    auto forged = ends.sealed(rtp(3));
    forged.back() ^= 1;
    for (int i = 0; i < 20; ++i) CHECK(ends.give(forged, kElsewhere) == Verdict::unauthentic);
    CHECK(ends.give(ends.sealed(rtp(4)), kStranger) == Verdict::stranger);
    CHECK(ends.give(ends.sealed(rtp(5))) == Verdict::taken);
    // Told again, the same keys restart nothing: what was seen stays seen.
    CHECK(ends.ours.expect(kPeer, kOurs));
    CHECK(ends.give(first) == Verdict::unauthentic);

    CHECK(ends.give_report(ends.report()) == Verdict::taken);
    CHECK(ends.give_report(Ends().report()) == Verdict::unauthentic);
}

TEST_CASE("the longest packet of an encoder goes out, clear and keyed", "[bridge]") {
    const Packet head = rtp(1), payload(1500, 7);
    for (const bool keyed : {false, true}) {
        Ends ends(keyed ? std::optional(kOurs) : std::nullopt, keyed ? std::optional(kTheirs) : std::nullopt);
        const auto packet = ends.ours.compose(std::span(head).first(media::kRtpHeader), payload, ends.scratch);
        CHECK(packet.size() == media::kRtpHeader + payload.size() + (keyed ? 10 : 0));
    }
}

TEST_CASE("keys that nothing can be done with make a leg mute and deaf, never clear", "[bridge]") {
    LegPath path(1, 1, 0);
    LegPath::Scratch scratch;
    CHECK_FALSE(path.expect(kPeer, MediaKeys{"NULL", "", ""}));
    CHECK_FALSE(path.expect(kPeer, MediaKeys{"NULL", "", ""}));
    auto packet = rtp(1);
    std::span<std::uint8_t> bytes(packet);
    CHECK(path.receive_rtp(kPeer, bytes, 0) == Verdict::unauthentic);
    CHECK(path.compose(packet, {}, scratch).empty());
    CHECK(path.report(0, false, scratch).empty());
    CHECK(path.expect(kPeer, std::nullopt));
    CHECK(path.receive_rtp(kPeer, bytes, 0) == Verdict::taken);
}

TEST_CASE("reports go beside RTP until their own source is known, and strangers' change nothing", "[bridge]") {
    Ends ends;
    CHECK(ends.ours.rtcp_destination() == kBeside);
    CHECK(ends.give_report(ends.report(), kStranger) == Verdict::stranger);
    CHECK(ends.give_report(rtp(1)) == Verdict::malformed);
    auto broken = ends.report();
    broken[3] = 200;
    CHECK(ends.give_report(broken, kElsewhere) == Verdict::malformed);
    CHECK(ends.ours.rtcp_destination() == kBeside);
    CHECK(ends.give_report(ends.report(true), kElsewhere) == Verdict::taken);
    CHECK(ends.ours.rtcp_destination() == kElsewhere);
    ends.ours.expect(kStranger, std::nullopt);
    CHECK(ends.ours.rtcp_destination().ip == kStranger.ip);
    ends.ours.expect(*base::SocketAddress::parse("0.0.0.0:4000"), std::nullopt);
    CHECK(ends.ours.rtcp_destination().port == 0);
}

TEST_CASE("reports go where the peer said that its own come from", "[bridge]") {
    Ends ends;
    ends.ours.expect(kPeer, std::nullopt, kStranger);
    CHECK(ends.ours.rtcp_destination() == kStranger);
    CHECK(ends.give_report(ends.report(), kStranger) == Verdict::taken);
    CHECK(ends.give_report(ends.report(), kElsewhere) == Verdict::taken);
    CHECK(ends.ours.rtcp_destination() == kElsewhere);
    ends.ours.expect(kPeer, std::nullopt, kStranger);
    CHECK(ends.ours.rtcp_destination() == kElsewhere);
    ends.ours.expect(kPeer, std::nullopt);
    CHECK(ends.ours.rtcp_destination() == kBeside);
    ends.ours.expect(*base::SocketAddress::parse("0.0.0.0:4000"), std::nullopt, kStranger);
    CHECK(ends.ours.rtcp_destination().port == 0);
}

TEST_CASE("a leg's report has a score once an interval has passed", "[bridge]") {
    Ends ends;
    media::LegReport report;
    report.delay_ms = 15;
    ends.ours.complete(report);
    CHECK_FALSE(report.mos);
    CHECK_FALSE(report.round_trip_ms);
    for (std::uint16_t n = 0; n < 100; ++n)
        if (n % 10 != 5) ends.give(rtp(n));
    ends.ours.report(1'000'000, false, ends.scratch);
    ends.ours.complete(report);
    REQUIRE(report.mos);
    CHECK(*report.mos < 4);  // a tenth is lost
    CHECK(*report.mos > 2);
    CHECK(report.jitter_ms > 0);
}
