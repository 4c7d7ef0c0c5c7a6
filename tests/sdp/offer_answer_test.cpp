#include "sdp/offer_answer.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace confab;
using namespace confab::sdp;

namespace {

constexpr std::string_view kSuite80 = "AES_CM_128_HMAC_SHA1_80", kSuite32 = "AES_CM_128_HMAC_SHA1_32";
const std::string kKeyA = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB";  // 30 × 'A'

LocalMedia plain() {
    LocalMedia local;
    local.rtp = *base::SocketAddress::parse("198.51.100.1:30000");
    local.codecs = {{"PCMU", 0, 8000}, {"PCMA", 8, 8000}};
    local.telephone_event = 101;
    local.session_id = 77;
    local.session_version = 3;
    return local;
}
LocalMedia secure() {
    auto local = plain();
    local.cryptos = {{1, std::string(kSuite80), std::string(30, 'l')}, {2, std::string(kSuite32), std::string(30, 'm')}};
    return local;
}

Session described(const std::string& media, const std::string& session_lines = "c=IN IP4 192.0.2.1\r\n") {
    std::string c, rest;
    (session_lines.starts_with("c=") ? c : rest) = session_lines;
    const auto session = Session::parse("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n" + c + "t=3034423619 3042462419\r\n" + rest + media);
    REQUIRE(session);
    return *session;
}

// The answer from its first m-line on.
std::string lines(const Session& answer) {
    const auto text = answer.text();
    const auto at = text.find("m=");
    return at == std::string::npos ? "" : text.substr(at);
}

const std::string kAccepted =
    "m=audio 30000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 "
    "0-16\r\na=ptime:20\r\na=sendrecv\r\n";

}  // namespace

TEST_CASE("an ordinary offer is answered", "[offer_answer]") {
    const auto done =
        answer(described("m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"), plain(), false);
    REQUIRE(done);
    CHECK(done->answer.text() ==
          "v=0\r\no=- 77 3 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=3034423619 3042462419\r\n" + kAccepted);
    CHECK(done->agreed.line == 0);
    CHECK(done->agreed.remote.text() == "192.0.2.1:4000");
    CHECK(done->agreed.codec.name == "PCMU");
    CHECK(done->agreed.codec.payload_type == 0);
    CHECK(done->agreed.telephone_event == 101);
    CHECK(done->agreed.ptime == 20);
    CHECK(done->agreed.direction == Direction::sendrecv);
    CHECK_FALSE(done->agreed.held);
    CHECK_FALSE(done->agreed.local_crypto);
}

TEST_CASE("every line is answered in its place", "[offer_answer]") {
    const std::string audio = "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";
    struct Row {
        const char* what;
        std::string offer, expected;
        std::size_t line;
    };
    const Row rows[] = {
        {"video after", audio + "m=video 4002 RTP/AVP 96 97\r\na=rtpmap:96 H264/90000\r\n", kAccepted + "m=video 0 RTP/AVP 96\r\n", 0},
        {"video before", "m=video 4002 RTP/AVPF 96\r\n" + audio, "m=video 0 RTP/AVPF 96\r\n" + kAccepted, 1},
        {"fax", audio + "m=image 4004 udptl t38\r\na=T38FaxVersion:0\r\n", kAccepted + "m=image 0 udptl t38\r\n", 0},
        {"slides", audio + "m=application 4006 UDP/BFCP *\r\n", kAccepted + "m=application 0 UDP/BFCP *\r\n", 0},
        {"chat", audio + "m=message 4006 TCP/MSRP *\r\n", kAccepted + "m=message 0 TCP/MSRP *\r\n", 0},
        {"a second audio line", audio + "m=audio 4010 RTP/AVP 8\r\n", kAccepted + "m=audio 0 RTP/AVP 8\r\n", 0},
        {"an audio line that is off", "m=audio 0 RTP/AVP 0\r\n" + audio, "m=audio 0 RTP/AVP 0\r\n" + kAccepted, 1},
        {"an audio line without a codec of ours", "m=audio 4010 RTP/AVP 18\r\n" + audio, "m=audio 0 RTP/AVP 18\r\n" + kAccepted, 1},
        {"an SRTP line that we cannot take",
         "m=audio 4010 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + kKeyA + "\r\n" + audio,
         "m=audio 0 RTP/SAVP 0\r\n" + kAccepted, 1},
        {"a DTLS line", "m=audio 4010 UDP/TLS/RTP/SAVPF 0\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\n" + audio,
         "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n" + kAccepted, 1},
        {"what belongs to ICE, bundling and feedback is not echoed",
         "a=group:BUNDLE 0\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 "
         "telephone-event/8000\r\na=mid:0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n"
         "a=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\na=rtcp-mux\r\na=setup:actpass\r\na=fingerprint:sha-256 AA\r\na=rtcp-fb:0 "
         "nack\r\n",
         kAccepted, 0},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const auto done = answer(described(row.offer), plain(), false);
        REQUIRE(done);
        CHECK(lines(done->answer) == row.expected);
        CHECK(done->agreed.line == row.line);
        CHECK(done->agreed.remote.port == 4000);
        CHECK(Session::parse(done->answer.text())->media.size() == done->answer.media.size());
    }
}

