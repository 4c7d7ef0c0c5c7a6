#include "media/player.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace confab::media {
namespace {

bool is_playable(const Prompt& sound) { return sound && std::ranges::find(kRates, sound->rate) != kRates.end(); }

}  // namespace

Player::Player(std::vector<Prompt> sounds, std::unique_ptr<Voice> voice, bool takes_turns) : voice_(std::move(voice)), takes_turns_(takes_turns) {
    replace(std::move(sounds));
}

void Player::append(std::vector<Prompt> sounds) {
    sounds_.erase(sounds_.begin(), sounds_.begin() + static_cast<std::ptrdiff_t>(std::exchange(sound_, 0)));
    if (sounds_.size() + sounds.size() > kMaxSounds) return;
    std::ranges::copy_if(sounds, std::back_inserter(sounds_), is_playable);
}

void Player::replace(std::vector<Prompt> sounds) {
    sounds_ = std::move(sounds);
    sound_ = at_ = 0;
    stopped_ = false;
    std::erase_if(sounds_, [](const Prompt& sound) { return !is_playable(sound); });
    voice_->start(sounds_.empty() ? kRates[0] : sounds_.front()->rate, false);
}

bool Player::step(float gain, RateSet rates) {
    if (stopped_ || sound_ == sounds_.size()) {
        voice_->put_end(rates);
        return false;
    }
    const auto& sound = *sounds_[sound_];
    if (at_ == 0 && voice_->rate() != sound.rate) voice_->start(sound.rate, false);
    Narrow piece{};
    const std::size_t length = tick_samples(sound.rate);
    const std::size_t taken = std::min(length, sound.samples.size() - at_);
    std::copy_n(sound.samples.begin() + static_cast<std::ptrdiff_t>(at_), taken, piece.begin());
    voice_->put(std::span(piece).first(length), gain, rates);
    at_ += taken;
    if (at_ < sound.samples.size()) return true;
    at_ = 0;
    return ++sound_ < sounds_.size();
}

}  // namespace confab::media
