#include <catch2/catch.hpp>

#include "sbc-edge/media_path.hpp"

using namespace confab;
using namespace confab::edge;
using media::Side;

namespace {

const auto kOutside = *base::SocketAddress::parse("203.0.113.1:20000");
const auto kInside = *base::SocketAddress::parse("10.0.0.1:25000");
constexpr std::string_view kKey = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";  // RFC 4568 §9.1

MediaPath path() { return {kOutside, kInside, {"AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"}}; }

std::string offer(std::string_view line, std::string_view rest, std::string_view connection = "198.51.100.7") {
    return "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 " + std::string(connection) + "\r\nt=0 0\r\n" + std::string(line) + "\r\n" + std::string(rest);
}
std::string secure_offer() {
    return offer("m=audio 4000 RTP/SAVP 0 8 101", "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:" + std::string(kKey) +
                                                      "\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=candidate:1 1 UDP 1 198.51.100.7 4000 typ "
                                                      "host\r\na=x-unknown:kept\r\na=sendrecv\r\n");
}
std::string plain_answer() { return offer("m=audio 6000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n", "10.0.0.40"); }

}  // namespace

TEST_CASE("an offer from outside loses SRTP and its addresses, the answer gains both") {
    base::Random random(base::Seed{1});
    auto media = path();
    const auto inside = media.offer(Side::outside, secure_offer(), random);
    REQUIRE(inside);
    const auto session = sdp::Session::parse(*inside);
    REQUIRE(session);
    const auto& line = session->media.at(0);
    CHECK(line.protocol == "RTP/AVP");
    CHECK(session->address_of(line) == kInside);
    CHECK(line.cryptos.empty());
    CHECK(line.formats == std::vector<std::string>{"0", "8", "101"});
    CHECK(line.has("x-unknown"));
    CHECK_FALSE(line.has("candidate"));
    CHECK(inside->find("198.51.100.7") == std::string::npos);

    const auto outside = media.answer(Side::inside, plain_answer());
    REQUIRE(outside);
    const auto answered = sdp::Session::parse(*outside);
    REQUIRE(answered);
    const auto& answer = answered->media.at(0);
    CHECK(answer.protocol == "RTP/SAVP");
    CHECK(answered->address_of(answer) == kOutside);
    REQUIRE(answer.cryptos.size() == 1);
    CHECK(answer.cryptos[0].tag == 3);
    CHECK(outside->find("10.0.0.40") == std::string::npos);

    const auto& settings = media.settings();
    REQUIRE(settings.keys);
    CHECK(settings.keys->send.key == answer.cryptos[0].key);
    CHECK(settings.keys->receive.key.size() == 30);
    CHECK(settings.outside->text() == "198.51.100.7:4000");
    CHECK(settings.inside->text() == "10.0.0.40:6000");
}

TEST_CASE("an offer from inside is offered with every suite outside, and the answer chooses") {
    base::Random random(base::Seed{2});
    auto media = path();
    const auto outside = media.offer(Side::inside, plain_answer(), random);
    REQUIRE(outside);
    const auto offered = sdp::Session::parse(*outside)->media.at(0);
    CHECK(offered.protocol == "RTP/SAVP");
    REQUIRE(offered.cryptos.size() == 2);
    const auto answer = offer("m=audio 4000 RTP/SAVP 0", "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:" + std::string(kKey) + "\r\n");
    const auto inside = media.answer(Side::outside, answer);
    REQUIRE(inside);
    CHECK(sdp::Session::parse(*inside)->media.at(0).protocol == "RTP/AVP");
    REQUIRE(media.settings().keys);
    CHECK(media.settings().keys->send.key == offered.cryptos[1].key);
    CHECK(media.settings().keys->receive.suite == "AES_CM_128_HMAC_SHA1_32");
    // Without SRTP in the answer nothing crosses.
    CHECK(media.answer(Side::outside, offer("m=audio 4000 RTP/AVP 0", "")).error() == 488);
}

TEST_CASE("what is refused") {
    base::Random random(base::Seed{3});
    struct Row {
        const char* what;
        std::string sdp;
        int status;
    };
    const Row rows[] = {
        {"plain RTP", offer("m=audio 4000 RTP/AVP 0", ""), 488},
        {"SAVP without a key", offer("m=audio 4000 RTP/SAVP 0", ""), 488},
        {"a suite that we do not have", offer("m=audio 4000 RTP/SAVP 0", "a=crypto:1 F8_128_HMAC_SHA1_80 inline:" + std::string(kKey) + "\r\n"), 488},
        {"a short key", offer("m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\r\n"), 488},
        {"video alone", offer("m=video 4000 RTP/SAVP 96", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + std::string(kKey) + "\r\n"), 488},
        {"nonsense", "v=0", 400},
    };
    for (const auto& row : rows) {
        auto media = path();
        const auto result = media.offer(Side::outside, row.sdp, random);
        CAPTURE(row.what);
        REQUIRE_FALSE(result);
        CHECK(result.error() == row.status);
    }
}

TEST_CASE("other lines keep their place with port 0") {
    base::Random random(base::Seed{4});
    auto media = path();
    const auto sdp = offer("m=video 5000 RTP/SAVP 96", "a=rtpmap:96 H264/90000\r\nm=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" +
                                                           std::string(kKey) + "\r\nm=image 4002 udptl t38\r\n");
    const auto inside = media.offer(Side::outside, sdp, random);
    REQUIRE(inside);
    const auto session = sdp::Session::parse(*inside);
    REQUIRE(session->media.size() == 3);
    CHECK(session->media[0].port == 0);
    CHECK(session->media[1].port == kInside.port);
    CHECK(session->media[2].port == 0);
    CHECK(session->media[2].protocol == "udptl");
}

TEST_CASE("a second offer keeps our key, so that SRTP goes on") {
    base::Random random(base::Seed{5});
    auto media = path();
    REQUIRE(media.offer(Side::outside, secure_offer(), random));
    REQUIRE(media.answer(Side::inside, plain_answer()));
    const auto first = *media.settings().keys;
    REQUIRE(media.offer(Side::outside, secure_offer(), random));
    REQUIRE(media.answer(Side::inside, plain_answer()));
    CHECK(*media.settings().keys == first);
    // Early and final answers are the same answer twice.
    REQUIRE(media.answer(Side::inside, plain_answer()));
    CHECK(*media.settings().keys == first);
}

TEST_CASE("hold by c=0.0.0.0 becomes a direction, because the address is ours") {
    base::Random random(base::Seed{6});
    auto media = path();
    const auto sdp = offer("m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + std::string(kKey) + "\r\n", "0.0.0.0");
    const auto inside = media.offer(Side::outside, sdp, random);
    REQUIRE(inside);
    CHECK(sdp::Session::parse(*inside)->media[0].direction == sdp::Direction::sendonly);
    CHECK_FALSE(media.settings().outside);
}

TEST_CASE("a refused line is passed on as refused") {
    base::Random random(base::Seed{7});
    auto media = path();
    REQUIRE(media.offer(Side::outside, secure_offer(), random));
    const auto outside = media.answer(Side::inside, offer("m=audio 0 RTP/AVP 0", ""));
    REQUIRE(outside);
    CHECK(sdp::Session::parse(*outside)->media[0].port == 0);
    CHECK_FALSE(media.settings().keys);
}
