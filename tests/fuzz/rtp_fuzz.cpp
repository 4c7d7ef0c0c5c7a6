// Any bytes as a run of packets into everything that takes packets: parser, digits, SRTP, relay and a room that ticks.
// Each packet is preceded by an octet: its length modulo 64, and in the upper bits whether the room ticks after it.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.hpp"
#include "media/relay.hpp"
#include "media/room.hpp"

using namespace confab;
using namespace confab::media;

namespace {

struct World {
    Room room{RoomPolicy{}};
    RoomOutput out;
    Relay relay;
    Srtp receive = *Srtp::create(Srtp::Direction::receive, "AES_CM_128_HMAC_SHA1_80", std::string(30, 'k'));
    base::SocketAddress outside = *base::SocketAddress::parse("192.0.2.1:4000"), inside = *base::SocketAddress::parse("10.0.0.1:4000");

    World() {
        LegFormat format;
        format.telephone_event = 101;
        room.add({1}, format, {1, 0, 0});
        format.codec.kind = CodecKind::pcma;
        format.payload_type = 8;
        room.add({2}, format, {2, 0, 0});
        relay.set_remote(Side::outside, outside);
        relay.set_remote(Side::inside, inside);
        relay.set_keys(Side::outside, {});
    }

    void packet(Bytes bytes) {
        if (const auto rtp = RtpPacket::parse(bytes))
            CHECK(rtp->header_size + rtp->payload.size() <= bytes.size(), "payload outside the packet");
        room.receive({1}, bytes);
        room.receive({2}, bytes);
        std::array<std::uint8_t, 128> buffer{};
        std::copy(bytes.begin(), bytes.end(), buffer.begin());
        (void)receive.unprotect(buffer, bytes.size());
        std::copy(bytes.begin(), bytes.end(), buffer.begin());
        (void)receive.unprotect_rtcp(buffer, bytes.size());
        for (bool rtcp : {false, true}) {
            std::copy(bytes.begin(), bytes.end(), buffer.begin());
            const auto relayed = relay.receive({}, Side::outside, outside, rtcp, buffer, bytes.size());
            if (relayed) CHECK(relayed->size == bytes.size(), "a clear packet changed its size");
        }
    }

    void tick() {
        room.tick(out);
        CHECK(out.packets.size() == 2, "a tick sends to both legs");
        for (const auto& sent : out.packets) CHECK(sent.payload.size() == kFrame, "a frame is 20 ms");
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    World world;
    Bytes rest(data, size);
    while (!rest.empty()) {
        const std::uint8_t head = rest[0];
        rest = rest.subspan(1);
        const std::size_t length = std::min<std::size_t>(head & 63, rest.size());
        world.packet(rest.first(length));
        rest = rest.subspan(length);
        if (head & 64) world.tick();
    }
    world.tick();
    return 0;
}
