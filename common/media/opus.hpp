// Opus (RFC 6716) over RTP (RFC 7587), mono; what a peer sends in stereo is mixed down. Lost packets come back from in-band forward error
// correction where the next one has it, and are concealed by the decoder otherwise.
#pragma once

#include <memory>

#include "media/codec.hpp"

namespace confab::media {

std::unique_ptr<Encoder> make_opus_encoder(const CodecFormat& format);
std::unique_ptr<Decoder> make_opus_decoder(const CodecFormat& format);

std::size_t opus_samples_in(std::uint32_t rate, Bytes payload);  // 0: malformed
// 0: every frame is absent (DTX), or flagged as not voice (SILK and hybrid, RFC 6716 §4.2.3), or flagged as silence (CELT, §4.3).
std::optional<int> opus_level(Bytes payload);

}  // namespace confab::media
