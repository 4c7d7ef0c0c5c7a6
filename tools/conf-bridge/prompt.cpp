#include "conf-bridge/prompt.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "sip/grammar.hpp"

namespace confab::bridge {
namespace {

constexpr std::uint64_t kLastWord = 20;
constexpr int kWhole = 1000;  // a quality of 1, in thousandths

PromptName word_of(std::uint64_t number) {
    return static_cast<PromptName>(static_cast<std::uint64_t>(PromptName::number_0) + number);
}

// "0.8" in thousandths (RFC 9110 §12.4.2); what is no quality counts as none.
int quality_of(std::string_view text) {
    if (text.empty() || text.size() > 5 || text[0] < '0' || text[0] > '1' || (text.size() > 1 && text[1] != '.')) return 0;
    int value = (text[0] - '0') * kWhole, weight = kWhole / 10;
    for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
        if (c < '0' || c > '9') return 0;
        value += (c - '0') * weight;
        weight /= 10;
    }
    return std::min(value, kWhole);
}

std::size_t find(std::string_view tag, std::span<const std::string> known) {
    const auto found = std::ranges::find_if(known, [&](const std::string& one) { return base::iequals(one, tag); });
    if (found != known.end()) return static_cast<std::size_t>(found - known.begin());
    const auto dash = tag.rfind('-');
    return dash == tag.npos ? known.size() : find(tag.substr(0, dash), known);
}

}  // namespace

std::vector<PromptName> spoken(std::uint64_t number) {
    if (number <= kLastWord) return {word_of(number)};
    std::vector<PromptName> words;
    for (const char digit : std::to_string(number)) words.push_back(word_of(static_cast<std::uint64_t>(digit - '0')));
    return words;
}

std::size_t language_of(std::string_view wish, std::span<const std::string> known) {
    auto best = known.size();
    int best_quality = 0;
    while (const auto value = sip::next_value(wish)) {
        const auto end = std::min(value->find(';'), value->size());
        const auto weight = sip::Params{value->substr(end)}.get("q");
        const int quality = weight ? quality_of(base::trim(*weight)) : kWhole;
        if (quality <= best_quality) continue;
        const auto index = find(base::trim(value->substr(0, end)), known);
        if (index == known.size()) continue;
        best = index;
        best_quality = quality;
    }
    return best;
}

}  // namespace confab::bridge
