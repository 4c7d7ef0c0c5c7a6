#include "media/voice_detector.hpp"

#include <algorithm>

namespace confab::media {
namespace {

constexpr unsigned kFirst = 10;     // frames before anything is taken for steady
constexpr int kAbove = 3;           // times the lowest level: moving
constexpr std::uint32_t kLow = 4000;  // Hz: enough for pitch
constexpr std::size_t kSamples = 80;  // 20 ms of that
constexpr std::size_t kShortest = 9, kLongest = 40;  // lags: 440 to 100 Hz
constexpr float kAlike = 0.65f;  // correlation of a frame with itself, one period later
constexpr int kSure = 3, kMostSure = 6;

}  // namespace

VoiceDetector::Verdict VoiceDetector::judge(int level, int threshold) {
    lowest_[0] = frames_ == 0 ? level : std::min(lowest_[0], level);
    ++frames_;
    int lowest = lowest_[0];
    for (std::size_t i = 1; i <= std::min<std::size_t>(windows_, kWindows - 1); ++i) lowest = std::min(lowest, lowest_[i]);
    const bool known = windows_ > 0 || frames_ >= kFirst;
    if (frames_ == kWindow) {
        std::shift_right(lowest_.begin(), lowest_.end(), 1);
        frames_ = 0;
        windows_ = std::min<unsigned>(windows_ + 1, kWindows);
    }
    if (level < threshold || level <= 0) {
        score_ = 0;
        return Verdict::quiet;
    }
    if (!known || level / kAbove >= lowest) {
        score_ = kSure;
        return Verdict::voice;
    }
    return Verdict::unclear;
}

bool VoiceDetector::has_pitch(std::span<const std::int16_t> samples, std::uint32_t rate) {
    const std::size_t step = rate / kLow;
    if (samples.size() < kSamples * step) return false;
    // Averaged down, and its slope: noise of a low pitch would else resemble itself too.
    std::array<float, kSamples> low;
    float before = 0;
    for (std::size_t i = 0; i < kSamples; ++i) {
        float sum = 0;
        for (std::size_t k = 0; k < step; ++k) sum += samples[i * step + k];
        low[i] = i == 0 ? 0 : sum - 0.9f * before;
        before = sum;
    }
    const auto dot = [&low](std::size_t a, std::size_t b) {
        float sum = 0;
        for (std::size_t i = 0; i < kSamples - kLongest; ++i) sum += low[a + i] * low[b + i];
        return sum;
    };
    const float energy = dot(kLongest, kLongest);
    float best = 0;
    for (std::size_t lag = kShortest; lag <= kLongest; ++lag) {
        const float product = dot(kLongest, kLongest - lag);
        if (product <= 0) continue;
        best = std::max(best, product * product / (energy * dot(kLongest - lag, kLongest - lag) + 1));
    }
    score_ = std::clamp(score_ + (best > kAlike * kAlike ? 2 : -1), 0, kMostSure);
    return score_ >= kSure;
}

}  // namespace confab::media
