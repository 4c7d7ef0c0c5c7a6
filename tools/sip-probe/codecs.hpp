// Which codecs a leg speaks: from the command line's words to formats, from formats to what is offered, and back from what was agreed. Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "media/codec.hpp"
#include "sdp/offer_answer.hpp"

namespace confab::probe {

using Codecs = std::vector<media::CodecFormat>;  // in order of preference; each once

// "pcmu", "g722", "opus", "opus/16000", "l16/48000"; none: PCMU and PCMA. An error is a sentence.
std::expected<Codecs, std::string> read_codecs(const std::vector<std::string>& words, unsigned ptime);

// Samples a second that the widest of them carries: what the leg's owner hears and says.
std::uint32_t audio_rate(const Codecs& codecs);

std::vector<sdp::Capability> capabilities(const Codecs& codecs);

// What we send and expect after that agreement; empty: none of ours.
std::optional<media::CodecFormat> format_of(const sdp::Agreed& agreed, const Codecs& ours);

// "opus/48000", as an rtpmap begins.
std::string codec_text(const media::CodecFormat& format);

}  // namespace confab::probe