TEST_CASE("directions, and who is held", "[offer_answer]") {
    struct Row {
        const char* offer;
        Direction ours, expected;
        bool held;
    };
    using enum Direction;
    const Row rows[] = {
        {"a=sendrecv", sendrecv, sendrecv, false},
        {"a=x", sendrecv, sendrecv, false},
        {"a=sendonly", sendrecv, recvonly, true},
        {"a=recvonly", sendrecv, sendonly, false},
        {"a=inactive", sendrecv, inactive, true},
        {"a=sendrecv", sendonly, sendonly, false},
        {"a=sendonly", sendonly, inactive, true},
        {"a=recvonly", recvonly, inactive, false},
        {"a=sendrecv", inactive, inactive, false},
        {"c=IN IP4 0.0.0.0", sendrecv, recvonly, true},
        {"c=IN IP4 0.0.0.0\r\na=recvonly", sendrecv, inactive, true},
        {"c=IN IP6 ::", sendrecv, recvonly, true},
    };
    for (const auto& row : rows) {
        CAPTURE(row.offer, direction_name(row.ours));
        auto local = plain();
        local.direction = row.ours;
        const auto done = answer(described(std::string("m=audio 4000 RTP/AVP 0\r\n") + row.offer + "\r\n"), local, false);
        REQUIRE(done);
        CHECK(done->agreed.direction == row.expected);
        CHECK(done->answer.media[0].direction == row.expected);
        CHECK(done->agreed.held == row.held);
    }
    const auto inherited = answer(described("m=audio 4000 RTP/AVP 0\r\n", "c=IN IP4 0.0.0.0\r\n"), plain(), false);
    REQUIRE(inherited);
    CHECK(inherited->agreed.held);
    const auto session_level = answer(described("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.9\r\n", "a=sendonly\r\n"), plain(), false);
    REQUIRE(session_level);
    CHECK(session_level->agreed.held);
    CHECK(session_level->agreed.remote.text() == "192.0.2.9:4000");
}

TEST_CASE("nothing is sent to a group, to everybody or to nobody", "[offer_answer]") {
    for (const char* address : {"IN IP4 224.1.2.3/127", "IN IP4 239.255.0.1/1/3", "IN IP4 255.255.255.255", "IN IP4 240.0.0.1", "IN IP4 0.0.0.1", "IN IP6 ff02::1"}) {
        CAPTURE(address);
        const auto group = described("m=audio 4000 RTP/AVP 0\r\nc=" + std::string(address) + "\r\n");
        const auto done = answer(group, plain(), false);
        REQUIRE_FALSE(done);
        CHECK(done.error() == Refusal::no_audio);
        CHECK_FALSE(read_answer(offer(plain()), plain(), group));
        CHECK(answer(described("m=audio 4000 RTP/AVP 0\r\nc=" + std::string(address) + "\r\nm=audio 4002 RTP/AVP 0\r\n"), plain(), false)->agreed.line == 1);
    }
    for (const char* address : {"IN IP4 223.255.255.255", "IN IP4 127.0.0.1", "IN IP6 fe80::1", "IN IP6 ::1"}) {
        CAPTURE(address);
        CHECK(answer(described("m=audio 4000 RTP/AVP 0\r\nc=" + std::string(address) + "\r\n"), plain(), false));
    }
}

