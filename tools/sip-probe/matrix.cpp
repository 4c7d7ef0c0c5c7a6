#include "sip-probe/matrix.hpp"

#include "sip-probe/tone.hpp"

namespace confab::probe {

Matrix::Matrix(std::vector<double> tones, unsigned turn_ticks, double threshold_db, std::uint32_t rate)
    : tones_(std::move(tones)), turn_ticks_(turn_ticks), threshold_db_(threshold_db), rate_(rate), cells_(tones_.size() * tones_.size()), turn_(tones_.size()),
      turn_number_(tones_.size(), 0) {
    for (auto& audio : turn_) audio.reserve(turn_ticks * (rate / 50));
}

std::optional<std::size_t> Matrix::talker(std::uint64_t tick) const {
    const auto turn = tick / turn_ticks_;
    if (turn >= tones_.size()) return std::nullopt;
    return turn;
}

void Matrix::hear(std::size_t listener, std::uint64_t tick, std::span<const std::int16_t> frame) {
    const auto turn = tick / turn_ticks_;
    if (turn != turn_number_[listener]) {
        judge(listener);
        turn_number_[listener] = turn;
    }
    if (turn >= tones_.size()) return;
    turn_[listener].insert(turn_[listener].end(), frame.begin(), frame.end());
}

void Matrix::judge(std::size_t listener) {
    const auto turn = turn_number_[listener];
    auto& audio = turn_[listener];
    if (turn >= tones_.size() || audio.empty()) return;
    auto& cell = cells_[listener * legs() + turn];
    const std::span<const std::int16_t> all(audio);
    cell.level_db = tone_level_db(all.subspan(all.size() / 4), tones_[turn], rate_);
    cell.heard = cell.level_db >= threshold_db_;
    const std::size_t frame = rate_ / 50;
    for (std::size_t at = 0; cell.heard && at + frame <= all.size(); at += frame) {
        // Half of the steady level is well above the hum of the turn before.
        if (tone_level_db(all.subspan(at, frame), tones_[turn], rate_) < cell.level_db - 6) continue;
        cell.delay_ms = static_cast<unsigned>(at * 1000 / rate_);
        break;
    }
    audio.clear();
}

void Matrix::finish() {
    for (std::size_t listener = 0; listener < legs(); ++listener) judge(listener);
}

std::vector<std::string> Matrix::faults() const {
    std::vector<std::string> sentences;
    for (std::size_t listener = 0; listener < legs(); ++listener) {
        for (std::size_t talker = 0; talker < legs(); ++talker) {
            const bool heard = cell(listener, talker).heard;
            if (heard == (listener != talker)) continue;
            const auto who = "leg " + std::to_string(listener + 1);
            sentences.push_back(listener == talker ? who + " hears itself" : who + " does not hear leg " + std::to_string(talker + 1));
        }
    }
    return sentences;
}

}  // namespace confab::probe
