// Any bytes as a compound of RTCP, and as a packet of the stream that it reports on.
#include <cstddef>
#include <cstdint>

#include "base/check.hpp"
#include "media/rtcp.hpp"

using namespace confab::media;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes bytes(data, size);
    RtcpSession session(0x01010101, 1, 0);
    session.sent(160, 160, 1'000'000);
    session.receive(bytes, 2'000'000);
    if (session.round_trip_ms()) CHECK(*session.round_trip_ms() >= 0, "an answer before the question");
    if (const auto packet = RtpPacket::parse(bytes)) session.received(*packet, 2'000'000);
    RtcpSession::Compound out;
    CHECK(RtcpReport::parse(Bytes(out).first(session.compose(3'000'000, true, out)), 1), "our own report is malformed");
    return 0;
}
