// G.722 at 64 kbit/s (ITU-T G.722; RFC 3551 §4.5.2): 16 kHz, two samples in an octet.
#pragma once

#include <memory>
#include <optional>

#include "media/codec.hpp"

namespace confab::media {

std::unique_ptr<Encoder> make_g722_encoder(const CodecFormat& format);
std::unique_ptr<Decoder> make_g722_decoder(const CodecFormat& format);

// 0: nothing but zeros, as muted phones send, or what is as soft (under -75 dBov). Empty: only decoding tells.
std::optional<int> g722_level(Bytes payload);

}  // namespace confab::media
