#include "media/g722.hpp"

#include <algorithm>

// The library's states are plain structs without pointers: held in place, and copied to go on bit-exactly.
#include <spandsp.h>
#include <spandsp/private/g722.h>
// The library redefines these in C++.
#undef lrint
#undef lrintf

#include <algorithm>
#include <array>

#include "base/check.hpp"
#include "media/concealment.hpp"

namespace confab::media {
namespace {

constexpr int kBitRate = 64000;

class G722Encoder final : public Encoder {
public:
    G722Encoder() { CHECK(g722_encode_init(&state_, kBitRate, 0), "spandsp has no G.722"); }

    std::size_t encode(std::span<const std::int16_t> frame, std::span<std::uint8_t> out) override {
        CHECK(frame.size() % 2 == 0 && out.size() >= frame.size() / 2, "encoding into too little room");
        return static_cast<std::size_t>(g722_encode(&state_, out.data(), frame.data(), static_cast<int>(frame.size())));
    }
    void take_state(const Encoder& other) override { state_ = dynamic_cast<const G722Encoder&>(other).state_; }

private:
    g722_encode_state_t state_{};
};

class G722Decoder final : public Decoder {
public:
    explicit G722Decoder(std::uint32_t rate) : concealment_(rate) {
        CHECK(g722_decode_init(&state_, kBitRate, 0) && g722_encode_init(&follower_, kBitRate, 0), "spandsp has no G.722");
    }

    std::size_t decode(Bytes payload, std::span<std::int16_t> out) override {
        if (payload.empty() || 2 * payload.size() > out.size()) return 0;
        const auto samples = static_cast<std::size_t>(g722_decode(&state_, out.data(), payload.data(), static_cast<int>(payload.size())));
        concealment_.hear(out.first(samples));
        return samples;
    }
    // Prediction goes on as if what stands in had been sent: else it would be far off when true sound comes (as in G.722 Appendix III).
    void conceal(std::span<std::int16_t> out) override {
        concealment_.fill(out);
        std::array<std::uint8_t, kPiece> codes;
        std::ranges::copy(state_.band, follower_.band);
        for (auto rest = out; !rest.empty(); rest = rest.subspan(std::min(rest.size(), 2 * kPiece)))
            g722_encode(&follower_, codes.data(), rest.data(), static_cast<int>(std::min(rest.size(), 2 * kPiece)));
        std::ranges::copy(follower_.band, state_.band);
    }
    bool recover(Bytes, std::span<std::int16_t>) override { return false; }

private:
    static constexpr std::size_t kPiece = 80;
    g722_decode_state_t state_{};
    g722_encode_state_t follower_{};
    Concealment concealment_;
};

// Silence has the upper band's two inner codes only, which take its quantizer to the smallest step; there even the rounding of a tone to
// 16 bits gives the outer ones. 10 ms of the inner ones cannot be anything else.
constexpr std::size_t kEnough = 80;
constexpr std::uint8_t kInner = 0x40;

}  // namespace

std::unique_ptr<Encoder> make_g722_encoder(const CodecFormat&) { return std::make_unique<G722Encoder>(); }
std::unique_ptr<Decoder> make_g722_decoder(const CodecFormat& format) { return std::make_unique<G722Decoder>(format.rate); }

std::optional<int> g722_level(Bytes payload) {
    const bool silent = payload.size() >= kEnough && std::ranges::all_of(payload, [](std::uint8_t octet) { return (octet & kInner) != 0; });
    return silent ? std::optional(0) : std::nullopt;
}

}  // namespace confab::media
