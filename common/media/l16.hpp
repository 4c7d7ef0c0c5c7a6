// L16 (RFC 3551 §4.5.11): samples of 16 bits in network byte order.
#pragma once

#include <memory>

#include "media/codec.hpp"

namespace confab::media {

std::unique_ptr<Encoder> make_l16_encoder(const CodecFormat& format);
std::unique_ptr<Decoder> make_l16_decoder(const CodecFormat& format);
int l16_level(Bytes payload);

}  // namespace confab::media
