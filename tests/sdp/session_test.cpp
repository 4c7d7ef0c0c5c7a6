#include "sdp/session.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace confab;
using sdp::Direction;
using sdp::Session;

namespace {

const std::string kHead = "v=0\r\no=alice 2890844526 2890844527 IN IP4 192.0.2.1\r\ns=call\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";

}  // namespace

TEST_CASE("a description is read into its parts", "[sdp]") {
    const auto session = Session::parse(
        "v=0\r\no=alice 2890844526 2890844527 IN IP4 192.0.2.1\r\ns=a call\r\nc=IN IP4 192.0.2.1\r\nb=AS:84\r\nt=0 0\r\na=group:BUNDLE 0 "
        "1\r\n"
        "m=audio 4000 RTP/SAVP 0 8 111 101\r\nc=IN IP6 2001:db8::9\r\nb=TIAS:64000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:111 opus/48000/2\r\n"
        "a=fmtp:111 useinbandfec=1; stereo=0\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:30\r\na=rtcp:4005 IN IP4 "
        "10.1.1.1\r\n"
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
        "inline:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5\r\na=sendonly\r\na=ice-ufrag:x\r\na=mid:0\r\na=candidate:1 1 UDP 1 1.2.3.4 5 typ "
        "host\r\n"
        "m=image 5000 udptl t38\r\na=T38FaxVersion:0\r\n");
    REQUIRE(session);
    CHECK(session->origin_user == "alice");
    CHECK(session->id == 2890844526);
    CHECK(session->version == 2890844527);
    CHECK(session->origin_address == "IN IP4 192.0.2.1");
    CHECK(session->name == "a call");
    CHECK(session->times == std::vector<std::string>{"0 0"});
    CHECK(session->bandwidths == std::vector<std::string>{"AS:84"});
    CHECK(session->attributes == std::vector<std::string>{"group:BUNDLE 0 1"});
    REQUIRE(session->media.size() == 2);

    const auto& audio = session->media[0];
    CHECK(audio.kind == "audio");
    CHECK(audio.port == 4000);
    CHECK(audio.is_rtp());
    CHECK(audio.is_secure());
    CHECK(audio.formats == std::vector<std::string>{"0", "8", "111", "101"});
    REQUIRE(audio.codecs.size() == 4);
    CHECK(audio.codecs[0].name == "PCMU");
    CHECK(audio.codecs[1].name == "PCMA");  // static, without rtpmap
    CHECK(audio.codecs[2].name == "opus");
    CHECK(audio.codecs[2].clock_rate == 48000);
    CHECK(audio.codecs[2].channels == 2);
    CHECK(audio.codecs[2].format_parameters == "useinbandfec=1; stereo=0");
    CHECK(audio.codecs[3].name == "telephone-event");
    CHECK(audio.codecs[3].format_parameters == "0-15");
    CHECK(audio.ptime == 30);
    CHECK(audio.rtcp_port == 4005);
    CHECK(audio.rtcp_address == base::IpAddress::parse("10.1.1.1"));
    REQUIRE(audio.cryptos.size() == 1);
    CHECK(audio.cryptos[0].key == "012345678901234567890123456789");
    CHECK(audio.direction == Direction::sendonly);
    CHECK(audio.direction_given);
    CHECK(audio.bandwidths == std::vector<std::string>{"TIAS:64000"});
    CHECK(audio.attributes == std::vector<std::string>{"ice-ufrag:x", "mid:0", "candidate:1 1 UDP 1 1.2.3.4 5 typ host"});
    CHECK(audio.has("ice-ufrag"));
    CHECK_FALSE(audio.has("ice"));
    CHECK(session->address_of(audio)->text() == "[2001:db8::9]:4000");

    const auto& fax = session->media[1];
    CHECK_FALSE(fax.is_rtp());
    CHECK(fax.formats == std::vector<std::string>{"t38"});
    CHECK(fax.codecs.empty());
    CHECK(fax.attributes == std::vector<std::string>{"T38FaxVersion:0"});
    CHECK(session->address_of(fax)->text() == "192.0.2.1:5000");
}

TEST_CASE("what is written reads back the same, with unknown attributes in their order", "[sdp]") {
    const std::string text =
        kHead +
        "a=tool:x y\r\na=inactive\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        "a=fmtp:101 0-16\r\na=ptime:20\r\na=rtcp:4005 IN IP6 2001:db8::9\r\na=sendrecv\r\na=zulu:1\r\na=alpha\r\na=empty:\r\na=mike:a:b c\r\n"
        "m=video 0 RTP/AVP 96\r\na=inactive\r\n";
    auto session = Session::parse(text);
    REQUIRE(session);
    CHECK(session->text() == text);
    CHECK(Session::parse(session->text())->text() == text);
    session->media[0].direction_given = false;
    CHECK(session->text() == text);  // it differs from what the session says, so it must be said
}

