#include "media/playout.hpp"

#include <algorithm>

namespace confab::media {
namespace {

constexpr std::size_t kShortest = 80;  // 10 ms: how far a missing packet moves time on at least
constexpr unsigned kMaxConcealed = 3;

}  // namespace

Playout::Playout(G711 law) : law_(law) { restart(law); }

void Playout::restart(G711 law) {
    law_ = law;
    jitter_.reset();
    frame_.fill(silence(law));
    last_.fill(silence(law));
    queued_ = sounding_ = 0;
    packet_ = kFrame;
    concealed_ = kMaxConcealed;
}

bool Playout::advance(std::uint64_t tick) {
    while (queued_ < kFrame) append(jitter_.pull(tick));
    const bool sound = sounding_ > 0;
    std::copy_n(queue_.begin(), kFrame, frame_.begin());
    queued_ -= kFrame;
    sounding_ -= std::min(sounding_, kFrame);
    std::copy_n(queue_.begin() + kFrame, queued_, queue_.begin());
    return sound;
}

void Playout::append(const JitterBuffer::Frame& from) {
    switch (from.kind) {
        case JitterBuffer::Frame::Kind::audio:
            return from.payload.empty() ? append_silence(packet_) : append_sound(from.payload);
        case JitterBuffer::Frame::Kind::lost:
            return concealed_ < kMaxConcealed ? append_concealed(packet_) : append_silence(packet_);
        case JitterBuffer::Frame::Kind::empty:
            break;
    }
    append_silence(packet_);
}

void Playout::append_sound(Bytes codes) {
    std::ranges::copy(codes, queue_.begin() + static_cast<std::ptrdiff_t>(queued_));
    queued_ += codes.size();
    sounding_ = queued_;
    packet_ = std::clamp(codes.size(), kShortest, JitterBuffer::kMaxPayload);
    concealed_ = 0;
    const std::size_t kept = std::min(codes.size(), kFrame);
    std::shift_left(last_.begin(), last_.end(), static_cast<std::ptrdiff_t>(kept));
    std::ranges::copy(codes.last(kept), last_.end() - static_cast<std::ptrdiff_t>(kept));
}

void Playout::append_silence(std::size_t samples) {
    std::fill_n(queue_.begin() + static_cast<std::ptrdiff_t>(queued_), samples, silence(law_));
    queued_ += samples;
    concealed_ = kMaxConcealed;
}

void Playout::append_concealed(std::size_t samples) {
    ++concealed_;
    const int gain = static_cast<int>(kMaxConcealed + 1 - concealed_);
    Samples voice;
    decode(law_, last_, voice);
    for (auto& sample : voice) sample = static_cast<std::int16_t>(sample * gain / static_cast<int>(kMaxConcealed + 1));
    std::array<std::uint8_t, kFrame> codes;
    encode(law_, voice, codes);
    for (std::size_t i = 0; i < samples; ++i) queue_[queued_ + i] = codes[i % kFrame];
    queued_ += samples;
    sounding_ = queued_;
}

}  // namespace confab::media
