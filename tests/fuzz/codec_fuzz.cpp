// Any bytes as a run of payloads into every codec's decoder. The first octet chooses the format; then each payload is preceded by two: its
// length modulo 2048, and in the upper bits whether it is decoded, decoded into too little room, asked for the packet before it, or lost.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/check.hpp"
#include "media/codec.hpp"
#include "media/tones.hpp"

using namespace confab::media;

namespace {

constexpr std::array<std::uint32_t, 4> kRates = {8000, 16000, 24000, 48000};

CodecFormat chosen(std::uint8_t octet) {
    CodecFormat format{.kind = static_cast<CodecKind>(octet % 5), .rate = kRates[octet / 5 % 4], .ptime = 10};
    if (!format.is_possible()) format.rate = format.kind == CodecKind::g722 ? 16000 : 8000;
    return format;
}

void take(const CodecFormat& format, Decoder& decoder, DtmfDetector& keys, unsigned what, Bytes payload) {
    std::array<std::int16_t, kMaxPacketSamples> out;
    const std::size_t told = samples_in(format, payload);
    CHECK(told <= std::max<std::size_t>(kMaxPacketSamples, 2 * payload.size()), "samples from nowhere");
    const auto level = level_of(format, payload);
    CHECK(!level || (*level >= 0 && *level <= 32767), "a level that cannot be");
    std::size_t given = 0;
    switch (what % 4) {
        case 0:
            given = decoder.decode(payload, out);
            CHECK(given == 0 || given == told, "decoded to another length than was told");
            break;
        case 1:
            given = decoder.decode(payload, std::span(out).first(told > 0 ? std::min(out.size(), told - 1) : 0));
            CHECK(given == 0, "decoded into too little room");
            break;
        case 2:
            given = decoder.recover(payload, std::span(out).first(format.samples())) ? format.samples() : 0;
            break;
        default:
            given = payload.size() % 997;
            decoder.conceal(std::span(out).first(given));
    }
    if (format.rate != 8000) return;
    for (std::size_t at = 0; at < given; at += 160) (void)keys.hear(std::span(out).subspan(at, std::min<std::size_t>(160, given - at)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    if (size == 0) return 0;
    const auto format = chosen(octets[0]);
    const auto decoder = make_decoder(format);
    DtmfDetector keys;
    Bytes rest(octets + 1, size - 1);
    while (rest.size() >= 2) {
        const auto head = static_cast<unsigned>(rest[0] << 8 | rest[1]);
        rest = rest.subspan(2);
        const auto payload = rest.first(std::min<std::size_t>(head % 2048, rest.size()));
        take(format, *decoder, keys, head >> 11, payload);
        rest = rest.subspan(payload.size());
    }
    return 0;
}
