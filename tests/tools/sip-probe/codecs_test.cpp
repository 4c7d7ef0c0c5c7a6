#include "sip-probe/codecs.hpp"

#include <catch2/catch.hpp>

#include "sip-probe/endpoint.hpp"
#include "sip-probe/tone.hpp"

using namespace confab;
using namespace confab::probe;
using media::CodecKind;

namespace {

Codecs codecs(const std::vector<std::string>& words, unsigned ptime = 20) {
    const auto read = read_codecs(words, ptime);
    REQUIRE(read);
    return *read;
}

sdp::LocalMedia side(const Codecs& formats, std::uint16_t port) {
    sdp::LocalMedia local;
    local.rtp = *base::SocketAddress::parse("127.0.0.1:" + std::to_string(port));
    local.codecs = capabilities(formats);
    local.ptime = formats.front().ptime;
    local.telephone_event = 101;
    return local;
}

// A caller and a callee that have agreed.
struct Pair {
    sdp::Agreed caller, callee;
};
Pair agree(const Codecs& ours, const Codecs& theirs) {
    const auto here = side(ours, 4000), there = side(theirs, 5000);
    const auto offered = sdp::Session::parse(sdp::offer(here).text());
    REQUIRE(offered);
    const auto answered = sdp::answer(*offered, there, false);
    REQUIRE(answered);
    const auto answer = sdp::Session::parse(answered->answer.text());
    const auto read = sdp::read_answer(*offered, here, *answer);
    REQUIRE(read);
    return {*read, answered->agreed};
}

}  // namespace

TEST_CASE("codecs from words") {
    const auto usual = codecs({});
    REQUIRE(usual.size() == 2);
    CHECK(usual[0].kind == CodecKind::pcmu);
    CHECK(usual[1].kind == CodecKind::pcma);
    CHECK(audio_rate(usual) == 8000);

    const auto wide = codecs({"OPUS", "g722", "l16/48000", "l16"}, 30);
    REQUIRE(wide.size() == 4);
    CHECK(wide[0].rate == 48000);
    CHECK(wide[0].ptime == 20);  // Opus has no 30 ms
    CHECK(wide[1].ptime == 30);
    CHECK(wide[2].ptime == 10);  // what fits into a datagram
    CHECK(wide[3].rate == 16000);
    CHECK(audio_rate(wide) == 48000);
    CHECK(codec_text(wide[0]) == "opus/48000");
    CHECK(codec_text(wide[1]) == "G722/8000");
    CHECK(audio_rate(codecs({"opus/16000", "pcmu"})) == 16000);

    for (const auto* bad : {"", "gsm", "opus/12000", "opus/48000/2", "pcmu/16000", "l16/", "g722/8000"}) {
        CAPTURE(bad);
        CHECK_FALSE(read_codecs({bad}, 20));
    }
    CHECK_FALSE(read_codecs({"opus", "opus/16000"}, 20));
}

TEST_CASE("the offer names every codec and the answer's is used") {
    const auto ours = codecs({"opus", "g722", "l16", "pcmu", "pcma"});
    const auto offered = sdp::offer(side(ours, 4000)).text();
    for (const auto* line : {"a=rtpmap:96 opus/48000/2", "a=rtpmap:9 G722/8000", "a=rtpmap:98 L16/16000", "useinbandfec=1"}) {
        CAPTURE(line);
        CHECK(offered.find(line) != std::string::npos);
    }
    const auto got = [&](const std::vector<std::string>& theirs) {
        const auto pair = agree(ours, codecs(theirs));
        const auto format = format_of(pair.caller, ours);
        REQUIRE(format);
        CHECK(format == format_of(pair.callee, codecs(theirs)));
        return codec_text(*format);
    };
    CHECK(got({"opus", "pcmu"}) == "opus/48000");
    CHECK(got({"pcma", "g722"}) == "G722/8000");  // the offer's order
    CHECK(got({"pcma", "pcmu"}) == "PCMU/8000");
    CHECK(got({"l16"}) == "L16/16000");
    CHECK_FALSE(format_of(agree(ours, ours).caller, codecs({"pcmu"})));
}

TEST_CASE("an Opus peer is sent what it asks for") {
    const auto ours = codecs({"opus"});
    auto pair = agree(ours, ours);
    pair.caller.codec.format_parameters = "maxplaybackrate=20000;maxaveragebitrate=16000";
    const auto format = format_of(pair.caller, ours);
    REQUIRE(format);
    CHECK(format->rate == 16000);
    CHECK(format->bitrate == 16000);
    CHECK_FALSE(format->fec);
}

TEST_CASE("a tone and keys go from one endpoint to another, whatever the codec and the length of packets") {
    struct Row {
        const char* codec;
        unsigned ptime;
        double hertz;
        std::uint32_t event_clock_rate = 0;  // 0: the codec's
    };
    const Row rows[] = {{"pcmu", 20, 1000}, {"pcma", 10, 1000}, {"pcmu", 30, 1000},  {"pcmu", 60, 1000},  {"g722", 20, 6000}, {"g722", 40, 1000},
                        {"opus", 20, 9000}, {"opus", 20, 9000, 8000}, {"opus", 60, 1000}, {"opus/8000", 10, 1000}, {"l16", 20, 6000}, {"l16/48000", 10, 15000}};
    for (const auto& row : rows) {
        CAPTURE(row.codec, row.ptime, row.hertz);
        const auto ours = codecs({row.codec}, row.ptime);
        const auto rate = audio_rate(ours);
        auto pair = agree(ours, ours);
        if (row.event_clock_rate != 0) pair.caller.event_clock_rate = row.event_clock_rate;
        auto from = Endpoint::create(pair.caller, ours, rate, base::Seed{1});
        auto to = Endpoint::create(pair.callee, ours, rate, base::Seed{2});
        REQUIRE(from);
        REQUIRE(to);
        from->dial("5");
        ToneMaker tone(row.hertz, -20, rate);
        std::vector<std::int16_t> voice(rate / 50), heard(rate / 50), late;
        std::array<std::uint8_t, 2000> wire;
        std::size_t keys = 0, frames = 0;
        std::optional<std::uint32_t> next;
        for (std::uint64_t tick = 0; tick < 120; ++tick) {
            std::ranges::fill(voice, std::int16_t{0});
            tone.add_to(voice);
            from->push(voice);
            for (auto packet = from->take(); !packet.empty(); packet = from->take()) {
                const auto rtp = media::RtpPacket::parse(packet);
                REQUIRE(rtp);
                if (rtp->payload_type != pair.caller.codec.payload_type) {
                    const auto event = media::TelephoneEvent::parse(rtp->payload);
                    REQUIRE(event);
                    CHECK(event->event == 5);
                    if (event->end) CHECK(event->duration == pair.caller.event_clock_rate / 10);
                    ++keys;
                    next.reset();
                    continue;
                }
                if (next) CHECK(rtp->timestamp == *next);
                next = rtp->timestamp + ours[0].clock_rate() * ours[0].ptime / 1000;
                std::ranges::copy(packet, wire.begin());
                to->receive(wire, packet.size(), tick);
            }
            frames += to->pull(tick, heard);
            if (tick >= 70) late.insert(late.end(), heard.begin(), heard.end());
        }
        CHECK(keys >= 5);
        CHECK(frames > 90);
        CHECK(to->counts().lost <= 6);
        CHECK(tone_level_db(late, row.hertz, rate) == Approx(-20).margin(1.5));
        CHECK(from->format().ptime == ours[0].ptime);
    }
}
