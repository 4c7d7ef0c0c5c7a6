#include "media/opus.hpp"

#include <opus.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/check.hpp"

namespace confab::media {
namespace {

constexpr int kExpectedLoss = 5;     // %: what the encoder makes its error correction for
constexpr std::size_t kGrain = 400;  // concealment comes in pieces of 2.5 ms: this many a second
constexpr std::size_t kLongestPiece = 8;
constexpr opus_int32 kDtx = 2;  // octets: a packet of so few need not be sent
constexpr std::size_t kMaxFrames = 48;
constexpr std::size_t kMaxPayload = 1500;

// The library's state as a block of memory of ours: no pointer leads from it into itself, so a copy of it goes on as the original would.
class State {
public:
    explicit State(int octets) : block_((static_cast<std::size_t>(octets) + sizeof(Unit) - 1) / sizeof(Unit)) {}
    template <class T>
    T* as() {
        return reinterpret_cast<T*>(block_.data());
    }
    void copy(const State& other) {
        CHECK(block_.size() == other.block_.size(), "two kinds of Opus state");
        std::memcpy(block_.data(), other.block_.data(), block_.size() * sizeof(Unit));
    }

private:
    using Unit = std::max_align_t;
    std::vector<Unit> block_;
};

// Good speech of that bandwidth (RFC 7587 §3.1.1), and room for the error correction, which the library leaves out below about 20 kbit/s.
constexpr std::uint32_t usual(std::uint32_t rate) { return rate <= 8000 ? 18000 : rate <= 16000 ? 28000 : rate <= 24000 ? 36000 : 52000; }

std::uint32_t bitrate_of(const CodecFormat& format) { return std::clamp(format.bitrate > 0 ? format.bitrate : usual(format.rate), 500U, 510000U); }

// Opus models a voice (SILK) or codes the sound as it is (CELT). Error correction and pauses in sending are the former's alone, and so is good speech at few bits.
// With as many as these the latter is nearer to a mix of voices, in half the time.
constexpr std::uint32_t kPlenty = 32'000;
int application_of(const CodecFormat& format) {
    return format.fec || format.dtx || bitrate_of(format) < kPlenty ? OPUS_APPLICATION_VOIP : OPUS_APPLICATION_AUDIO;
}

class OpusEncoding final : public Encoder {
public:
    explicit OpusEncoding(const CodecFormat& format) : dtx_(format.dtx), state_(opus_encoder_get_size(1)) {
        CHECK(opus_encoder_init(codec(), static_cast<opus_int32>(format.rate), 1, application_of(format)) == OPUS_OK, "Opus refuses a rate of its own");
        set(OPUS_SET_COMPLEXITY_REQUEST, format.complexity);
        set(OPUS_SET_INBAND_FEC_REQUEST, format.fec);
        set(OPUS_SET_PACKET_LOSS_PERC_REQUEST, format.fec ? kExpectedLoss : 0);
        set(OPUS_SET_DTX_REQUEST, format.dtx);
        set(OPUS_SET_BITRATE_REQUEST, static_cast<opus_int32>(bitrate_of(format)));
    }

    std::size_t encode(std::span<const std::int16_t> frame, std::span<std::uint8_t> out) override {
        const auto size =
            opus_encode(codec(), frame.data(), static_cast<int>(frame.size()), out.data(), static_cast<opus_int32>(out.size()));
        CHECK(size > 0, std::string("Opus refuses a frame: ") + opus_strerror(size));
        return dtx_ && size <= kDtx ? 0 : static_cast<std::size_t>(size);
    }
    void take_state(const Encoder& other) override { state_.copy(dynamic_cast<const OpusEncoding&>(other).state_); }

private:
    OpusEncoder* codec() { return state_.as<OpusEncoder>(); }
    void set(int request, opus_int32 value) { CHECK(opus_encoder_ctl(codec(), request, value) == OPUS_OK, "Opus refuses a setting"); }

    const bool dtx_;
    State state_;
};

// A packet's frames in place (RFC 6716 §3), and the flags that a SILK frame begins with (§4.2.3): for each channel one of voice for each of
// its parts of 20 ms, and one that tells that it repeats the packet before it.
struct Frames {
    unsigned char toc = 0;
    std::array<const unsigned char*, kMaxFrames> at;
    std::array<opus_int16, kMaxFrames> size;
    int count = 0;  // 0: malformed

    explicit Frames(Bytes payload) {
        if (payload.empty() || payload.size() > kMaxPayload) return;
        count =
            std::max(0, opus_packet_parse(payload.data(), static_cast<opus_int32>(payload.size()), &toc, at.data(), size.data(), nullptr));
    }