TEST_CASE("RTCP goes where the peer says", "[offer_answer]") {
    struct Row {
        const char* attribute;
        const char* expected;  // "": beside RTP
    };
    const Row rows[] = {
        {"a=x", ""},
        {"a=rtcp:53020", "192.0.2.1:53020"},
        {"a=rtcp:53020 IN IP4 192.0.2.7", "192.0.2.7:53020"},
        {"a=rtcp:0", ""},
        {"a=rtcp:x", ""},
        {"a=rtcp:53020 IN IP4 224.0.0.1", ""},
        {"a=rtcp:9 IN IP4 0.0.0.0", ""},
        {"a=rtcp:53020 IN IP6 2001:db8::1", ""},  // RTP's family is the one that we have
        {"a=rtcp:53020 IN IP4 a.example", ""},
    };
    for (const auto& row : rows) {
        CAPTURE(row.attribute);
        const auto media = std::string("m=audio 4000 RTP/AVP 0\r\n") + row.attribute + "\r\n";
        const auto done = answer(described(media), plain(), false);
        REQUIRE(done);
        const auto expected = base::SocketAddress::parse(row.expected).value_or(base::SocketAddress{});
        CHECK(done->agreed.remote_rtcp == expected);
        CHECK_FALSE(done->answer.media[0].rtcp_port);
        CHECK(read_answer(offer(plain()), plain(), described(media))->remote_rtcp == expected);
    }
}

TEST_CASE("codecs: the offer's order and payload types count", "[offer_answer]") {
    struct Row {
        std::string offer, codec;
        int payload_type, telephone_event;
    };
    const Row rows[] = {
        {"m=audio 4000 RTP/AVP 8 0\r\n", "PCMA", 8, -1},
        {"m=audio 4000 RTP/AVP 18 9 0\r\n", "PCMU", 0, -1},
        {"m=audio 4000 RTP/AVP 97 0\r\na=rtpmap:97 pcma/8000\r\n", "pcma", 97, -1},
        {"m=audio 4000 RTP/AVP 97 8\r\na=rtpmap:97 PCMU/16000\r\n", "PCMA", 8, -1},
        {"m=audio 4000 RTP/AVP 97 8\r\na=rtpmap:97 PCMU/8000/2\r\n", "PCMA", 8, -1},
        {"m=audio 4000 RTP/AVP 97 8\r\n", "PCMA", 8, -1},
        {"m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\n", "PCMU", 0, 96},
        {"m=audio 4000 RTP/AVP 0 96 97\r\na=rtpmap:96 telephone-event/48000\r\na=rtpmap:97 TELEPHONE-EVENT/8000\r\n", "PCMU", 0, 97},
        {"m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/48000\r\n", "PCMU", 0, -1},
        {"m=audio 4000 RTP/AVP 101 0\r\na=rtpmap:101 telephone-event/8000\r\n", "PCMU", 0, 101},
    };
    for (const auto& row : rows) {
        CAPTURE(row.offer);
        const auto done = answer(described(row.offer), plain(), false);
        REQUIRE(done);
        CHECK(done->agreed.codec.name == row.codec);
        CHECK(done->agreed.codec.payload_type == row.payload_type);
        CHECK((done->agreed.telephone_event ? *done->agreed.telephone_event : -1) == row.telephone_event);
        CHECK(done->answer.media[0].formats.size() == (row.telephone_event < 0 ? 1 : 2));
    }
    auto no_events = plain();
    no_events.telephone_event.reset();
    const auto done =
        answer(described("m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:40\r\n"), no_events, false);
    REQUIRE(done);
    CHECK_FALSE(done->agreed.telephone_event);
    CHECK(done->answer.media[0].formats.size() == 1);
    CHECK(done->agreed.ptime == 40);
    CHECK(done->answer.media[0].ptime == 40);  // what it asks for it also gets asked
}

