#include "media/srtp.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "media/rtp.hpp"

using namespace confab;
using media::Srtp;

namespace {

constexpr std::string_view kSuites[] = {"AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"};

std::string key_for(std::string_view suite, char first = 'a') {
    std::string key(media::srtp_key_size(suite), '\0');
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<char>(first + static_cast<char>(i));
    return key;
}

// A packet with room behind it, and the transforms as one call each.
struct Packet {
    std::vector<std::uint8_t> buffer;
    std::size_t size = 0;

    explicit Packet(std::string_view octets) : buffer(octets.begin(), octets.end()), size(octets.size()) {
        buffer.resize(size + media::kSrtpOverhead);
    }
    using Transform = std::optional<std::size_t> (Srtp::*)(std::span<std::uint8_t>, std::size_t);
    bool apply(Srtp& srtp, Transform transform) {
        const auto done = (srtp.*transform)(buffer, size);
        if (done) size = *done;
        return done.has_value();
    }
    std::string text() const { return {buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size)}; }
};

Packet rtp(std::uint16_t sequence, std::uint32_t ssrc = 7, std::size_t payload = 160) {
    std::array<std::uint8_t, media::kRtpHeader> header;
    media::write_rtp_header(header, false, 0, sequence, sequence * 160u, ssrc);
    return Packet(std::string(header.begin(), header.end()) + std::string(payload, 'x'));
}

Packet report(char ssrc = 7) {
    std::string octets("\x80\xc9\x00\x01\x00\x00\x00", 7);
    octets += ssrc;
    return Packet(octets);
}

Srtp made(Srtp::Direction direction, std::string_view suite, char key = 'a') {
    auto srtp = Srtp::create(direction, suite, key_for(suite, key));
    REQUIRE(srtp);
    return std::move(*srtp);
}

}  // namespace

TEST_CASE("the reference packets of libsrtp2's own test", "[srtp]") {
    const auto key = *base::unhex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6");
    const auto plain = *base::unhex("800f1234decafbadcafebabeabababababababababababababababab");
    const auto sealed = *base::unhex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb");
    const auto plain_report = *base::unhex("81c8000bcafebabeabababababababababababababababab");
    const auto sealed_report = *base::unhex("81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798");

    auto send = Srtp::create(Srtp::Direction::send, kSuites[0], key), receive = Srtp::create(Srtp::Direction::receive, kSuites[0], key);
    REQUIRE(send);
    REQUIRE(receive);
    Packet packet(plain), packet_report(plain_report);
    REQUIRE(packet.apply(*send, &Srtp::protect));
    CHECK(base::hex(packet.text()) == base::hex(sealed));
    REQUIRE(packet_report.apply(*send, &Srtp::protect_rtcp));
    CHECK(base::hex(packet_report.text()) == base::hex(sealed_report));
    REQUIRE(packet.apply(*receive, &Srtp::unprotect));
    CHECK(packet.text() == plain);
    REQUIRE(packet_report.apply(*receive, &Srtp::unprotect_rtcp));
    CHECK(packet_report.text() == plain_report);
}

// The session key of RFC 3711 B.3, and what `openssl enc -aes-128-ctr` makes of zeros with it.
TEST_CASE("the key stream of a long packet is OpenSSL's own from end to end", "[srtp]") {
    const auto key = *base::unhex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6");
    auto send = Srtp::create(Srtp::Direction::send, kSuites[0], key);
    REQUIRE(send);
    const auto header = *base::unhex("800f1234decafbadcafebabe");
    Packet packet(header + std::string(1200, '\0'));
    REQUIRE(packet.apply(*send, &Srtp::protect));
    const auto stream = packet.text().substr(header.size());
    CHECK(base::hex(stream.substr(0, 16)) == "e5fe77e74c32d373270f79be3f368fa9");
    CHECK(base::hex(stream.substr(184, 32)) == "9bed773ecaeceb36e554055cb43dd0bcb0e55da22c6b27187af55c862e9b4200");
    CHECK(base::hex(stream.substr(1184, 16)) == "bb29c09f48020c5422fd3cc69c529db1");
}

TEST_CASE("round trip of every suite over a wrap of the sequence", "[srtp]") {
    const std::size_t tags[] = {10, 4, 16, 16}, report_tags[] = {14, 14, 20, 20};
    for (std::size_t i = 0; i < std::size(kSuites); ++i) {
        CAPTURE(kSuites[i]);
        auto send = made(Srtp::Direction::send, kSuites[i]), receive = made(Srtp::Direction::receive, kSuites[i]);
        for (std::uint32_t n = 65500; n < 65600; ++n) {
            auto packet = rtp(static_cast<std::uint16_t>(n));
            const auto clear = packet.text();
            REQUIRE(packet.apply(send, &Srtp::protect));
            REQUIRE(packet.size == clear.size() + tags[i]);
            REQUIRE(packet.text().substr(12, 160) != clear.substr(12));
            REQUIRE(packet.apply(receive, &Srtp::unprotect));
            REQUIRE(packet.text() == clear);
        }
        for (int n = 0; n < 5; ++n) {
            auto packet = report();
            const auto clear = packet.text();
            REQUIRE(packet.apply(send, &Srtp::protect_rtcp));
            REQUIRE(packet.size == clear.size() + report_tags[i]);
            REQUIRE(packet.apply(receive, &Srtp::unprotect_rtcp));
            REQUIRE(packet.text() == clear);
        }
    }
}

