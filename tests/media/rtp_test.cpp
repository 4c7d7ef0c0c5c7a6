#include "media/rtp.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <vector>

using namespace confab::media;

TEST_CASE("packets are told apart by their first octets", "[rtp]") {
    struct Row {
        std::vector<std::uint8_t> head;
        PacketKind kind;
    };
    const Row rows[] = {
        {{}, PacketKind::unknown},           {{0x80}, PacketKind::unknown},       {{0x00, 0x01}, PacketKind::stun},
        {{0x03, 0x01}, PacketKind::stun},    {{0x04, 0x00}, PacketKind::unknown}, {{20, 0xfe}, PacketKind::dtls},
        {{63, 0xfe}, PacketKind::dtls},      {{64, 0}, PacketKind::unknown},      {{0x80, 0}, PacketKind::rtp},
        {{0x80, 0x80 | 8}, PacketKind::rtp}, {{0x80, 191}, PacketKind::rtp},      {{0x80, 192}, PacketKind::rtcp},
        {{0x81, 200}, PacketKind::rtcp},     {{0x80, 223}, PacketKind::rtcp},     {{0x80, 224}, PacketKind::rtp},
        {{0xbf, 0}, PacketKind::rtp},        {{0xc0, 0}, PacketKind::unknown},
    };
    for (const auto& row : rows) {
        CAPTURE(row.head);
        CHECK(kind_of(row.head) == row.kind);
    }
}

TEST_CASE("a written header reads back", "[rtp]") {
    std::array<std::uint8_t, kRtpHeader + 3> packet{};
    write_rtp_header(std::span(packet).first<kRtpHeader>(), true, 101, 65535, 0xdeadbeef, 0x01020304);
    packet[12] = 7;
    const auto read = RtpPacket::parse(packet);
    REQUIRE(read);
    CHECK(read->marker);
    CHECK(read->payload_type == 101);
    CHECK(read->sequence == 65535);
    CHECK(read->timestamp == 0xdeadbeef);
    CHECK(read->ssrc == 0x01020304);
    CHECK(read->payload.size() == 3);
    CHECK(read->payload[0] == 7);
}

TEST_CASE("contributing sources, extension and padding are cut off; what does not add up is refused", "[rtp]") {
    const auto packet = [](std::uint8_t first, std::vector<std::uint8_t> rest) {
        std::vector<std::uint8_t> out(kRtpHeader);
        out[0] = first;
        out.insert(out.end(), rest.begin(), rest.end());
        return out;
    };
    struct Row {
        std::vector<std::uint8_t> packet;
        int payload;  // −1: refused
    };
    const Row rows[] = {
        {packet(0x80, {}), 0},
        {packet(0x80, {1, 2, 3}), 3},
        {std::vector<std::uint8_t>(11, 0x80), -1},
        {packet(0x00, {1}), -1},
        {packet(0x40, {1}), -1},
        {packet(0x81, {0, 0, 0, 1, 9}), 1},
        {packet(0x81, {0, 0, 0}), -1},
        {packet(0x8f, {1, 2, 3, 4}), -1},
        {packet(0x90, {0xbe, 0xde, 0, 1, 1, 2, 3, 4, 9, 9}), 2},
        {packet(0x90, {0xbe, 0xde, 0, 0, 9}), 1},
        {packet(0x90, {0xbe, 0xde, 0}), -1},
        {packet(0x90, {0xbe, 0xde, 0, 2, 1, 2, 3, 4}), -1},
        {packet(0x90, {0xbe, 0xde, 0xff, 0xff, 1, 2, 3, 4}), -1},
        {packet(0xa0, {5, 5, 0, 2}), 2},
        {packet(0xa0, {5, 5, 0, 4}), 0},
        {packet(0xa0, {5, 5, 0, 5}), -1},
        {packet(0xa0, {5, 5, 0, 0}), -1},
        {packet(0xa0, {}), -1},
    };
    for (const auto& row : rows) {
        CAPTURE(row.packet);
        const auto read = RtpPacket::parse(row.packet);
        CHECK((read ? static_cast<int>(read->payload.size()) : -1) == row.payload);
    }
}

TEST_CASE("a packet's level as its sender tells it, in either form of extension; what does not add up tells nothing", "[rtp]") {
    struct Row {
        const char* what;
        std::vector<std::uint8_t> extension;
        std::optional<std::uint8_t> level;
    };
    const Row rows[] = {
        {"one octet", {0xbe, 0xde, 0, 1, 0x30, 0x80 | 42, 0, 0}, 42},
        {"no voice", {0xbe, 0xde, 0, 1, 0x30, 127, 0, 0}, 127},
        {"after padding and another", {0xbe, 0xde, 0, 2, 0, 0x12, 1, 2, 3, 0x30, 17, 0}, 17},
        {"another alone", {0xbe, 0xde, 0, 1, 0x10, 42, 0, 0}, std::nullopt},
        {"longer than there is", {0xbe, 0xde, 0, 1, 0x1f, 42, 0x30, 9}, std::nullopt},
        {"behind what is for nobody yet", {0xbe, 0xde, 0, 1, 0xf0, 0x30, 42, 0}, std::nullopt},
        {"nothing in it", {0xbe, 0xde, 0, 0}, std::nullopt},
        {"two octets", {0x10, 0x03, 0, 2, 3, 1, 99, 0, 0, 0, 0, 0}, 99},
        {"two octets, empty", {0x10, 0x00, 0, 1, 3, 0, 9, 0}, std::nullopt},
        {"two octets, cut", {0x10, 0x00, 0, 1, 0, 0, 0, 3}, std::nullopt},
        {"two octets, longer than there is", {0x10, 0x00, 0, 1, 3, 200, 9, 0}, std::nullopt},
        {"another profile", {0xab, 0xac, 0, 1, 0x30, 42, 0, 0}, std::nullopt},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        std::vector<std::uint8_t> packet(kRtpHeader);
        packet[0] = 0x91;  // and a contributing source
        packet.resize(packet.size() + 4);
        packet.insert(packet.end(), row.extension.begin(), row.extension.end());
        packet.push_back(7);
        const auto parsed = RtpPacket::parse(packet);
        REQUIRE(parsed);
        CHECK(parsed->payload.size() == 1);
        CHECK(told_level(*parsed, 3) == row.level);
    }
    std::array<std::uint8_t, kRtpHeader> bare{0x80};
    CHECK_FALSE(told_level(*RtpPacket::parse(bare), 3));
}