namespace {

// What a bridge has: everything, Opus first.
LocalMedia rich() {
    auto local = plain();
    local.codecs = {{"opus", 96, 48000, 2, "stereo=0;useinbandfec=1"}, {"G722", 9, 8000}, {"PCMU", 0, 8000}, {"PCMA", 8, 8000},
                    {"L16", 97, 48000, 1, "", 10}, {"L16", 98, 16000, 1, "", 40}, {"L16", 99, 8000}};
    local.max_ptime = 60;
    return local;
}

}  // namespace

TEST_CASE("codecs with clocks, channels and parameters of their own", "[offer_answer]") {
    const std::string events = "a=rtpmap:101 telephone-event/8000\r\na=rtpmap:110 telephone-event/48000\r\n";
    struct Row {
        const char* what;
        std::string offer;
        bool own_order;
        std::string codec;
        int payload_type, telephone_event;
    };
    const Row rows[] = {
        {"Opus has two channels in its name", "m=audio 4000 RTP/AVP 111 0 101 110\r\na=rtpmap:111 opus/48000/2\r\n" + events, false, "opus", 111, 110},
        {"Opus with one is no Opus", "m=audio 4000 RTP/AVP 111 0 101 110\r\na=rtpmap:111 opus/48000\r\n" + events, false, "PCMU", 0, 101},
        {"the offer's order", "m=audio 4000 RTP/AVP 0 9 111\r\na=rtpmap:111 OPUS/48000/2\r\n", false, "PCMU", 0, -1},
        {"our order", "m=audio 4000 RTP/AVP 0 9 111\r\na=rtpmap:111 OPUS/48000/2\r\n", true, "OPUS", 111, -1},
        {"our order without our first", "m=audio 4000 RTP/AVP 8 0 9\r\n", true, "G722", 9, -1},
        {"G.722 has the clock of RFC 3551", "m=audio 4000 RTP/AVP 9 101\r\n" + events, false, "G722", 9, 101},
        {"L16 by its rate", "m=audio 4000 RTP/AVP 11 100 120\r\na=rtpmap:100 L16/44100\r\na=rtpmap:120 L16/16000\r\n", false, "L16", 120, -1},
        {"events of 8 kHz are better than none", "m=audio 4000 RTP/AVP 111 101\r\na=rtpmap:111 opus/48000/2\r\n" + events, false, "opus", 111, 101},
        {"L16 in stereo", "m=audio 4000 RTP/AVP 120 8\r\na=rtpmap:120 L16/16000/2\r\n", false, "PCMA", 8, -1},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        auto local = rich();
        local.own_order = row.own_order;
        const auto done = answer(described(row.offer), local, false);
        REQUIRE(done);
        CHECK(done->agreed.codec.name == row.codec);
        CHECK(done->agreed.codec.payload_type == row.payload_type);
        CHECK((done->agreed.telephone_event ? *done->agreed.telephone_event : -1) == row.telephone_event);
    }
}

TEST_CASE("events are answered with the clock that they run on", "[offer_answer]") {
    const std::string opus = "m=audio 4000 RTP/AVP 111 101 110\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n";
    const auto common = answer(described(opus), rich(), false);
    REQUIRE(common);
    CHECK(common->agreed.event_clock_rate == 8000);
    CHECK(lines(common->answer).contains("a=rtpmap:101 telephone-event/8000\r\n"));
    const auto own = answer(described(opus + "a=rtpmap:110 telephone-event/48000\r\n"), rich(), false);
    REQUIRE(own);
    CHECK(own->agreed.event_clock_rate == 48000);
    CHECK(lines(own->answer).contains("a=rtpmap:110 telephone-event/48000\r\n"));
}

