// What a caller says when he is asked for his name: his voice without the silence before and after it, at 8 kHz, and not longer than was
// allowed when it was made. It is in memory only, for as long as somebody holds it.
//
// Owner: the media thread that mixes the conference, which alone reads and writes the sound: it fills the tape while the caller stands there in a
// room of his own, and plays it once that is over. The focus only passes it on. `push` allocates nothing.
#pragma once

#include <memory>

#include "base/time.hpp"
#include "media/player.hpp"
#include "media/resample.hpp"
#include "media/sound_sink.hpp"

namespace confab::bridge {

class NameTape : public media::SoundSink {
public:
    NameTape(std::uint32_t rate, base::milliseconds longest);

    bool push(std::uint32_t rate, std::span<const std::int16_t> samples) override;

    static media::Prompt sound_of(const std::shared_ptr<NameTape>& tape) { return {tape, &tape->sound_}; }

private:
    const std::uint32_t rate_;
    const std::size_t longest_;  // samples
    std::size_t silence_ = 0;    // samples since the voice
    media::Resampler down_;
    media::Sound sound_;
};

}  // namespace confab::bridge
