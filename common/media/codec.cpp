#include "media/codec.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/check.hpp"
#include "base/text.hpp"
#include "media/concealment.hpp"
#include "media/g711.hpp"
#include "media/g722.hpp"
#include "media/l16.hpp"
#include "media/opus.hpp"

namespace confab::media {
namespace {

constexpr std::array<std::uint16_t, 5> kPtimes = {10, 20, 30, 40, 60};
constexpr std::size_t kMaxL16 = 1440;  // octets that a datagram takes on any network, with all that stands before and behind them
constexpr std::array<std::string_view, 5> kNames = {"PCMU", "PCMA", "G722", "opus", "L16"};

G711 law_of(CodecKind kind) { return kind == CodecKind::pcmu ? G711::pcmu : G711::pcma; }

class G711Encoder final : public Encoder {
public:
    explicit G711Encoder(G711 law) : law_(law) {}
    std::size_t encode(std::span<const std::int16_t> frame, std::span<std::uint8_t> out) override {
        media::encode(law_, frame, out);
        return frame.size();
    }
    void take_state(const Encoder&) override {}

private:
    const G711 law_;
};

class G711Decoder final : public Decoder {
public:
    explicit G711Decoder(G711 law) : law_(law), concealment_(8000) {}
    std::size_t decode(Bytes payload, std::span<std::int16_t> out) override {
        if (payload.size() > out.size()) return 0;
        media::decode(law_, payload, out);
        concealment_.hear(out.first(payload.size()));
        return payload.size();
    }
    void conceal(std::span<std::int16_t> out) override { concealment_.fill(out); }
    bool recover(Bytes, std::span<std::int16_t>) override { return false; }

private:
    const G711 law_;
    Concealment concealment_;
};

bool has_rate(const CodecFormat& format) {
    switch (format.kind) {
        case CodecKind::pcmu:
        case CodecKind::pcma:
            return format.rate == 8000;
        case CodecKind::g722:
            return format.rate == 16000;
        case CodecKind::opus:
        case CodecKind::l16:
            break;
    }
    return format.rate == 8000 || format.rate == 16000 || format.rate == 24000 || format.rate == 48000;
}

}  // namespace

bool CodecFormat::is_possible() const {
    if (!has_rate(*this) || std::ranges::find(kPtimes, ptime) == kPtimes.end() || complexity > 10) return false;
    if (kind == CodecKind::opus) return ptime != 30;
    return kind != CodecKind::l16 || 2 * samples() <= kMaxL16;
}

std::uint16_t CodecFormat::nearest_ptime(unsigned asked) const {
    CodecFormat tried = *this;
    std::uint16_t nearest = kPtimes.front();
    for (const auto length : kPtimes) {
        tried.ptime = length;
        if (length <= asked && tried.is_possible()) nearest = length;
    }
    return nearest;
}

std::uint32_t CodecFormat::clock_rate() const {
    switch (kind) {
        case CodecKind::g722:
            return 8000;
        case CodecKind::opus:
            return 48000;
        default:
            return rate;
    }
}

std::unique_ptr<Encoder> make_encoder(const CodecFormat& format) {
    CHECK(format.is_possible(), "no encoder for " + std::string(encoding_name(format.kind)) + " at " + std::to_string(format.rate));
    switch (format.kind) {
        case CodecKind::g722:
            return make_g722_encoder(format);
        case CodecKind::opus:
            return make_opus_encoder(format);
        case CodecKind::l16:
            return make_l16_encoder(format);
        default:
            return std::make_unique<G711Encoder>(law_of(format.kind));
    }
}

std::unique_ptr<Decoder> make_decoder(const CodecFormat& format) {
    CHECK(format.is_possible(), "no decoder for " + std::string(encoding_name(format.kind)) + " at " + std::to_string(format.rate));
    switch (format.kind) {
        case CodecKind::g722:
            return make_g722_decoder(format);
        case CodecKind::opus:
            return make_opus_decoder(format);
        case CodecKind::l16:
            return make_l16_decoder(format);
        default:
            return std::make_unique<G711Decoder>(law_of(format.kind));
    }
}

std::size_t samples_in(const CodecFormat& format, Bytes payload) {
    switch (format.kind) {
        case CodecKind::g722:
            return 2 * payload.size();
        case CodecKind::opus:
            return opus_samples_in(format.rate, payload);
        case CodecKind::l16:
            return payload.size() % 2 == 0 ? payload.size() / 2 : 0;
        default:
            return payload.size();
    }
}

std::optional<int> level_of(const CodecFormat& format, Bytes payload) {
    switch (format.kind) {
        case CodecKind::g722:
            return g722_level(payload);
        case CodecKind::opus:
            return opus_level(payload);
        case CodecKind::l16:
            return l16_level(payload);
        default:
            return level(law_of(format.kind), payload);
    }
}

std::optional<CodecKind> codec_of(std::string_view name, std::uint32_t clock_rate) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (!base::iequals(name, kNames[i])) continue;
        const auto kind = static_cast<CodecKind>(i);
        const CodecFormat format{.kind = kind, .rate = kind == CodecKind::g722 ? 16000 : clock_rate, .ptime = kPtimes.front()};
        if (format.is_possible() && format.clock_rate() == clock_rate) return kind;
    }
    return std::nullopt;
}

std::string_view encoding_name(CodecKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

}  // namespace confab::media