TEST_CASE("an answer's numbers are what we send with, ours what the peer sends with", "[offer_answer]") {
    struct Row {
        const char* what;
        std::string answer;
        int type, offered_type, event, offered_event;
        std::string others;  // names and numbers
    };
    const Row rows[] = {
        {"as we said", "m=audio 4000 RTP/AVP 99 101\r\na=rtpmap:99 L16/8000\r\na=rtpmap:101 telephone-event/8000\r\n", 99, -1, 101, -1, ""},
        {"another", "m=audio 4000 RTP/AVP 115 100\r\na=rtpmap:115 l16/8000\r\na=rtpmap:100 telephone-event/8000\r\n", 115, 99, 100, 101, ""},
        {"exchanged", "m=audio 4000 RTP/AVP 101 99\r\na=rtpmap:101 L16/8000\r\na=rtpmap:99 telephone-event/8000\r\n", 101, 99, 99, 101, ""},
        {"events alone", "m=audio 4000 RTP/AVP 0 100\r\na=rtpmap:100 telephone-event/8000\r\n", 0, -1, 100, 101, ""},
        {"several", "m=audio 4000 RTP/AVP 0 8 120 18\r\na=rtpmap:120 opus/48000/2\r\n", 0, -1, -1, -1, "PCMA 8 opus 96 "},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const auto read = read_answer(offer(rich()), rich(), described(row.answer));
        REQUIRE(read);
        const auto number = [](const std::optional<std::uint8_t>& type) { return type ? int{*type} : -1; };
        CHECK(read->codec.payload_type == row.type);
        CHECK(number(read->offered_type) == row.offered_type);
        CHECK(number(read->telephone_event) == row.event);
        CHECK(number(read->offered_event) == row.offered_event);
        std::string others;
        for (const auto& codec : read->others) others += codec.name + " " + std::to_string(codec.payload_type) + " ";
        CHECK(others == row.others);
    }
}

TEST_CASE("parameters of both directions stay apart", "[offer_answer]") {
    const auto done = answer(described("m=audio 4000 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 maxplaybackrate=16000\r\n"), rich(), false);
    REQUIRE(done);
    CHECK(done->agreed.codec.format_parameters == "maxplaybackrate=16000");
    CHECK(lines(done->answer) ==
          "m=audio 30000 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 stereo=0;useinbandfec=1\r\na=ptime:20\r\na=maxptime:60\r\na=sendrecv\r\n");
}

TEST_CASE("packets are as long as the peer asks, within every bound", "[offer_answer]") {
    struct Row {
        const char* what;
        std::string attributes;
        std::uint16_t ours, expected;
    };
    const Row rows[] = {
        {"no wish", "", 30, 30},          {"a wish", "a=ptime:10\r\n", 20, 10},  {"between two", "a=ptime:50\r\n", 20, 40},
        {"too long", "a=ptime:200\r\n", 20, 60}, {"too short", "a=ptime:5\r\n", 20, 10},  {"their bound", "a=maxptime:15\r\n", 40, 10},
        {"both", "a=ptime:60\r\na=maxptime:30\r\n", 20, 30}, {"nonsense", "a=ptime:x\r\na=maxptime:0\r\n", 20, 20},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        auto local = rich();
        local.ptime = row.ours;
        const auto done = answer(described("m=audio 4000 RTP/AVP 0\r\n" + row.attributes), local, false);
        REQUIRE(done);
        CHECK(done->agreed.ptime == row.expected);
        CHECK(done->answer.media[0].ptime == row.expected);
        CHECK(done->answer.media[0].max_ptime == 60);
    }
    // Never longer than the peer's bound, where there is a packet so short.
    for (std::uint16_t bound = 1; bound <= 70; ++bound) {
        CAPTURE(bound);
        for (const char* format : {"0", "111"}) {
            auto local = rich();
            local.ptime = 60;
            local.codecs.front().has_30_ms = false;
            const auto done = answer(described("m=audio 4000 RTP/AVP " + std::string(format) + "\r\na=rtpmap:111 opus/48000/2\r\na=maxptime:" + std::to_string(bound) + "\r\n"), local, false);
            REQUIRE(done);
            CHECK(done->agreed.ptime <= std::max<std::uint16_t>(bound, 10));
            if (*format == '1') CHECK(done->agreed.ptime != 30);
            CHECK(done->answer.media[0].ptime == done->agreed.ptime);
        }
    }
    // 48,000 samples of 16 bits a second fill a datagram in 10 ms.
    const auto wide = answer(described("m=audio 4000 RTP/AVP 120\r\na=rtpmap:120 L16/48000\r\na=ptime:20\r\n"), rich(), false);
    REQUIRE(wide);
    CHECK(wide->agreed.ptime == 10);
    CHECK(wide->answer.media[0].max_ptime == 10);
}

