#include "sip-probe/message_template.hpp"

#include <algorithm>

namespace confab::probe {
namespace {

constexpr std::array<std::string_view, kGaps> kNames = {"method", "target", "local", "branch", "route", "user", "tag", "to", "call", "cseq", "extra", "tail"};

std::size_t gap_named(std::string_view name) { return static_cast<std::size_t>(std::ranges::find(kNames, name) - kNames.begin()); }

}  // namespace

MessageTemplate::MessageTemplate(std::string_view text) {
    pieces_.emplace_back();
    while (!text.empty()) {
        const auto open = text.find('{');
        const auto close = text.find('}', open == std::string_view::npos ? 0 : open);
        const auto gap = open != std::string_view::npos && close != std::string_view::npos ? gap_named(text.substr(open + 1, close - open - 1)) : kGaps;
        const auto literal = gap < kGaps ? open : open == std::string_view::npos ? text.size() : open + 1;
        pieces_.back().literal += text.substr(0, literal);
        text.remove_prefix(gap < kGaps ? close + 1 : literal);
        if (gap == kGaps) continue;
        pieces_.back().gap = gap;
        pieces_.emplace_back();
    }
}

void MessageTemplate::append(std::string& out) const {
    for (const auto& piece : pieces_) {
        out += piece.literal;
        if (piece.gap < kGaps) out += values_[piece.gap];
    }
}

}  // namespace confab::probe
