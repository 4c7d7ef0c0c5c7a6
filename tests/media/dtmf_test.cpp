#include "media/dtmf.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace confab::media;

namespace {

struct Sent {
    DigitSender::Frame frame;
    std::uint32_t clock;
};

std::vector<Sent> send(char digit, unsigned milliseconds, std::uint32_t clock) {
    DigitSender sender;
    sender.start(digit, milliseconds);
    std::vector<Sent> out;
    while (sender.active() && out.size() < 1000) {
        out.push_back({sender.next(), clock});
        clock += 160;
    }
    return out;
}

RtpPacket packet_of(const Sent& sent, std::uint32_t ssrc = 1) {
    RtpPacket packet;
    packet.marker = sent.frame.marker;
    packet.timestamp = sent.clock - sent.frame.timestamp_offset;
    packet.ssrc = ssrc;
    packet.payload = sent.frame.payload;
    return packet;
}

}  // namespace

TEST_CASE("a digit's packets name one event, grow and end three times", "[dtmf]") {
    const auto sent = send('5', 100, 5000);
    REQUIRE(sent.size() == 7);
    for (std::size_t i = 0; i < sent.size(); ++i) {
        CAPTURE(i);
        const auto event = TelephoneEvent::parse(sent[i].frame.payload);
        REQUIRE(event);
        CHECK(sent[i].clock - sent[i].frame.timestamp_offset == 5000);
        CHECK(sent[i].frame.marker == (i == 0));
        CHECK(event->event == 5);
        CHECK(event->end == (i >= 4));
        CHECK(event->duration == (i < 4 ? 160 * (i + 1) : 800));
        CHECK(event->volume == 10);
    }
}

TEST_CASE("lengths are bounded and unknown digits send nothing", "[dtmf]") {
    CHECK(send('1', 0, 0).size() == 3);
    CHECK(send('1', 1, 0).size() == 3);
    CHECK(send('1', 10'000'000, 0).size() == 409 + 2);
    CHECK(send('x', 100, 0).empty());
}

TEST_CASE("each digit comes out once, whatever was lost, repeated or reordered", "[dtmf]") {
    const std::string keys = "1234#*0ABCD99";
    for (unsigned keep = 1; keep < 128; ++keep) {  // which of the seven packets arrive
        DigitReceiver receiver;
        std::string got;
        std::uint32_t clock = 0xffffff00;  // the timestamp wraps on the way
        for (char key : keys) {
            const auto sent = send(key, 100, clock);
            for (std::size_t i = 0; i < sent.size(); ++i)
                if (keep >> i & 1)
                    for (int repeat = 0; repeat < 2; ++repeat)
                        if (const auto digit = receiver.receive(packet_of(sent[i]))) got += *digit;
            clock += 160 * 12;
        }
        CAPTURE(keep);
        REQUIRE(got == keys);
    }
}

TEST_CASE("a late packet of an older event does not repeat it, another sender starts anew", "[dtmf]") {
    DigitReceiver receiver;
    const auto first = send('1', 100, 1000), second = send('2', 100, 4000);
    CHECK(receiver.receive(packet_of(first[0])) == '1');
    CHECK(receiver.receive(packet_of(second[0])) == '2');
    CHECK_FALSE(receiver.receive(packet_of(first[6])));
    CHECK_FALSE(receiver.receive(packet_of(second[6])));
    CHECK(receiver.receive(packet_of(first[0], 2)) == '1');
}

TEST_CASE("what is no digit is no digit", "[dtmf]") {
    DigitReceiver receiver;
    const std::uint8_t flash[4] = {16, 0x8a, 0, 160}, short_one[3] = {1, 0, 0};
    RtpPacket packet;
    packet.payload = flash;
    CHECK_FALSE(receiver.receive(packet));
    packet.payload = short_one;
    packet.timestamp = 1;
    CHECK_FALSE(receiver.receive(packet));
    CHECK_FALSE(TelephoneEvent::parse({}));
    for (char key : std::string("0123456789*#ABCD")) CHECK(digit_of(*event_of(key)) == key);
    CHECK(event_of('d') == event_of('D'));
    CHECK_FALSE(event_of('E'));
}