TEST_CASE("our offer has telephone events for every clock", "[offer_answer]") {
    auto local = rich();
    local.codecs[4].payload_type = 102;  // in the way of the events
    const auto offered = offer(local);
    CHECK(lines(offered) ==
          "m=audio 30000 RTP/AVP 96 9 0 8 102 98 99 101 103 104\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 stereo=0;useinbandfec=1\r\n"
          "a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:102 L16/48000\r\na=rtpmap:98 L16/16000\r\n"
          "a=rtpmap:99 L16/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=rtpmap:103 telephone-event/16000\r\n"
          "a=fmtp:103 0-16\r\na=rtpmap:104 telephone-event/48000\r\na=fmtp:104 0-16\r\na=ptime:20\r\na=maxptime:60\r\na=sendrecv\r\n");
    const auto read = read_answer(
        offered, local,
        described("m=audio 4000 RTP/AVP 96 104\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 usedtx=1\r\na=rtpmap:104 telephone-event/48000\r\na=ptime:40\r\n"));
    REQUIRE(read);
    CHECK(read->codec.format_parameters == "usedtx=1");
    CHECK(read->telephone_event == 104);
    CHECK(read->ptime == 40);
}

TEST_CASE("SRTP: the first crypto that we have, our key under its tag", "[offer_answer]") {
    const auto with = [](const std::string& cryptos, const std::string& protocol = "RTP/SAVP") {
        return described("m=audio 4000 " + protocol + " 0\r\n" + cryptos);
    };
    const std::string gcm = "a=crypto:1 AEAD_AES_128_GCM inline:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQQ==\r\n",
                      unusable = "a=crypto:2 " + std::string(kSuite80) + " inline:" + kKeyA + "|2^20|1:4\r\n",
                      with80 = "a=crypto:3 " + std::string(kSuite80) + " inline:" + kKeyA + "\r\n",
                      with32 = "a=crypto:4 " + std::string(kSuite32) + " inline:" + kKeyA + "\r\n";
    const auto first = answer(with(gcm + unusable + with80 + with32), secure(), true);
    REQUIRE(first);
    CHECK(first->agreed.remote_crypto->tag == 3);
    CHECK(first->agreed.remote_crypto->key == std::string(30, 'A'));
    CHECK(first->agreed.local_crypto->tag == 3);
    CHECK(first->agreed.local_crypto->suite == kSuite80);
    CHECK(first->agreed.local_crypto->key == std::string(30, 'l'));
    CHECK(lines(first->answer) == "m=audio 30000 RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\na=crypto:3 " + std::string(kSuite80) +
                                      " inline:bGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxs\r\na=ptime:20\r\na=sendrecv\r\n");
    const auto second = answer(with(with32 + with80), secure(), true);
    REQUIRE(second);
    CHECK(second->agreed.local_crypto->tag == 4);
    CHECK(second->agreed.local_crypto->key == std::string(30, 'm'));

    for (const char* protocol : {"RTP/SAVP", "RTP/SAVPF"})
        CHECK(answer(with(with80, protocol), secure(), true)->answer.media[0].protocol == protocol);
    for (const char* protocol : {"RTP/AVP", "RTP/AVPF"})
        CHECK(answer(with("", protocol), secure(), false)->answer.media[0].protocol == protocol);
    CHECK_FALSE(answer(with("", "RTP/AVP"), secure(), false)->agreed.local_crypto);
}

