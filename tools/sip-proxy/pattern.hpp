// Patterns of routes: `*` stands for any text, `?` for one character, `\` takes the next character as it is (a dialled `*` is `\*`). Pure.
// A pattern covers the whole text, so a prefix is `49*`. Matching takes time in proportion to text and pattern, whatever they hold.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/values.hpp"

namespace confab::proxy {

class Pattern {
public:
    static constexpr std::size_t kLongest = 256;

    static std::optional<Pattern> parse(std::string_view text);
    bool matches(std::string_view text, bool ignore_case = false) const;

private:
    struct Part {
        enum class Kind : unsigned char { exactly, any_one, any_text } kind;
        char exactly = 0;
    };
    std::vector<Part> parts_;
};

// `Name: pattern`, of a header whose value must look like that.
struct HeaderPattern {
    std::string name;
    Pattern value;
};

}  // namespace confab::proxy

template <>
struct confab::config::Value<confab::proxy::Pattern> {
    static std::string_view expected() { return "a pattern (* any text, ? one character, \\ takes the next one as it is)"; }
    static std::optional<confab::proxy::Pattern> parse(std::string_view text) { return confab::proxy::Pattern::parse(text); }
};
template <>
struct confab::config::Value<confab::proxy::HeaderPattern> {
    static std::string_view expected() { return "a header's name and a pattern (X-Phone-PAC: 12*)"; }
    static std::optional<confab::proxy::HeaderPattern> parse(std::string_view text);
};
