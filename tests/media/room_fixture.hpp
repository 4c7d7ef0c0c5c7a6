// A room with peers that send and hear, for the room's tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <vector>

#include "media/g711.hpp"
#include "media/room.hpp"
#include "media/signals.hpp"

namespace confab::media::test {

inline G711 law_of(const LegFormat& format) { return format.codec.kind == CodecKind::pcma ? G711::pcma : G711::pcmu; }

inline std::vector<std::uint8_t> coded(G711 law, const Signal& samples) {
    std::vector<std::uint8_t> codes(samples.size());
    encode(law, samples, codes);
    return codes;
}

struct Peer {
    LegId id;
    LegFormat format;
    std::uint32_t ssrc = 0;
    std::uint16_t sequence = 100;
    std::uint32_t timestamp = 0;
    std::uint32_t position = 0;  // of the tone
    double hertz = 0, amplitude = 0;
    Signal heard;
    std::vector<RtpPacket> packets;
    std::vector<std::uint8_t> codes;  // the last packet's

    std::vector<std::uint8_t> tone(std::size_t samples = kFrame) {
        Signal pcm(samples);
        for (auto& one : pcm)
            one = static_cast<std::int16_t>(std::lround(amplitude * std::sin(2 * std::numbers::pi * hertz * position++ / 8000)));
        return coded(law_of(format), pcm);
    }
    std::vector<std::uint8_t> packet(const std::vector<std::uint8_t>& payload, int payload_type = -1, bool marker = false) {
        std::vector<std::uint8_t> out(kRtpHeader);
        const auto type = static_cast<std::uint8_t>(payload_type < 0 ? format.payload_type : payload_type);
        write_rtp_header(std::span(out).first<kRtpHeader>(), marker, type, sequence++, timestamp, ssrc);
        timestamp += static_cast<std::uint32_t>(payload.size());
        out.insert(out.end(), payload.begin(), payload.end());
        return out;
    }
    // How loud a frequency was in the last samples.
    double hears(double at, std::size_t last = 4000) const {
        return amplitude_of(std::span(heard).last(std::min(last, heard.size())), at, 8000);
    }
};

struct RoomFixture {
    Room room;
    RoomOutput out;
    std::map<std::uint32_t, Peer> peers;
    std::vector<RoomEvent> events;  // of the last tick

    explicit RoomFixture(const RoomPolicy& policy = {}) : room(policy) {}

    Peer& add(std::uint32_t id, G711 law = G711::pcmu, LegFormat format = {}) {
        format.codec.kind = law == G711::pcma ? CodecKind::pcma : CodecKind::pcmu;
        format.payload_type = static_payload_type(law);
        room.add({id}, format, {1000 + id, 65530, 4000000000u});
        Peer& peer = peers[id];
        peer.id = {id};
        peer.format = format;
        peer.ssrc = 5000 + id;
        return peer;
    }
    void format(Peer& peer, const LegFormat& format) {
        peer.format = format;
        room.set_format(peer.id, format);
    }
    void send(Peer& peer, const std::vector<std::uint8_t>& payload, int payload_type = -1) {
        room.receive(peer.id, peer.packet(payload, payload_type));
    }
    // The peers that have a tone send a frame of it; then one tick.
    void tick() {
        for (auto& [id, peer] : peers)
            if (peer.amplitude > 0) send(peer, peer.tone());
        turn();
    }
    void turn() {
        room.tick(out);
        events = out.events;
        for (auto& [id, peer] : peers) peer.codes.clear();
        for (const auto& packet : out.packets) {
            auto found = peers.find(packet.leg.value);
            if (found == peers.end()) continue;
            Peer& peer = found->second;
            peer.codes.assign(packet.payload.begin(), packet.payload.end());
            peer.packets.push_back(*RtpPacket::parse(packet.header));
            std::array<std::int16_t, kFrame> pcm{};
            decode(law_of(peer.format), peer.codes, pcm);
            peer.heard.insert(peer.heard.end(), pcm.begin(), pcm.end());
        }
    }
    void run(int ticks) {
        while (ticks-- > 0) tick();
    }
    int count(RoomEvent::Kind kind, std::uint32_t leg) const {
        return static_cast<int>(
            std::ranges::count_if(events, [=](const RoomEvent& event) { return event.kind == kind && event.leg.value == leg; }));
    }
};

inline bool all_silent(const Peer& peer) {
    return !peer.codes.empty() && std::ranges::all_of(peer.codes, [&](std::uint8_t code) { return code == silence(law_of(peer.format)); });
}

}  // namespace confab::media::test