TEST_CASE("refusals name their reason", "[offer_answer]") {
    const std::string crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + kKeyA + "\r\n";
    struct Row {
        const char* what;
        std::string offer;
        bool ours_secure, require;
        Refusal expected;
    };
    const Row rows[] = {
        {"nothing", "", false, false, Refusal::no_audio},
        {"only video", "m=video 4000 RTP/AVP 96\r\n", false, false, Refusal::no_audio},
        {"audio that is off", "m=audio 0 RTP/AVP 0\r\n", false, false, Refusal::no_audio},
        {"a name for an address", "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 a.example\r\n", false, false, Refusal::no_audio},
        {"foreign codecs", "m=audio 4000 RTP/AVP 18 9\r\n", false, false, Refusal::no_codec},
        {"only events", "m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n", false, false, Refusal::no_codec},
        {"clear where SRTP is required", "m=audio 4000 RTP/AVP 0\r\n", true, true, Refusal::not_secure},
        {"clear with keys where SRTP is required", "m=audio 4000 RTP/AVP 0\r\n" + crypto, true, true, Refusal::not_secure},
        {"SRTP without keys", "m=audio 4000 RTP/SAVP 0\r\n", true, true, Refusal::no_suite},
        {"SRTP that we have no keys for", "m=audio 4000 RTP/SAVP 0\r\n" + crypto, false, false, Refusal::no_suite},
        {"a suite of others", "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 F8_128_HMAC_SHA1_80 inline:" + kKeyA + "\r\n", true, true,
         Refusal::no_suite},
        {"the first reason stands", "m=video 1 RTP/AVP 96\r\nm=audio 4000 RTP/AVP 0\r\nm=audio 4000 RTP/SAVP 18\r\n", true, true,
         Refusal::not_secure},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const auto done = answer(described(row.offer), row.ours_secure ? secure() : plain(), row.require);
        REQUIRE_FALSE(done);
        CHECK(done.error() == row.expected);
    }
}

TEST_CASE("an offer of ours, and what answers to it mean", "[offer_answer]") {
    CHECK(offer(plain()).text() ==
          "v=0\r\no=- 77 3 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0 8 101\r\na=rtpmap:0 "
          "PCMU/8000\r\n"
          "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n");
    CHECK(offer(secure()).media[0].protocol == "RTP/SAVP");
    CHECK(offer(secure()).media[0].cryptos.size() == 2);
    auto six = plain();
    six.rtp = *base::SocketAddress::parse("[2001:db8::1]:30000");
    CHECK(offer(six).text().find("c=IN IP6 2001:db8::1\r\n") != std::string::npos);

    struct Row {
        const char* what;
        std::string answer;
        std::optional<Refusal> refusal;
        Direction direction = Direction::sendrecv;
        bool held = false;
    };
    const Row rows[] = {
        {"plain", "m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n", {}},
        {"hold", "m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n", {}, Direction::recvonly, true},
        {"listens", "m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=recvonly\r\n", {}, Direction::sendonly, false},
        {"refused", "m=audio 0 RTP/AVP 8\r\n", Refusal::no_audio},
        {"no line", "", Refusal::malformed},
        {"two lines", "m=audio 4000 RTP/AVP 8\r\nm=audio 4000 RTP/AVP 8\r\n", Refusal::malformed},
        {"another kind", "m=video 4000 RTP/AVP 8\r\n", Refusal::malformed},
        {"another protocol", "m=audio 4000 RTP/SAVP 8\r\n", Refusal::malformed},
        {"another codec", "m=audio 4000 RTP/AVP 18\r\n", Refusal::no_codec},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const auto read = read_answer(offer(plain()), plain(), described(row.answer));
        REQUIRE(read.has_value() == !row.refusal);
        if (row.refusal) {
            CHECK(read.error() == *row.refusal);
            continue;
        }
        CHECK(read->codec.name == "PCMA");
        CHECK(read->telephone_event == 101);
        CHECK(read->direction == row.direction);
        CHECK(read->held == row.held);
        CHECK(read->remote.text() == "192.0.2.1:4000");
    }
}

