#include "conf-bridge/agreement.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace confab;
using namespace confab::bridge;
using media::CodecKind;

namespace {

AgreementKeys default_keys() {
    config::Problems problems;
    auto keys = config::read<AgreementKeys>(agreement_keys(), {{"", "codecs", "opus g722 pcmu pcma l16", {"test", 1}}}, problems);
    check_agreement(keys, {}, problems);
    REQUIRE(problems.empty());
    return keys;
}

sdp::Session offering(const std::string& media) {
    const auto session = sdp::Session::parse("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" + media);
    REQUIRE(session);
    return *session;
}

sdp::LocalMedia local_of(const AgreementKeys& keys, const std::optional<sdp::Agreed>& agreed = {}) {
    auto local = capabilities(keys, agreed);
    local.rtp = *base::SocketAddress::parse("192.0.2.40:20000");
    return local;
}

}  // namespace

TEST_CASE("what an agreement means for the media thread", "[agreement]") {
    struct Row {
        const char* what;
        std::string offer;
        media::CodecFormat expected;
        int payload_type, event;
    };
    const std::string opus = "m=audio 4000 RTP/AVP 111 110\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:110 telephone-event/48000\r\n";
    const Row rows[] = {
        {"PCMU", "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n", {}, 0, 101},
        {"PCMA of 30 ms", "m=audio 4000 RTP/AVP 8\r\na=ptime:30\r\n", {.kind = CodecKind::pcma, .ptime = 30}, 8, -1},
        {"G.722", "m=audio 4000 RTP/AVP 9\r\n", {.kind = CodecKind::g722, .rate = 16'000}, 9, -1},
        {"L16", "m=audio 4000 RTP/AVP 100\r\na=rtpmap:100 L16/48000\r\n", {.kind = CodecKind::l16, .rate = 48'000, .ptime = 10}, 100, -1},
        {"Opus", opus, {.kind = CodecKind::opus, .rate = 48'000, .bitrate = 32'000, .fec = false}, 111, 110},
        {"Opus as it asks",
         opus + "a=fmtp:111 maxplaybackrate=16000;maxaveragebitrate=20000;useinbandfec=1;usedtx=1\r\na=ptime:60\r\n",
         {.kind = CodecKind::opus, .rate = 16'000, .ptime = 60, .bitrate = 20'000}, 111, 110},
        {"Opus has no 30 ms", opus + "a=ptime:30\r\n", {.kind = CodecKind::opus, .rate = 48'000, .bitrate = 32'000, .fec = false}, 111, 110},
        {"Opus between two rates", opus + "a=fmtp:111 maxplaybackrate=12000;maxaveragebitrate=64000\r\n",
         {.kind = CodecKind::opus, .rate = 8'000, .bitrate = 32'000, .fec = false}, 111, 110},
    };
    const auto keys = default_keys();
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const auto answered = sdp::answer(offering(row.offer), local_of(keys), false);
        REQUIRE(answered);
        const auto format = format_of(answered->agreed, keys);
        auto expected = row.expected;
        if (expected.kind != CodecKind::opus) expected.fec = format.codec.fec;
        CHECK(format.codec.kind == expected.kind);
        CHECK(format.codec.rate == expected.rate);
        CHECK(format.codec.ptime == expected.ptime);
        CHECK(format.codec.bitrate == expected.bitrate);
        CHECK(format.codec.fec == expected.fec);
        CHECK_FALSE(format.codec.dtx);
        CHECK(format.codec.is_possible());
        CHECK(answered->answer.media.front().ptime == format.codec.ptime);
        CHECK(format.payload_type == row.payload_type);
        CHECK(format.telephone_event == row.event);
    }
    auto quiet = keys;
    quiet.opus_dtx = true;
    quiet.opus_rate = 24'000;
    const auto answered = sdp::answer(offering(opus + "a=fmtp:111 usedtx=1\r\n"), local_of(quiet), false);
    REQUIRE(answered);
    CHECK(format_of(answered->agreed, quiet).codec.dtx);
    CHECK(format_of(answered->agreed, quiet).codec.rate == 24'000);
    CHECK(answered->answer.text().find("maxplaybackrate=24000;sprop-maxcapturerate=24000;maxaveragebitrate=32000;stereo=0;") != std::string::npos);
    CHECK(answered->answer.text().find("usedtx=1") != std::string::npos);
}

TEST_CASE("an offer within a dialog does not give a number another meaning", "[agreement]") {
    const auto keys = default_keys();
    const auto first = sdp::answer(offering("m=audio 4000 RTP/AVP 97 96\r\na=rtpmap:97 opus/48000/2\r\na=rtpmap:96 telephone-event/48000\r\n"),
                                   local_of(keys), false);
    REQUIRE(first);
    const auto offered = sdp::offer(local_of(keys, first->agreed), &first->answer);
    std::set<int> numbers;
    for (const auto& codec : offered.media.front().codecs) {
        CAPTURE(codec.name, int{codec.payload_type});
        CHECK(numbers.insert(codec.payload_type).second);
        if (codec.payload_type == 97) CHECK(codec.name == "opus");
        CHECK(codec.payload_type != 96);
    }
    CHECK(numbers.contains(97));
    const auto events = sdp::answer(offering("m=audio 4000 RTP/AVP 0 98\r\na=rtpmap:98 telephone-event/8000\r\n"), local_of(keys), false);
    REQUIRE(events);
    const auto kept = sdp::offer(local_of(keys, events->agreed), &events->answer);
    const auto at98 = std::ranges::find(kept.media.front().codecs, 98, &sdp::Codec::payload_type);
    REQUIRE(at98 != kept.media.front().codecs.end());
    CHECK(at98->name == "telephone-event");
}

TEST_CASE("what an answer of other numbers and several codecs means for the media thread", "[agreement]") {
    const auto keys = default_keys();
    const auto answered = [&](const std::string& media) {
        const auto agreed = sdp::read_answer(sdp::offer(local_of(keys)), local_of(keys), offering(media));
        REQUIRE(agreed);
        return *agreed;
    };
    const auto agreed = answered("m=audio 4000 RTP/AVP 115 100\r\na=rtpmap:115 L16/8000\r\na=rtpmap:100 telephone-event/8000\r\n");
    const auto format = format_of(agreed, keys);
    CHECK(format.payload_type == 115);
    CHECK(format.offered_type == 99);
    CHECK(format.telephone_event == 100);
    CHECK(format.offered_event == 101);
    CHECK(format.other_law == -1);
    // A later offer of ours calls things as the first did (RFC 3264 §8.3.2), and nothing by the peer's numbers.
    const auto again = sdp::offer(local_of(keys, agreed)).text();
    CHECK(again.contains("a=rtpmap:99 L16/8000\r\n"));
    CHECK(again.contains("a=rtpmap:101 telephone-event/8000\r\n"));
    CHECK_FALSE(again.contains("a=rtpmap:115"));
    CHECK_FALSE(again.contains("a=rtpmap:100"));

    CHECK(format_of(answered("m=audio 4000 RTP/AVP 0 8\r\n"), keys).other_law == 8);
    CHECK(format_of(answered("m=audio 4000 RTP/AVP 8 9 0\r\n"), keys).other_law == 0);
    CHECK(format_of(answered("m=audio 4000 RTP/AVP 8\r\n"), keys).other_law == -1);
    CHECK(format_of(answered("m=audio 4000 RTP/AVP 9 0 8\r\n"), keys).other_law == -1);
}

TEST_CASE("keys of codecs are checked", "[agreement]") {
    struct Row {
        const char *key, *value;
        bool good;
    };
    const Row rows[] = {
        {"codecs", "pcma", true},         {"codecs", "l16  opus", true},    {"codecs", "", false},           {"codecs", "pcmu pcmu", false},
        {"codecs", "g729", false},        {"ptime", "30", true},            {"ptime", "50", false},          {"ptime", "70", false},
        {"ptime", "25", false},           {"opus-rate", "16000", true},     {"opus-rate", "12000", false},   {"opus-bitrate", "0", true},
        {"opus-bitrate", "5000", false},  {"opus-complexity", "11", false}, {"srtp", "required", true},      {"srtp", "yes", false},
        {"codec-preference", "bridge", true}, {"codec-preference", "both", false},
    };
    for (const auto& row : rows) {
        CAPTURE(row.key, row.value);
        config::Problems problems;
        const config::Entries entries = {{"", row.key, row.value, {"test", 1}}};
        const auto keys = config::read<AgreementKeys>(agreement_keys(), entries, problems);
        check_agreement(keys, entries, problems);
        CHECK(problems.empty() == row.good);
    }
}

TEST_CASE("every suite has keys of its own", "[agreement]") {
    base::Random random(base::Seed{9});
    const auto one = make_cryptos(random), two = make_cryptos(random);
    REQUIRE(one.size() == 4);
    for (std::size_t i = 0; i < one.size(); ++i) {
        CHECK(one[i].tag == i + 1);
        CHECK(one[i].key != two[i].key);
        CHECK(sdp::Crypto::parse(one[i].text()));
    }
    CHECK_FALSE(keys_of(std::nullopt));
}

TEST_CASE("levels that callers tell are read unless they are not wanted, under the number that was agreed", "[agreement]") {
    auto keys = default_keys();
    const auto offer = offering("m=audio 4000 RTP/AVP 9\r\na=extmap:7 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n");
    const auto answered = sdp::answer(offer, local_of(keys), false);
    REQUIRE(answered);
    CHECK(format_of(answered->agreed, keys).level_extension == 7);
    CHECK(sdp::offer(local_of(keys, answered->agreed)).text().contains("a=extmap:7/recvonly"));
    CHECK(sdp::offer(local_of(keys)).text().contains("a=extmap:1/recvonly"));
    keys.levels = false;
    const auto plain = sdp::answer(offer, local_of(keys), false);
    REQUIRE(plain);
    CHECK(format_of(plain->agreed, keys).level_extension == -1);
    CHECK_FALSE(sdp::offer(local_of(keys, plain->agreed)).media[0].has("extmap"));
}
