// What a leg offers of media, and what an agreement (RFC 3264) means for its media thread: codecs in the operator's order, with Opus as
// configured and as the peer asks (RFC 7587 §6.1), and SRTP keys (RFC 4568). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "conf-bridge/media_link.hpp"
#include "config/table.hpp"
#include "media/room.hpp"
#include "sdp/offer_answer.hpp"

namespace confab::bridge {

using CodecOrder = std::vector<media::CodecKind>;
enum class CodecPreference : std::uint8_t { caller, bridge };  // whose order decides
enum class SrtpUse : std::uint8_t { off, optional, required };

// Config inherits these.
struct AgreementKeys {
    struct Codecs {
        CodecOrder order;
    } codecs;
    CodecPreference codec_preference = CodecPreference::caller;
    std::uint32_t ptime = 20;
    std::uint32_t opus_bitrate = 0, opus_complexity = 5, opus_rate = 48'000;
    bool opus_fec = true, opus_dtx = false;
    bool levels = true;
    SrtpUse srtp = SrtpUse::off;
};
config::Table agreement_keys();
void check_agreement(const AgreementKeys& keys, const config::Entries& entries, config::Problems& problems);

// What we can do; the caller fills in address, session and keys. Where something is agreed already, its payload types keep their codecs
// (RFC 3264 §8.3.2).
sdp::LocalMedia capabilities(const AgreementKeys& keys, const std::optional<sdp::Agreed>& agreed);
// One crypto of each suite that we have, for one leg and all of its life: another key would restart its streams.
std::vector<sdp::Crypto> make_cryptos(base::Random& random);

media::LegFormat format_of(const sdp::Agreed& agreed, const AgreementKeys& keys);
std::optional<MediaKeys> keys_of(const std::optional<sdp::Agreed>& agreed);

}  // namespace confab::bridge

template <>
struct confab::config::Value<confab::bridge::AgreementKeys::Codecs> {
    static std::string_view expected() { return "names among opus, g722, pcmu, pcma and l16, each once"; }
    static std::optional<confab::bridge::AgreementKeys::Codecs> parse(std::string_view text);
};
template <>
struct confab::config::Value<confab::bridge::CodecPreference> {
    static std::string_view expected() { return "caller or bridge"; }
    static std::optional<confab::bridge::CodecPreference> parse(std::string_view text);
};
template <>
struct confab::config::Value<confab::bridge::SrtpUse> {
    static std::string_view expected() { return "off, optional or required"; }
    static std::optional<confab::bridge::SrtpUse> parse(std::string_view text);
};