TEST_CASE("an answer over SRTP names one of our keys", "[offer_answer]") {
    struct Row {
        const char* what;
        std::string cryptos;
        std::optional<char> ours;  // which of our keys
    };
    const auto crypto = [](int tag, std::string_view suite) {
        return "a=crypto:" + std::to_string(tag) + " " + std::string(suite) + " inline:" + kKeyA + "\r\n";
    };
    const Row rows[] = {
        {"first", crypto(1, kSuite80), 'l'},
        {"second", crypto(2, kSuite32), 'm'},
        {"another tag's suite", crypto(1, kSuite32), {}},
        {"a tag that we did not offer", crypto(3, kSuite80), {}},
        {"two", crypto(1, kSuite80) + crypto(2, kSuite32), {}},
        {"none", "", {}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const auto read = read_answer(offer(secure()), secure(), described("m=audio 4000 RTP/SAVP 0\r\n" + row.cryptos));
        REQUIRE(read.has_value() == row.ours.has_value());
        if (!row.ours) {
            CHECK(read.error() == Refusal::no_suite);
            continue;
        }
        CHECK(read->local_crypto->key == std::string(30, *row.ours));
        CHECK(read->remote_crypto->key == std::string(30, 'A'));
    }
}

TEST_CASE("an offer within a dialog keeps every line in its place", "[offer_answer]") {
    const auto first = answer(described("m=video 4002 RTP/AVP 96\r\nm=audio 0 RTP/AVP 0\r\nm=audio 4000 RTP/AVP 0\r\n"), plain(), false);
    REQUIRE(first);
    auto local = plain();
    local.telephone_event.reset();
    const auto again = offer(local, &first->answer);
    CHECK(lines(again) ==
          "m=video 0 RTP/AVP 96\r\nm=audio 0 RTP/AVP 0\r\n"
          "m=audio 30000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=ptime:20\r\na=sendrecv\r\n");
    const auto read = read_answer(again, local, described("m=video 0 RTP/AVP 96\r\nm=audio 0 RTP/AVP 0\r\nm=audio 4008 RTP/AVP 8\r\n"));
    REQUIRE(read);
    CHECK(read->line == 2);
    CHECK(read->remote.port == 4008);
    Session no_audio;
    no_audio.media.resize(1);
    no_audio.media[0].kind = "video";
    no_audio.media[0].protocol = "RTP/AVP";
    CHECK(offer(local, &no_audio).media.size() == 2);
    CHECK(offer(local, &no_audio).media[1].port == 30000);
}

TEST_CASE("the extension that tells levels is agreed where we read it and the peer may send it", "[offer_answer]") {
    const std::string uri = " urn:ietf:params:rtp-hdrext:ssrc-audio-level", audio = "m=audio 4000 RTP/AVP 0\r\n";
    struct Row {
        const char* what;
        std::string session, media;
        std::string answered;  // "": not
    };
    const Row rows[] = {
        {"plain", "", audio + "a=extmap:3" + uri + "\r\n", "a=extmap:3/recvonly" + uri},
        {"with parameters", "", audio + "a=extmap:14/sendonly" + uri + " vad=off\r\n", "a=extmap:14/recvonly" + uri + " vad=off"},
        {"for all lines", "a=extmap:200/sendrecv" + uri + "\r\n", audio, "a=extmap:200/recvonly" + uri},
        {"only wanted", "", audio + "a=extmap:3/recvonly" + uri + "\r\n", ""},
        {"unused", "", audio + "a=extmap:3/inactive" + uri + "\r\n", ""},
        {"another", "", audio + "a=extmap:3 urn:ietf:params:rtp-hdrext:csrc-audio-level\r\n", ""},
        {"of a longer name", "", audio + "a=extmap:3" + uri + "s\r\n", ""},
        {"number reserved", "", audio + "a=extmap:15" + uri + "\r\n", ""},
        {"number for later", "", audio + "a=extmap:4097" + uri + "\r\n", ""},
        {"no number", "", audio + "a=extmap:" + uri + "\r\n", ""},
    };
    auto local = plain();
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const auto offer = described("c=IN IP4 192.0.2.1\r\n" + row.session + row.media, "");
        local.level_extension.reset();
        const auto without = answer(offer, local, false);
        REQUIRE(without);
        CHECK_FALSE(without->agreed.level_extension);
        CHECK_FALSE(without->answer.media[0].has("extmap"));
        local.level_extension = 1;
        const auto with = answer(offer, local, false);
        REQUIRE(with);
        CHECK(with->agreed.level_extension.has_value() == !row.answered.empty());
        CHECK((row.answered.empty() ? !with->answer.media[0].has("extmap") : with->answer.text().contains(row.answered + "\r\n")));
    }
    const auto offered = sdp::offer(local);
    CHECK(offered.text().contains("a=extmap:1/recvonly" + uri + "\r\n"));
    const auto read = read_answer(offered, local, described("c=IN IP4 192.0.2.1\r\n" + audio + "a=extmap:1/sendonly" + uri + "\r\n", ""));
    REQUIRE(read);
    REQUIRE(read->level_extension);
    CHECK(read->level_extension->id == 1);
}
