#include "sip-proxy/pattern.hpp"

#include "base/text.hpp"

namespace confab::proxy {
namespace {

constexpr std::string_view kTokenMarks = "-.!%*_+`'~";

bool is_token(std::string_view text) {
    for (char c : text) {
        const bool alphanumeric = (c >= '0' && c <= '9') || (base::lower(c) >= 'a' && base::lower(c) <= 'z');
        if (!alphanumeric && kTokenMarks.find(c) == kTokenMarks.npos) return false;
    }
    return !text.empty();
}

}  // namespace

std::optional<Pattern> Pattern::parse(std::string_view text) {
    if (text.empty() || text.size() > kLongest) return std::nullopt;
    Pattern pattern;
    for (std::size_t i = 0; i < text.size(); ++i) {
        using enum Part::Kind;
        const bool escaped = text[i] == '\\';
        if (escaped && ++i == text.size()) return std::nullopt;
        const auto kind = escaped ? exactly : text[i] == '*' ? any_text : text[i] == '?' ? any_one : exactly;
        pattern.parts_.push_back({kind, text[i]});
    }
    return pattern;
}

// Two places are remembered: the last `*` and how much of the text it has taken. A mismatch gives that star one character more.
bool Pattern::matches(std::string_view text, bool ignore_case) const {
    constexpr auto kNone = static_cast<std::size_t>(-1);
    std::size_t part = 0, at = 0, star = kNone, taken = 0;
    const auto fits = [&](const Part& wanted, char c) {
        if (wanted.kind == Part::Kind::any_one) return true;
        return ignore_case ? base::lower(wanted.exactly) == base::lower(c) : wanted.exactly == c;
    };
    while (at < text.size()) {
        if (part < parts_.size() && parts_[part].kind == Part::Kind::any_text) {
            star = part++;
            taken = at;
        } else if (part < parts_.size() && fits(parts_[part], text[at])) {
            ++part;
            ++at;
        } else if (star != kNone) {
            part = star + 1;
            at = ++taken;
        } else {
            return false;
        }
    }
    while (part < parts_.size() && parts_[part].kind == Part::Kind::any_text) ++part;
    return part == parts_.size();
}

}  // namespace confab::proxy

std::optional<confab::proxy::HeaderPattern> confab::config::Value<confab::proxy::HeaderPattern>::parse(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == text.npos) return std::nullopt;
    const auto name = base::trim(text.substr(0, colon));
    auto value = proxy::Pattern::parse(base::trim(text.substr(colon + 1)));
    if (!proxy::is_token(name) || !value) return std::nullopt;
    return proxy::HeaderPattern{std::string(name), std::move(*value)};
}