    bool is_celt() const { return toc & 0x80; }
    bool is_hybrid() const { return (toc & 0xe0) == 0x60; }
    int channels() const { return toc & 0x04 ? 2 : 1; }
    int parts() const { return is_hybrid() ? 1 : std::max(1, toc >> 3 & 3); }
    bool is_absent(int frame) const { return size[static_cast<std::size_t>(frame)] <= 1; }

    bool has_voice(int frame) const {
        const auto* octets = at[static_cast<std::size_t>(frame)];
        if (is_absent(frame)) return false;
        // A silent CELT frame begins with a flag of probability 2^-15: fifteen ones.
        if (is_celt()) return octets[0] != 0xff || octets[1] < 0xfe;
        for (int channel = 0, bit = 0; channel < channels(); ++channel, ++bit)
            for (int part = 0; part < parts(); ++part, ++bit)
                if (octets[0] & 0x80 >> bit) return true;
        return false;
    }
    bool repeats_the_one_before() const {
        if (count == 0 || is_celt() || is_absent(0)) return false;
        for (int channel = 1; channel <= channels(); ++channel)
            if (at[0][0] & 0x80 >> (channel * (parts() + 1) - 1)) return true;
        return false;
    }
};

class OpusDecoding final : public Decoder {
public:
    explicit OpusDecoding(const CodecFormat& format) : rate_(format.rate), state_(opus_decoder_get_size(1)) {
        CHECK(opus_decoder_init(codec(), static_cast<opus_int32>(rate_), 1) == OPUS_OK, "Opus refuses a rate of its own");
    }

    std::size_t decode(Bytes payload, std::span<std::int16_t> out) override {
        if (payload.empty() || payload.size() > kMaxPayload) return 0;
        spare_ = {};  // it was about another time
        return run(payload, out, false);
    }

    void conceal(std::span<std::int16_t> out) override {
        while (!out.empty()) {
            if (spare_.empty()) conceal_a_piece(out.size());
            const std::size_t taken = std::min(spare_.size(), out.size());
            std::ranges::copy(spare_.first(taken), out.begin());
            spare_ = spare_.subspan(taken);
            out = out.subspan(taken);
        }
    }

    bool recover(Bytes next, std::span<std::int16_t> out) override {
        const Frames frames(next);
        if (!frames.repeats_the_one_before() || out.size() % (rate_ / kGrain) != 0) return false;
        const auto each = static_cast<std::size_t>(opus_packet_get_samples_per_frame(&frames.toc, static_cast<opus_int32>(rate_)));
        spare_ = {};
        return each <= out.size() && run(next, out, true) == out.size();
    }

private:
    OpusDecoder* codec() { return state_.as<OpusDecoder>(); }
    std::size_t run(Bytes payload, std::span<std::int16_t> out, bool for_the_one_before) {
        const auto samples = opus_decode(codec(), payload.empty() ? nullptr : payload.data(), static_cast<opus_int32>(payload.size()),
                                         out.data(), static_cast<int>(out.size()), for_the_one_before);
        return static_cast<std::size_t>(std::max(0, samples));
    }

    // The library makes whole grains only: what is asked for, rounded up, and what is not needed now stays for the next time.
    void conceal_a_piece(std::size_t wanted) {
        const std::size_t grain = rate_ / kGrain;
        const auto piece = std::span(concealed_).first(std::min(kLongestPiece * grain, (wanted + grain - 1) / grain * grain));
        if (run({}, piece, false) == 0) std::ranges::fill(piece, std::int16_t{0});
        spare_ = piece;
    }

    const std::uint32_t rate_;
    State state_;
    std::array<std::int16_t, kLongestPiece * 48000 / kGrain> concealed_;
    std::span<std::int16_t> spare_;  // of it
};

}  // namespace

std::unique_ptr<Encoder> make_opus_encoder(const CodecFormat& format) { return std::make_unique<OpusEncoding>(format); }
std::unique_ptr<Decoder> make_opus_decoder(const CodecFormat& format) { return std::make_unique<OpusDecoding>(format); }

std::size_t opus_samples_in(std::uint32_t rate, Bytes payload) {
    const Frames frames(payload);
    if (frames.count == 0) return 0;
    return static_cast<std::size_t>(frames.count * opus_packet_get_samples_per_frame(&frames.toc, static_cast<opus_int32>(rate)));
}

std::optional<int> opus_level(Bytes payload) {
    const Frames frames(payload);
    for (int i = 0; i < frames.count; ++i)
        if (frames.has_voice(i)) return std::nullopt;
    return 0;
}

}  // namespace confab::media