TEST_CASE("what real peers get wrong is still read", "[sdp]") {
    struct Row {
        const char* what;
        std::string text;
    };
    const Row rows[] = {
        {"bare line feeds", "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 4000 RTP/AVP 0\n"},
        {"no last line end", kHead + "m=audio 4000 RTP/AVP 0"},
        {"empty lines at the end", kHead + "m=audio 4000 RTP/AVP 0\r\n\r\n"},
        {"empty subject", "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"},
        {"a subject of a space", "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns= \r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"},
        {"no times", "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n"},
        {"no subject", "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"},
        {"lines out of order",
         "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=x\r\nb=AS:1\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP "
         "0\r\na=y\r\nb=AS:2\r\n"},
        {"unknown lines",
         "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\ni=x\r\nq=y\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\ni=z\r\n"},
        {"a trailing space", kHead + "m=audio 4000 RTP/AVP 0 \r\n"},
        {"a number of ports", kHead + "m=audio 4000/2 RTP/AVP 0\r\n"},
        {"a huge session id",
         "v=0\r\no=- 99999999999999999999999 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"},
        {"bad attributes", kHead + "m=audio 4000 RTP/AVP 0\r\na=rtpmap:\r\na=rtpmap:0\r\na=rtpmap:300 X/1\r\na=rtpmap:0 X\r\na=rtpmap:0 "
                                   "X/0\r\na=fmtp:0\r\na=ptime:x\r\na=ptime:0\r\na=maxptime:x\r\na=rtcp:\r\na=crypto:\r\n"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const auto session = Session::parse(row.text);
        REQUIRE(session);
        REQUIRE(session->media.size() == 1);
        REQUIRE(session->media[0].codecs.size() == 1);
        CHECK(session->media[0].codecs[0].name == "PCMU");
        CHECK(session->address_of(session->media[0])->text() == "192.0.2.1:4000");
        CHECK(Session::parse(session->text())->text() == session->text());
    }
}

TEST_CASE("malformed or oversized descriptions are refused", "[sdp]") {
    const auto repeated = [](std::string_view piece, int times) {
        std::string out;
        while (times-- > 0) out += piece;
        return out;
    };
    const std::string rows[] = {
        "",
        "hello",
        "v=0\r\n",
        "v=1\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\n",
        "o=- 1 1 IN IP4 1.1.1.1\r\nv=0\r\ns=-\r\nt=0 0\r\n",
        "v=0\r\ns=-\r\nt=0 0\r\n",
        "v=0\r\no=- 1 1 IN\r\ns=-\r\nt=0 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\n",
        kHead + "m=audio\r\n",
        kHead + "m=audio 4000\r\n",
        kHead + "m=audio 4000 RTP/AVP\r\n",
        kHead + "m=audio x RTP/AVP 0\r\n",
        kHead + "m=audio 65536 RTP/AVP 0\r\n",
        kHead + "m=audio -1 RTP/AVP 0\r\n",
        kHead + "nonsense\r\n",
        kHead + "x\r\n",
        kHead + "a=x\ry\r\n",
        kHead + std::string("a=x\0y\r\n", 7),
        kHead + repeated("m=audio 4000 RTP/AVP 0\r\n", 65),
        kHead + repeated("a=x\r\n", 2100),
        kHead + "a=" + std::string(5000, 'x') + "\r\n",
        kHead + "m=audio 4000 RTP/AVP" + repeated(" 0", 65) + "\r\n",
        kHead + repeated("a=" + std::string(4000, 'x') + "\r\n", 20),
        kHead + repeated("t=0 0\r\n", 20),
    };
    for (const auto& row : rows) {
        CAPTURE(row.substr(0, 200));
        CHECK_FALSE(Session::parse(row));
    }
    CHECK(Session::parse(kHead));
    CHECK(Session::parse(kHead + repeated("m=audio 4000 RTP/AVP 0\r\n", 64)));
}

TEST_CASE("a name instead of an address can be sent nothing", "[sdp]") {
    const auto session = Session::parse(kHead + "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 phone.example.com\r\nm=audio 4002 RTP/AVP 0\r\n");
    REQUIRE(session);
    CHECK_FALSE(session->address_of(session->media[0]));
    CHECK(session->address_of(session->media[1])->text() == "192.0.2.1:4002");
    CHECK(session->text().find("phone.example.com") == std::string::npos);
    const auto none = Session::parse("v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n");
    REQUIRE(none);
    CHECK_FALSE(none->address_of(none->media[0]));
}

TEST_CASE("direction is inherited from the session and reversed for an answer", "[sdp]") {
    struct Row {
        std::string session, line;
        Direction expected;
    };
    const Row rows[] = {
        {"", "", Direction::sendrecv},
        {"a=sendonly\r\n", "", Direction::sendonly},
        {"a=inactive\r\n", "a=recvonly\r\n", Direction::recvonly},
        {"a=inactive\r\n", "a=sendrecv\r\n", Direction::sendrecv},
        {"", "a=inactive\r\n", Direction::inactive},
        {"", "a=sendonly:no\r\n", Direction::sendrecv},
    };
    for (const auto& row : rows) {
        CAPTURE(row.session, row.line);
        const auto session = Session::parse(kHead + row.session + "m=audio 4000 RTP/AVP 0\r\n" + row.line);
        REQUIRE(session);
        CHECK(session->media[0].direction == row.expected);
    }
    CHECK(reversed(Direction::sendonly) == Direction::recvonly);
    CHECK(reversed(Direction::recvonly) == Direction::sendonly);
    CHECK(reversed(Direction::sendrecv) == Direction::sendrecv);
    CHECK(reversed(Direction::inactive) == Direction::inactive);
}

TEST_CASE("which protocols are RTP, and which of them secure", "[sdp]") {
    struct Row {
        const char* protocol;
        bool rtp, secure;
    };
    for (const Row& row : {Row{"RTP/AVP", true, false}, Row{"rtp/avp", true, false}, Row{"RTP/AVPF", true, false},
                           Row{"RTP/SAVP", true, true}, Row{"RTP/SAVPF", true, true}, Row{"UDP/TLS/RTP/SAVPF", false, false},
                           Row{"udptl", false, false}, Row{"TCP/MSRP", false, false}}) {
        CAPTURE(row.protocol);
        sdp::MediaLine line;
        line.protocol = row.protocol;
        CHECK(line.is_rtp() == row.rtp);
        CHECK(line.is_secure() == row.secure);
    }
}

TEST_CASE("crypto attributes that we can honour, and those that we cannot", "[sdp]") {
    const std::string key30 = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5", key28 = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nw==";
    struct Row {
        std::string value;
        bool good;
    };
    const Row rows[] = {
        {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key30, true},
        {"  7  AES_CM_128_HMAC_SHA1_32  inline:" + key30 + "|2^31 ", true},
        {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|1048576 WSH=128", true},
        {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + " -FOO", true},
        {"1 AEAD_AES_128_GCM inline:" + key28, true},
        {"1 AEAD_AES_128_GCM inline:" + key28.substr(0, key28.size() - 2), true},
        {"1 SOME_SUITE inline:" + key28, true},
        {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|2^20|1:4", false},
        {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|1:4", false},
        {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + ";inline:" + key30, false},
        {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|2^20;inline:" + key30 + "|2^20", false},
        {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + " UNENCRYPTED_SRTP", false},
        {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + " KDR=1", false},
        {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key28, false},
        {"1 AES_CM_128_HMAC_SHA1_80 inline:", false},
        {"1 AES_CM_128_HMAC_SHA1_80 inline:???", false},
        {"1 AES_CM_128_HMAC_SHA1_80 " + key30, false},
        {"x AES_CM_128_HMAC_SHA1_80 inline:" + key30, false},
        {"-1 AES_CM_128_HMAC_SHA1_80 inline:" + key30, false},
        {"4000000000 AES_CM_128_HMAC_SHA1_80 inline:" + key30, false},
        {"1 AES_CM_128_HMAC_SHA1_80", false},
        {"1 SOME_SUITE inline:" + std::string(400, 'A'), false},
        {"", false},
    };
    for (const auto& row : rows) {
        CAPTURE(row.value);
        CHECK(sdp::Crypto::parse(row.value).has_value() == row.good);
    }
    const auto crypto = sdp::Crypto::parse(rows[1].value);
    REQUIRE(crypto);
    CHECK(crypto->tag == 7);
    CHECK(crypto->text() == "7 AES_CM_128_HMAC_SHA1_32 inline:" + key30);
}
