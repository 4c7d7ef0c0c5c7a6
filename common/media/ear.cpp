#include "media/ear.hpp"

#include <algorithm>

namespace confab::media {
namespace {

constexpr unsigned kTickMs = 20;
constexpr std::size_t kLongest = 1500;  // octets of a packet of a codec that compresses

std::size_t octets_of(const CodecFormat& format) { return format.kind == CodecKind::l16 ? 2 * format.samples() : kLongest; }

}  // namespace

std::size_t samples_before(std::uint64_t tick, const CodecFormat& format) { return tick * kTickMs % format.ptime * format.rate / 1000; }

Ear::Ear(const CodecFormat& format)
    : format_(format),
      has_state_(format.kind == CodecKind::g722 || format.kind == CodecKind::opus),
      encoder_(make_encoder(format)),
      frame_(format.samples()),
      octets_(kPackets * octets_of(format)) {}

void Ear::take_state(const Ear& other) {
    encoder_->take_state(*other.encoder_);
    limiter_ = other.limiter_;
    std::ranges::copy(other.frame_, frame_.begin());
    filled_ = other.filled_;
    silent_ = other.silent_;
    passing_ = other.passing_;
}

void Ear::put(std::uint64_t tick, std::span<const std::int32_t> sound, Bytes as_sent, bool soft) {
    made_ = 0;
    if (const auto before = samples_before(tick, format_); filled_ != before) {  // it slept
        filled_ = before;
        std::ranges::fill(frame_, std::int16_t{0});
    }
    passing_ = !as_sent.empty() && (!has_state_ || passing_ || silent_ >= kSilence);
    const bool silent = soft || std::ranges::none_of(sound, [](std::int32_t sample) { return sample != 0; });
    silent_ = silent ? std::min(silent_ + 1, kSilence) : 0;
    if (!passing_ || has_state_) {
        Narrow narrow;
        const auto limited = std::span(narrow).first(sound.size());
        limiter_.apply(sound, limited);
        fill(limited);
    }
    if (!passing_) return;
    packets_[0] = as_sent;
    made_ = 1;
}

void Ear::fill(std::span<const std::int16_t> samples) {
    while (!samples.empty()) {
        const std::size_t taken = std::min(samples.size(), frame_.size() - filled_);
        std::ranges::copy(samples.first(taken), frame_.begin() + static_cast<std::ptrdiff_t>(filled_));
        samples = samples.subspan(taken);
        filled_ += taken;
        if (filled_ < frame_.size()) return;
        filled_ = 0;
        const auto room = std::span(octets_).subspan(made_ * octets_of(format_), octets_of(format_));
        packets_[made_++] = room.first(encoder_->encode(frame_, room));
    }
}

}  // namespace confab::media
