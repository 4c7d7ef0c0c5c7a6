// Who hears whom: legs sound their tones in turn, and every leg's received audio is judged in every turn.
//
// Pure. A turn of leg t is `turn_ticks` frames; its first quarter is left to delay and onset, the rest is judged. A cell (listener, talker) has the level
// of the talker's tone in the listener's audio and the delay from the turn's start to the first frame that holds it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace confab::probe {

struct Cell {
    double level_db = -99.0;
    std::optional<unsigned> delay_ms;
    bool heard = false;
};

class Matrix {
public:
    Matrix(std::vector<double> tones, unsigned turn_ticks, double threshold_db, std::uint32_t rate);

    std::size_t legs() const { return tones_.size(); }
    unsigned turn_ticks() const { return turn_ticks_; }
    // Whose turn it is at `tick` of the test, or nothing after the last.
    std::optional<std::size_t> talker(std::uint64_t tick) const;
    void hear(std::size_t listener, std::uint64_t tick, std::span<const std::int16_t> frame);  // 20 ms
    void finish();  // judges what was heard; cells are valid afterwards

    const Cell& cell(std::size_t listener, std::size_t talker) const { return cells_[listener * legs() + talker]; }
    // Every leg hears every other and not itself. Sentences for the cells that are wrong: "leg 2 does not hear leg 1".
    std::vector<std::string> faults() const;
    const std::vector<double>& tones() const { return tones_; }

private:
    std::vector<double> tones_;
    unsigned turn_ticks_;
    double threshold_db_;
    std::uint32_t rate_;
    std::vector<Cell> cells_;
    std::vector<std::vector<std::int16_t>> turn_;  // a listener's audio of the turn under way
    std::vector<std::uint64_t> turn_number_;
    void judge(std::size_t listener);
};

}  // namespace confab::probe
