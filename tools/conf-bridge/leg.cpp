#include "conf-bridge/leg.hpp"

namespace confab::bridge {

media::LegFormat format_of(const sdp::Agreed& agreed) {
    media::LegFormat format;
    format.codec.kind = media::codec_of(agreed.codec.name, agreed.codec.clock_rate).value_or(media::CodecKind::pcmu);
    format.payload_type = agreed.codec.payload_type;
    format.telephone_event = agreed.telephone_event ? *agreed.telephone_event : -1;
    format.sends = agreed.direction == sdp::Direction::sendrecv || agreed.direction == sdp::Direction::sendonly;
    format.receives = agreed.direction == sdp::Direction::sendrecv || agreed.direction == sdp::Direction::recvonly;
    format.held = agreed.held;
    return format;
}

}  // namespace confab::bridge
