#include "conf-bridge/agreement.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "media/srtp.hpp"
#include "sdp/opus_parameters.hpp"

namespace confab::bridge {
namespace {

using media::CodecKind;

constexpr std::uint8_t kOpusType = 96, kFirstL16Type = 97, kEventType = 101, kLastType = 127;
constexpr std::uint8_t kLevelExtension = 1;
constexpr std::uint16_t kLongestPtime = 60;
constexpr std::uint32_t kOpusRates[] = {48'000, 24'000, 16'000, 8'000};

struct NamedCodec {
    std::string_view name;
    CodecKind kind;
};
constexpr NamedCodec kNames[] = {
    {"opus", CodecKind::opus}, {"g722", CodecKind::g722}, {"pcmu", CodecKind::pcmu}, {"pcma", CodecKind::pcma}, {"l16", CodecKind::l16}};

// L16 of one packet must fit a datagram.
struct L16Row {
    std::uint32_t rate;
    std::uint16_t longest_ptime;
};
constexpr L16Row kL16[] = {{48'000, 10}, {16'000, 40}, {8'000, 60}};

std::string opus_parameters(const AgreementKeys& keys) {
    return sdp::OpusParameters{
        .max_playback_rate = keys.opus_rate, .max_average_bitrate = keys.opus_bitrate, .in_band_fec = keys.opus_fec, .dtx = keys.opus_dtx}
        .text();
}

void add(std::vector<sdp::Capability>& out, CodecKind kind, const AgreementKeys& keys) {
    const std::string name(media::encoding_name(kind));
    switch (kind) {
        case CodecKind::opus: out.push_back({name, kOpusType, 48'000, 2, opus_parameters(keys), kLongestPtime, false}); break;
        case CodecKind::g722: out.push_back({name, 9, 8'000}); break;
        case CodecKind::pcmu: out.push_back({name, 0, 8'000}); break;
        case CodecKind::pcma: out.push_back({name, 8, 8'000}); break;
        case CodecKind::l16:
            for (std::uint8_t type = kFirstL16Type; const auto& row : kL16) out.push_back({name, type++, row.rate, 1, {}, row.longest_ptime});
            break;
    }
}

bool is_agreed(const sdp::Capability& own, const sdp::Agreed& agreed) {
    return base::iequals(own.name, agreed.codec.name) && own.clock_rate == agreed.codec.clock_rate;
}

// A number that either side has bound to one thing names nothing else in an offer of ours.
void keep_numbers(sdp::LocalMedia& local, const sdp::Agreed& agreed) {
    const auto is_bound = [&](std::uint8_t type) {
        return type == agreed.codec.payload_type || type == agreed.telephone_event || type == agreed.offered_type || type == agreed.offered_event;
    };
    std::uint8_t free = kEventType;
    const auto next_free = [&] {
        while (++free < kLastType && is_bound(free)) continue;
        return free;
    };
    for (auto& own : local.codecs) {
        if (is_agreed(own, agreed))
            own.payload_type = agreed.offered_type.value_or(agreed.codec.payload_type);
        else if (is_bound(own.payload_type))
            own.payload_type = next_free();
    }
    if (agreed.telephone_event && agreed.event_clock_rate == 8'000)
        local.telephone_event = agreed.offered_event.value_or(*agreed.telephone_event);
    else if (is_bound(*local.telephone_event))
        local.telephone_event = next_free();
}

std::uint32_t opus_rate(std::uint32_t most) {
    const auto fits = std::ranges::find_if(kOpusRates, [most](std::uint32_t rate) { return rate <= most; });
    return fits == std::end(kOpusRates) ? kOpusRates[std::size(kOpusRates) - 1] : *fits;
}

// What both want: FEC and DTX towards the peer are for the peer to ask (RFC 7587 §6.1), bounds are the lower ones.
void shape_opus(media::CodecFormat& format, const std::string& theirs, const AgreementKeys& keys) {
    const auto wish = sdp::OpusParameters::parse(theirs);
    format.rate = opus_rate(std::min(keys.opus_rate, wish.max_playback_rate));
    format.bitrate = keys.opus_bitrate;
    if (wish.max_average_bitrate != 0 && (format.bitrate == 0 || wish.max_average_bitrate < format.bitrate)) format.bitrate = wish.max_average_bitrate;
    format.complexity = static_cast<std::uint8_t>(keys.opus_complexity);
    format.fec = keys.opus_fec && wish.in_band_fec;
    format.dtx = keys.opus_dtx && wish.dtx;
}

int number_or_none(const std::optional<std::uint8_t>& number) { return number ? *number : -1; }

// The other codecs would each need a decoder of its own; the other law of G.711 does not.
int other_law(const sdp::Agreed& agreed, CodecKind kind) {
    if (kind != CodecKind::pcmu && kind != CodecKind::pcma) return -1;
    const auto wanted = kind == CodecKind::pcmu ? CodecKind::pcma : CodecKind::pcmu;
    const auto found = std::ranges::find_if(agreed.others, [wanted](const sdp::Codec& codec) { return media::codec_of(codec.name, codec.clock_rate) == wanted; });
    return found == agreed.others.end() ? -1 : found->payload_type;
}

}  // namespace

config::Table agreement_keys() {
    using config::key;
    return {
        key("codecs", &AgreementKeys::codecs, "opus g722 pcmu pcma l16", "Codecs that are taken and offered, the preferred first.").is_live(),
        key("codec-preference", &AgreementKeys::codec_preference, "caller",
            "caller: the first codec of the caller's list that the bridge has. bridge: the first of codecs that the caller has.")
            .is_live(),
        key("ptime", &AgreementKeys::ptime, "20", "Milliseconds of sound in a packet, where the caller asks for nothing else: 10, 20, 30, 40 or 60.")
            .between(10, 60)
            .is_live(),
        key("opus-bitrate", &AgreementKeys::opus_bitrate, "32000",
            "Bits a second of Opus; a caller may ask for less. 0: Opus decides. From 32000 on, without error correction and pauses, a mix is coded as it sounds, else as a voice.")
            .between(0, 510'000)
            .is_live(),
        key("opus-complexity", &AgreementKeys::opus_complexity, "5", "How much work Opus puts into an encoding.").between(0, 10).is_live(),
        key("opus-rate", &AgreementKeys::opus_rate, "48000", "Highest sampling rate of Opus: 8000, 16000, 24000 or 48000.")
            .between(8'000, 48'000)
            .is_live(),
        key("opus-fec", &AgreementKeys::opus_fec, "yes", "Whether Opus carries what mends a lost packet, towards callers that ask for it.").is_live(),
        key("opus-dtx", &AgreementKeys::opus_dtx, "no", "Whether Opus sends nothing in silence, towards callers that ask for it.").is_live(),
        key("levels", &AgreementKeys::levels, "yes",
            "Whether callers may tell how loud their packets are (RFC 6464), so that their silence need not be decoded.")
            .is_live(),
        key("srtp", &AgreementKeys::srtp, "off",
            "SRTP with keys in the SDP (RFC 4568). off: plain RTP alone. optional: as the caller offers. required: others get 488.")
            .is_live(),
    };
}

void check_agreement(const AgreementKeys& keys, const config::Entries& entries, config::Problems& problems) {
    if (keys.ptime % 10 != 0 || keys.ptime == 50)
        complain(entries, problems, "ptime", "10, 20, 30, 40 or 60", std::to_string(keys.ptime));
    if (std::ranges::find(kOpusRates, keys.opus_rate) == std::end(kOpusRates))
        complain(entries, problems, "opus-rate", "8000, 16000, 24000 or 48000", std::to_string(keys.opus_rate));
    if (keys.opus_bitrate != 0 && keys.opus_bitrate < 6'000)
        complain(entries, problems, "opus-bitrate", "0, or from 6000 to 510000", std::to_string(keys.opus_bitrate));
}

sdp::LocalMedia capabilities(const AgreementKeys& keys, const std::optional<sdp::Agreed>& agreed) {
    sdp::LocalMedia local;
    for (const auto kind : keys.codecs.order) add(local.codecs, kind, keys);
    local.own_order = keys.codec_preference == CodecPreference::bridge;
    local.telephone_event = kEventType;
    if (keys.levels) local.level_extension = agreed && agreed->level_extension ? agreed->level_extension->id : kLevelExtension;
    local.ptime = static_cast<std::uint16_t>(keys.ptime);
    local.max_ptime = kLongestPtime;
    if (agreed) keep_numbers(local, *agreed);
    return local;
}

std::vector<sdp::Crypto> make_cryptos(base::Random& random) {
    static constexpr std::string_view kSuites[] = {"AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"};
    std::vector<sdp::Crypto> out;
    for (const auto suite : kSuites) {
        std::string key(media::srtp_key_size(suite), '\0');
        random.fill({reinterpret_cast<std::uint8_t*>(key.data()), key.size()});
        out.push_back({static_cast<std::uint32_t>(out.size() + 1), std::string(suite), std::move(key)});
    }
    return out;
}

media::LegFormat format_of(const sdp::Agreed& agreed, const AgreementKeys& keys) {
    media::LegFormat format;
    auto& codec = format.codec;
    codec.kind = media::codec_of(agreed.codec.name, agreed.codec.clock_rate).value_or(CodecKind::pcmu);
    if (codec.kind == CodecKind::g722) codec.rate = 16'000;
    if (codec.kind == CodecKind::l16) codec.rate = agreed.codec.clock_rate;
    if (codec.kind == CodecKind::opus) shape_opus(codec, agreed.codec.format_parameters, keys);
    codec.ptime = agreed.ptime;
    format.payload_type = agreed.codec.payload_type;
    format.telephone_event = number_or_none(agreed.telephone_event);
    format.offered_type = number_or_none(agreed.offered_type);
    format.offered_event = number_or_none(agreed.offered_event);
    format.other_law = other_law(agreed, codec.kind);
    if (agreed.level_extension) format.level_extension = agreed.level_extension->id;
    format.sends = agreed.direction == sdp::Direction::sendrecv || agreed.direction == sdp::Direction::sendonly;
    format.receives = agreed.direction == sdp::Direction::sendrecv || agreed.direction == sdp::Direction::recvonly;
    format.held = agreed.held;
    return format;
}

std::optional<MediaKeys> keys_of(const std::optional<sdp::Agreed>& agreed) {
    if (!agreed || !agreed->local_crypto || !agreed->remote_crypto) return std::nullopt;
    return MediaKeys{agreed->local_crypto->suite, agreed->local_crypto->key, agreed->remote_crypto->key};
}

}  // namespace confab::bridge

namespace confab::config {

using bridge::AgreementKeys;

std::optional<AgreementKeys::Codecs> Value<AgreementKeys::Codecs>::parse(std::string_view text) {
    AgreementKeys::Codecs out;
    for (const auto word : base::split(text, ' ')) {
        if (word.empty()) continue;
        const auto known = std::ranges::find(bridge::kNames, word, &bridge::NamedCodec::name);
        if (known == std::end(bridge::kNames) || std::ranges::find(out.order, known->kind) != out.order.end()) return std::nullopt;
        out.order.push_back(known->kind);
    }
    return out.order.empty() ? std::nullopt : std::optional(std::move(out));
}

std::optional<bridge::CodecPreference> Value<bridge::CodecPreference>::parse(std::string_view text) {
    using bridge::CodecPreference;
    static constexpr Word<CodecPreference> kWords[] = {{"caller", CodecPreference::caller}, {"bridge", CodecPreference::bridge}};
    return parse_word(text, kWords);
}

std::optional<bridge::SrtpUse> Value<bridge::SrtpUse>::parse(std::string_view text) {
    using bridge::SrtpUse;
    static constexpr Word<SrtpUse> kWords[] = {{"off", SrtpUse::off}, {"optional", SrtpUse::optional}, {"required", SrtpUse::required}};
    return parse_word(text, kWords);
}

}  // namespace confab::config