TEST_CASE("a changed octet, another key and a repeat are refused", "[srtp]") {
    for (auto suite : kSuites) {
        CAPTURE(suite);
        auto send = made(Srtp::Direction::send, suite), receive = made(Srtp::Direction::receive, suite),
             stranger = made(Srtp::Direction::receive, suite, 'b');
        auto packet = rtp(1);
        REQUIRE(packet.apply(send, &Srtp::protect));
        for (std::size_t at = 0; at < packet.size; ++at) {
            Packet changed = packet;
            changed.buffer[at] ^= 1;
            if (changed.apply(receive, &Srtp::unprotect)) FAIL("octet " << at);
        }
        Packet foreign = packet, again = packet;
        CHECK_FALSE(foreign.apply(stranger, &Srtp::unprotect));
        CHECK(packet.apply(receive, &Srtp::unprotect));
        CHECK_FALSE(again.apply(receive, &Srtp::unprotect));

        auto one = report();
        REQUIRE(one.apply(send, &Srtp::protect_rtcp));
        for (std::size_t at = 0; at < one.size; ++at) {
            Packet changed = one;
            changed.buffer[at] ^= 1;
            if (changed.apply(receive, &Srtp::unprotect_rtcp)) FAIL("report octet " << at);
        }
        Packet repeated = one;
        CHECK(one.apply(receive, &Srtp::unprotect_rtcp));
        CHECK_FALSE(repeated.apply(receive, &Srtp::unprotect_rtcp));
    }
}

TEST_CASE("late packets are taken within the window of 128 and more, and not beyond", "[srtp]") {
    auto send = made(Srtp::Direction::send, kSuites[0]), receive = made(Srtp::Direction::receive, kSuites[0]);
    std::vector<Packet> packets;
    for (std::uint16_t n = 0; n < 1000; ++n) {
        packets.push_back(rtp(n));
        REQUIRE(packets.back().apply(send, &Srtp::protect));
    }
    REQUIRE(packets[999].apply(receive, &Srtp::unprotect));
    CHECK(packets[999 - 128].apply(receive, &Srtp::unprotect));
    CHECK_FALSE(packets[10].apply(receive, &Srtp::unprotect));
}

TEST_CASE("any source is taken, up to a bound", "[srtp]") {
    auto send = made(Srtp::Direction::send, kSuites[0]), receive = made(Srtp::Direction::receive, kSuites[0]);
    for (std::uint32_t ssrc = 1; ssrc <= 256; ++ssrc) {
        auto packet = rtp(5, ssrc);
        REQUIRE(packet.apply(send, &Srtp::protect));
        REQUIRE(packet.apply(receive, &Srtp::unprotect));
    }
    auto one_more = rtp(5, 9999), known = rtp(6, 100);
    CHECK_FALSE(one_more.apply(send, &Srtp::protect));
    CHECK(known.apply(send, &Srtp::protect));
}

TEST_CASE("wrong suites, keys and sizes", "[srtp]") {
    CHECK(media::srtp_key_size("AES_CM_128_HMAC_SHA1_80") == 30);
    CHECK(media::srtp_key_size("AES_CM_128_HMAC_SHA1_32") == 30);
    CHECK(media::srtp_key_size("AEAD_AES_128_GCM") == 28);
    CHECK(media::srtp_key_size("AEAD_AES_256_GCM") == 44);
    CHECK(media::srtp_key_size("F8_128_HMAC_SHA1_80") == 0);
    CHECK_FALSE(Srtp::create(Srtp::Direction::send, "NULL", ""));
    CHECK_FALSE(Srtp::create(Srtp::Direction::send, kSuites[0], std::string(29, 'k')));
    CHECK_FALSE(Srtp::create(Srtp::Direction::send, kSuites[0], std::string(31, 'k')));

    auto send = made(Srtp::Direction::send, kSuites[0]), receive = made(Srtp::Direction::receive, kSuites[0]);
    std::vector<std::uint8_t> buffer(200, 0x80);
    for (std::size_t size = 0; size < 64; ++size) {
        CHECK_FALSE(receive.unprotect(buffer, size));
        CHECK_FALSE(receive.unprotect_rtcp(buffer, size));
    }
    CHECK_FALSE(send.protect(buffer, 11));
    CHECK_FALSE(send.protect_rtcp(buffer, 7));
    CHECK_FALSE(send.protect(std::span(buffer).first(172), 172));
    CHECK_FALSE(receive.unprotect(std::span(buffer).first(50), 60));
}
