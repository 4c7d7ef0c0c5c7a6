// The steady state of a room allocates nothing.
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>

#include "media/allocations.hpp"
#include "media/room_fixture.hpp"

namespace confab::media::test {
std::atomic<std::uint64_t> allocations{0};
}
using confab::media::test::allocations;

// g++ sees malloc behind the one and free behind the other only where it inlines.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size ? size : 1)) return memory;
    throw std::bad_alloc();
}
// The sanitizer has one of its own for this form; both must come from the same place as the delete below.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    ++allocations;
    return std::malloc(size ? size : 1);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

using namespace confab::media;
using namespace confab::media::test;

TEST_CASE("a warm room of fifty legs allocates nothing", "[room]") {
    Room room{RoomPolicy{}};
    RoomOutput out;
    std::vector<Peer> peers(50);
    // All packets are made before anything is counted; every seventh is lost, and each leg presses keys.
    constexpr std::size_t kTicks = 600, kWarm = 400;
    std::vector<std::vector<std::vector<std::uint8_t>>> traffic(kTicks);
    for (std::uint32_t i = 0; i < peers.size(); ++i) {
        auto& peer = peers[i];
        peer.id = {i};
        peer.ssrc = i;
        peer.format.codec.kind = i % 2 ? CodecKind::pcma : CodecKind::pcmu;
        peer.format.payload_type = static_payload_type(law_of(peer.format));
        peer.format.telephone_event = 101;
        peer.hertz = 300 + 20 * i;
        REQUIRE(room.add(peer.id, peer.format, {i, 0, 0}));
    }
    auto prompt = std::make_shared<Sound>(8000, std::vector<std::int16_t>(8000, 1000));
    for (std::size_t tick = 0; tick < kTicks; ++tick)
        for (auto& peer : peers) {
            peer.amplitude = (tick / 20 + peer.id.value) % 10 < 3 ? 4000 : 0;
            auto packet = tick % 40 == peer.id.value % 40 ? peer.packet({1, 0x8a, 0, 160}, 101) : peer.packet(peer.tone());
            if ((tick + peer.id.value) % 7 == 0) packet.clear();
            traffic[tick].push_back(std::move(packet));
        }
    std::uint64_t before = 0, packets = 0, events = 0;
    for (std::size_t tick = 0; tick < kTicks; ++tick) {
        if (tick == kWarm) before = allocations;
        for (std::size_t i = 0; i < peers.size(); ++i) room.receive(peers[i].id, traffic[tick][i]);
        if (tick % 100 == 0) {
            const std::uint64_t commanded = allocations;
            room.play({3}, prompt);
            if (tick >= kWarm) before += allocations - commanded;
        }
        room.set_muted({4}, tick % 2 == 0);
        room.tick(out);
        packets += out.packets.size();
        events += out.events.size();
    }
    const std::uint64_t counted = allocations - before;
    CHECK(before > 0);  // the counter counts
    CHECK(counted == 0);
    CHECK(packets == kTicks * peers.size());
    CHECK(events > 100);
}
