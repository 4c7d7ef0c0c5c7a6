// Voice or not, frame by frame (20 ms), by level first and by spectrum where the level alone does not tell. Steady noise is not voice: its
// level stays near the lowest of the last second, and it has no period; a voice moves or has a pitch. A frame that rises clearly out of
// what was before is voice at once. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace confab::media {

class VoiceDetector {
public:
    enum class Verdict : std::uint8_t { quiet, voice, unclear };

    // Of a frame's mean magnitude; below `threshold` is quiet. After `unclear` the samples decide.
    Verdict judge(int level, int threshold);
    bool has_pitch(std::span<const std::int16_t> samples, std::uint32_t rate);

private:
    static constexpr unsigned kWindow = 20;     // frames
    static constexpr std::size_t kWindows = 3;  // that are remembered

    std::array<int, kWindows> lowest_{};
    unsigned frames_ = 0, windows_ = 0;  // in the present window; whole ones, while they are few
    int score_ = 0;
};

}  // namespace confab::media
