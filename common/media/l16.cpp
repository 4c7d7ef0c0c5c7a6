#include "media/l16.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/check.hpp"
#include "media/concealment.hpp"

namespace confab::media {
namespace {

std::int16_t sample_at(Bytes payload, std::size_t index) {
    return static_cast<std::int16_t>(static_cast<std::uint16_t>(payload[2 * index] << 8 | payload[2 * index + 1]));
}

class L16Encoder final : public Encoder {
public:
    std::size_t encode(std::span<const std::int16_t> frame, std::span<std::uint8_t> out) override {
        CHECK(out.size() >= 2 * frame.size(), "encoding into too little room");
        for (std::size_t i = 0; i < frame.size(); ++i) {
            const auto bits = static_cast<std::uint16_t>(frame[i]);
            out[2 * i] = static_cast<std::uint8_t>(bits >> 8);
            out[2 * i + 1] = static_cast<std::uint8_t>(bits & 0xff);
        }
        return 2 * frame.size();
    }
    void take_state(const Encoder&) override {}
};

class L16Decoder final : public Decoder {
public:
    explicit L16Decoder(std::uint32_t rate) : concealment_(rate) {}

    std::size_t decode(Bytes payload, std::span<std::int16_t> out) override {
        const std::size_t samples = payload.size() / 2;
        if (payload.size() % 2 != 0 || samples > out.size()) return 0;
        for (std::size_t i = 0; i < samples; ++i) out[i] = sample_at(payload, i);
        concealment_.hear(out.first(samples));
        return samples;
    }
    void conceal(std::span<std::int16_t> out) override { concealment_.fill(out); }
    bool recover(Bytes, std::span<std::int16_t>) override { return false; }

private:
    Concealment concealment_;
};

}  // namespace

std::unique_ptr<Encoder> make_l16_encoder(const CodecFormat&) { return std::make_unique<L16Encoder>(); }
std::unique_ptr<Decoder> make_l16_decoder(const CodecFormat& format) { return std::make_unique<L16Decoder>(format.rate); }

int l16_level(Bytes payload) {
    const std::size_t samples = payload.size() / 2;
    if (samples == 0) return 0;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < samples; ++i) sum += static_cast<std::uint64_t>(std::abs(int{sample_at(payload, i)}));
    return static_cast<int>(std::min<std::uint64_t>(sum / samples, 32767));  // −32768 throughout
}

}  // namespace confab::media
