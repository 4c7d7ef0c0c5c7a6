#include "sip/nonce_windows.hpp"

#include <algorithm>
#include <utility>

namespace confab::sip {
namespace {

constexpr std::uint32_t kWindow = 64;

// Consecutive numbers of one run differ in these bits for longer than any nonce lives.
std::uint32_t short_number(std::uint64_t number) { return static_cast<std::uint32_t>(number); }

}  // namespace

bool NonceWindows::Cell::take(std::uint32_t nc) {
    if (nc > highest) {
        const auto ahead = nc - highest;
        seen = ahead < kWindow ? seen << ahead | 1 : 1;
        highest = nc;
        return true;
    }
    const auto behind = highest - nc;
    if (behind >= kWindow || (seen >> behind & 1) != 0) return false;
    seen |= std::uint64_t{1} << behind;
    return true;
}

bool NonceWindows::take(const Nonce& nonce, std::uint32_t nc, std::int64_t oldest) {
    if (nc == 0) return false;
    auto* cell = find(short_number(nonce.number));
    if (!cell) cell = insert(nonce, oldest);
    return cell && cell->take(nc);
}

bool NonceWindows::take_alone(const Nonce& nonce, std::int64_t oldest) {
    if (find(short_number(nonce.number))) return false;
    return take(nonce, 1, oldest);
}

std::size_t NonceWindows::place_of(std::uint32_t number) const {
    auto at = home_of(number);
    while (cells_[at].seen != 0 && cells_[at].number != number) at = (at + 1) & mask();
    return at;
}

NonceWindows::Cell* NonceWindows::find(std::uint32_t number) {
    if (cells_.empty()) return nullptr;
    auto& cell = cells_[place_of(number)];
    return cell.seen != 0 ? &cell : nullptr;
}

// The caller takes a count at once, which makes the cell a used one.
NonceWindows::Cell* NonceWindows::insert(const Nonce& nonce, std::int64_t oldest) {
    if (nonce.issued <= forgotten_until_) return nullptr;
    while (size() > 0 && order_[forgotten_].issued < oldest) forget_first();
    if (size() >= limit_) forget_first();
    if (8 * (size() + 1) > 7 * cells_.size()) grow();
    order_.push_back(nonce);
    auto& cell = cells_[place_of(short_number(nonce.number))];
    cell.number = short_number(nonce.number);
    return &cell;
}

void NonceWindows::forget_first() {
    const auto& nonce = order_[forgotten_++];
    forgotten_until_ = std::max(forgotten_until_, nonce.issued);
    erase(short_number(nonce.number));
    if (2 * forgotten_ < order_.size()) return;
    order_.erase(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(forgotten_));
    forgotten_ = 0;
}

void NonceWindows::erase(std::uint32_t number) {
    auto hole = place_of(number);
    // What was pushed past the hole moves back, so that no search ends too early.
    for (auto at = (hole + 1) & mask(); cells_[at].seen != 0; at = (at + 1) & mask()) {
        if (((at - home_of(cells_[at].number)) & mask()) < ((at - hole) & mask())) continue;
        cells_[hole] = cells_[at];
        hole = at;
    }
    cells_[hole] = {};
}

void NonceWindows::grow() {
    const auto old = std::exchange(cells_, std::vector<Cell>(cells_.empty() ? 64 : 2 * cells_.size()));
    for (const auto& cell : old)
        if (cell.seen != 0) cells_[place_of(cell.number)] = cell;
}

}  // namespace confab::sip
