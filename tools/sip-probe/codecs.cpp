#include "sip-probe/codecs.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "sdp/opus_parameters.hpp"

namespace confab::probe {
namespace {

using media::CodecFormat;
using media::CodecKind;

constexpr std::uint8_t kFirstDynamic = 96;

struct Word {
    std::string_view name;
    CodecKind kind;
    std::uint32_t rate;  // where the word names none
};
constexpr Word kWords[] = {
    {"pcmu", CodecKind::pcmu, 8000}, {"pcma", CodecKind::pcma, 8000}, {"g722", CodecKind::g722, 16000}, {"opus", CodecKind::opus, 48000}, {"l16", CodecKind::l16, 16000}};

std::optional<CodecFormat> read_codec(std::string_view text, unsigned ptime) {
    const auto parts = base::split(text, '/');
    const auto word = std::ranges::find_if(kWords, [&parts](const Word& known) { return base::iequals(known.name, parts[0]); });
    if (word == std::end(kWords) || parts.size() > 2) return std::nullopt;
    CodecFormat format{.kind = word->kind, .rate = word->rate};
    if (parts.size() == 2) {
        const auto rate = base::parse_number<std::uint32_t>(parts[1]);
        if (!rate) return std::nullopt;
        format.rate = *rate;
    }
    format.ptime = format.nearest_ptime(ptime);
    if (!format.is_possible()) return std::nullopt;
    return format;
}

std::uint8_t payload_type(const CodecFormat& format, std::size_t place) {
    switch (format.kind) {
        case CodecKind::pcmu:
            return 0;
        case CodecKind::pcma:
            return 8;
        case CodecKind::g722:
            return 9;
        default:
            return static_cast<std::uint8_t>(kFirstDynamic + place);
    }
}

bool is_same(const CodecFormat& a, const CodecFormat& b) { return a.kind == b.kind && a.clock_rate() == b.clock_rate(); }

// The peer's wishes for what it is sent (RFC 7587 §6.1); our own rate is the most that we have.
void heed(CodecFormat& format, const sdp::OpusParameters& wishes) {
    const auto most = std::min(format.rate, wishes.max_playback_rate);
    for (const std::uint32_t rate : {8000U, 16000U, 24000U, 48000U})
        if (rate <= most) format.rate = rate;
    format.fec = wishes.in_band_fec;
    format.bitrate = wishes.max_average_bitrate;
}

}  // namespace

std::expected<Codecs, std::string> read_codecs(const std::vector<std::string>& words, unsigned ptime) {
    Codecs codecs;
    for (const auto& word : words.empty() ? std::vector<std::string>{"pcmu", "pcma"} : words) {
        const auto format = read_codec(word, ptime);
        if (!format)
            return std::unexpected("expected pcmu, pcma, g722, opus or l16, the last two perhaps with /8000, /16000, /24000 or /48000, got '" + word + "'");
        if (std::ranges::any_of(codecs, [&format](const CodecFormat& other) { return is_same(*format, other); }))
            return std::unexpected("'" + word + "' stands there twice");
        codecs.push_back(*format);
    }
    return codecs;
}

std::uint32_t audio_rate(const Codecs& codecs) {
    std::uint32_t rate = 8000;
    for (const auto& format : codecs) rate = std::max(rate, format.rate);
    return rate;
}

std::vector<sdp::Capability> capabilities(const Codecs& codecs) {
    std::vector<sdp::Capability> out;
    for (const auto& format : codecs) {
        sdp::Capability own;
        own.name = media::encoding_name(format.kind);
        own.payload_type = payload_type(format, out.size());
        own.clock_rate = format.clock_rate();
        own.longest_ptime = format.nearest_ptime(60);
        if (format.kind == CodecKind::opus) {
            own.channels = 2;  // RFC 7587 §7: always, whatever is sent
            own.has_30_ms = false;
            own.format_parameters = sdp::OpusParameters{.max_playback_rate = format.rate, .in_band_fec = true}.text();
        }
        out.push_back(std::move(own));
    }
    return out;
}

std::optional<CodecFormat> format_of(const sdp::Agreed& agreed, const Codecs& ours) {
    const auto kind = media::codec_of(agreed.codec.name, agreed.codec.clock_rate);
    const auto own = std::ranges::find_if(
        ours, [&](const CodecFormat& format) { return kind == format.kind && format.clock_rate() == agreed.codec.clock_rate; });
    if (own == ours.end()) return std::nullopt;
    CodecFormat format = *own;
    if (format.kind == CodecKind::opus) heed(format, sdp::OpusParameters::parse(agreed.codec.format_parameters));
    format.ptime = format.nearest_ptime(agreed.ptime);
    return format;
}

std::string codec_text(const CodecFormat& format) {
    return std::string(media::encoding_name(format.kind)) + "/" + std::to_string(format.clock_rate());
}

}  // namespace confab::probe
