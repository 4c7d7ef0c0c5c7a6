// Sounds one after another, each of its own rate, a tick at a time. Stopped amid a sound, it dies away within one more tick. Owner: a room.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "media/voice.hpp"

namespace confab::media {

struct Sound {
    std::uint32_t rate = 8000;  // one of kRates; a sound of another rate is left out
    std::vector<std::int16_t> samples;  // mono
};
using Prompt = std::shared_ptr<const Sound>;

class Player {
public:
    static constexpr std::size_t kMaxSounds = 32;  // that wait for their turn

    Player(std::vector<Prompt> sounds, std::unique_ptr<Voice> voice, bool takes_turns = false);

    // The next tick's sound is in `voice` at these rates. False: that was the last.
    bool step(float gain, RateSet rates);
    void replace(std::vector<Prompt> sounds);
    void append(std::vector<Prompt> sounds);  // all of them, or none where too many wait
    bool takes_turns() const { return takes_turns_; }
    void stop() { stopped_ = true; }
    bool is_stopped() const { return stopped_; }
    const Voice& voice() const { return *voice_; }
    std::unique_ptr<Voice> take_voice() { return std::move(voice_); }

private:
    std::vector<Prompt> sounds_;
    std::unique_ptr<Voice> voice_;
    std::size_t sound_ = 0, at_ = 0;
    bool stopped_ = false, takes_turns_;
};

}  // namespace confab::media
