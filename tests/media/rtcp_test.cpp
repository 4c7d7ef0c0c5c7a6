#include "media/rtcp.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <vector>

using namespace confab::media;

namespace {

constexpr std::uint64_t kNtp = 0xe000'0000'0000'0000u;
constexpr Micros kSecond = 1'000'000;

Bytes composed(RtcpSession& session, Micros now, RtcpSession::Compound& into, bool goodbye = false) {
    return Bytes(into).first(session.compose(now, goodbye, into));
}

RtpPacket numbered(std::uint32_t number, std::uint32_t ssrc = 5, std::uint16_t first = 65'000) {
    RtpPacket packet;
    packet.ssrc = ssrc;
    packet.sequence = static_cast<std::uint16_t>(first + number);
    packet.timestamp = number * 160;
    return packet;
}

}  // namespace

TEST_CASE("who has sent tells it in a sender report, who has not in a receiver report", "[rtcp]") {
    RtcpSession session(0x11223344, 7, kNtp);
    RtcpSession::Compound compound;
    auto out = composed(session, kSecond, compound);
    REQUIRE(out.size() % 4 == 0);
    CHECK(out[1] == 201);
    CHECK(RtcpReport::parse(out, 1)->sender == 0x11223344);
    CHECK_FALSE(RtcpReport::parse(out, 1)->ntp);
    CHECK_FALSE(RtcpReport::parse(out, 1)->goodbye);

    session.sent(800, 160, kSecond);
    out = composed(session, kSecond + kSecond / 2, compound, true);
    CHECK(out[1] == 200);
    const auto report = RtcpReport::parse(out, 1);
    REQUIRE(report);
    CHECK(*report->ntp == kNtp + 0x1'8000'0000u);
    CHECK(report->goodbye);
    CHECK(out[16 + 3] == (800 + 4000) % 256);  // the time stamp goes on with the clock
    CHECK(out[27] == 160);
    CHECK(composed(session, 2 * kSecond, compound)[1] == 201);  // nothing was sent since
}

TEST_CASE("loss is counted over the wrap of the sequence number, and per interval", "[rtcp]") {
    Reception reception;
    for (std::uint32_t n = 0; n < 1000; ++n)
        if (n % 10 != 3) reception.receive(numbered(n), n * 20'000, 8000);
    CHECK(reception.expected() == 1000);
    CHECK(reception.received() == 900);
    auto block = reception.block();
    CHECK(block.lost == 100);
    CHECK(block.fraction_lost == 25);  // a tenth of 256
    CHECK(block.highest == 65'000 + 999);
    CHECK(block.jitter == 0);
    for (std::uint32_t n = 1000; n < 1100; ++n) reception.receive(numbered(n), n * 20'000, 8000);
    block = reception.block();
    CHECK(block.lost == 100);
    CHECK(block.fraction_lost == 0);
    // Each packet twice: fewer lost than none.
    Reception twice;
    for (std::uint32_t n = 0; n < 10; ++n)
        for (int i = 0; i < 2; ++i) twice.receive(numbered(n), n * 20'000, 8000);
    block = twice.block();
    CHECK(block.lost == -10);
    CHECK(block.fraction_lost == 0);
}

TEST_CASE("jitter follows the mean change of the transit time", "[rtcp]") {
    Reception reception;
    for (std::uint32_t n = 0; n < 500; ++n) reception.receive(numbered(n), n * 20'000 + (n % 2 ? 10'000 : 0), 8000);
    CHECK(reception.jitter() >= 78);  // 10 ms at 8 kHz
    CHECK(reception.jitter() <= 80);
}

TEST_CASE("another source starts anew, a stray number does not", "[rtcp]") {
    Reception reception;
    for (std::uint32_t n = 0; n < 10; ++n) reception.receive(numbered(n), 0, 8000);
    reception.receive(numbered(30'000), 0, 8000);
    CHECK(reception.expected() == 10);
    reception.receive(numbered(30'001), 0, 8000);
    CHECK(reception.expected() == 1);
    reception.receive(numbered(0, 6), 0, 8000);
    CHECK(reception.ssrc() == 6);
    CHECK(reception.expected() == 1);
}

TEST_CASE("two ends that report to each other know loss and round trip", "[rtcp]") {
    RtcpSession near(1, 1, kNtp), far(2, 2, kNtp + 0x1234'5678'9abcu);
    RtcpSession::Compound compound;
    for (std::uint32_t n = 0; n < 100; ++n) {
        near.sent(n * 160, 160, n * 20'000);
        if (n % 5 != 4) far.received(numbered(n, 1), n * 20'000 + 30'000);
    }
    CHECK_FALSE(near.round_trip_ms());
    CHECK_FALSE(near.remote_loss());
    CHECK_FALSE(far.loss());
    CHECK(far.receive(composed(near, 2 * kSecond, compound), 2 * kSecond + 30'000));
    CHECK(near.receive(composed(far, 3 * kSecond, compound), 3 * kSecond + 45'000));
    REQUIRE(near.round_trip_ms());
    CHECK(*near.round_trip_ms() == Approx(75).margin(1));
    CHECK(*near.remote_loss() == Approx(0.2).margin(0.02));
    CHECK(*far.loss() == Approx(0.2).margin(0.02));
    CHECK(far.jitter_ms() == 0);
    CHECK_FALSE(near.loss());  // nothing came from there
}

TEST_CASE("what is malformed anywhere is refused as a whole", "[rtcp]") {
    RtcpSession near(1, 1, kNtp), far(2, 2, kNtp);
    near.sent(0, 160, 0);
    near.received(numbered(0, 2), 0);
    RtcpSession::Compound compound;
    const auto good = composed(near, kSecond, compound, true);
    const std::vector<std::uint8_t> bytes(good.begin(), good.end());
    REQUIRE(RtcpReport::parse(bytes, 2)->about_us);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        CAPTURE(size);
        // A cut between two packets leaves a compound, another does not.
        CHECK(RtcpReport::parse(Bytes(bytes).first(size), 2).has_value() == (size == 52 || size == bytes.size() - 8));
    }
    const struct {
        std::size_t at;
        std::uint8_t value;
        const char* why;
    } rows[] = {
        {0, 0x41, "another version"}, {0, 0xa1, "padding in the first"}, {1, 202, "does not begin with a report"},
        {0, 0x82, "more blocks than fit"}, {3, 200, "longer than the datagram"}, {52, 0x01, "another version later"},
    };
    for (const auto& row : rows) {
        auto changed = bytes;
        changed[row.at] = row.value;
        CAPTURE(row.why);
        CHECK_FALSE(RtcpReport::parse(changed, 2));
        CHECK_FALSE(far.receive(changed, 0));
    }
    CHECK_FALSE(far.round_trip_ms());
}

TEST_CASE("any octets do no harm", "[rtcp]") {
    std::mt19937 random(5);
    RtcpSession session(1, 1, kNtp), model(2, 2, kNtp);
    model.sent(0, 160, 0);
    model.received(numbered(0, 1), 0);
    RtcpSession::Compound compound;
    for (int i = 0; i < 20'000; ++i) {
        const auto good = composed(model, i, compound);
        std::vector<std::uint8_t> bytes(good.begin(), good.end());
        for (auto k = random() % 6; k > 0; --k) bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
        bytes.resize(random() % (bytes.size() + 1));
        session.receive(bytes, i);
        if (session.round_trip_ms()) CHECK(*session.round_trip_ms() >= 0);
    }
}
