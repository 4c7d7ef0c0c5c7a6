// Character classes and the small steps that the message splitter and the header grammar share (RFC 3261 §25.1).
// Inside a header value CR and LF can only be folding (§7.3.1), so they count as white space. Internal to this layer.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace confab::sip::lex {

enum Class : std::uint8_t {
    kToken = 1,       // token
    kUnreserved = 2,  // alphanum and mark
    kUserExtra = 4,   // user-unreserved: & = + $ , ; ? /
    kParamExtra = 8,  // param-unreserved: [ ] / : & + $
    kHost = 16,       // letters, digits, '-', '.', and '_', which real names have
    kWhite = 32,
    kParamStop = 64,   // ends a parameter's name or unquoted value, '=' apart
    kForbidden = 128,  // may stand in no URI: controls, space, quotes, <>
};

constexpr std::array<std::uint8_t, 256> make_classes() {
    std::array<std::uint8_t, 256> table{};
    auto add = [&](std::string_view characters, unsigned classes) {
        for (char c : characters) {
            auto& entry = table[static_cast<unsigned char>(c)];
            entry = static_cast<std::uint8_t>(entry | classes);
        }
    };
    add("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", kToken | kUnreserved | kHost);
    add("-.!%*_+`'~", kToken);
    add("-_.!~*'()", kUnreserved);
    add("&=+$,;?/", kUserExtra);
    add("[]/:&+$", kParamExtra);
    add("-._", kHost);
    add(" \t\r\n", kWhite | kParamStop);
    add(";,\"<>", kParamStop);
    for (std::size_t c = 0; c <= 0x20; ++c) table[c] = static_cast<std::uint8_t>(table[c] | kForbidden);
    add("\"<>\x7f", kForbidden);
    return table;
}
inline constexpr auto kClasses = make_classes();

constexpr bool is(char c, unsigned classes) { return (kClasses[static_cast<unsigned char>(c)] & classes) != 0; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

constexpr bool all(std::string_view text, unsigned classes) {
    for (char c : text)
        if (!is(c, classes)) return false;
    return true;
}

// Length of the run at the front whose characters are in `classes`.
constexpr std::size_t run(std::string_view text, unsigned classes) {
    std::size_t i = 0;
    while (i < text.size() && is(text[i], classes)) ++i;
    return i;
}

constexpr std::size_t run_until(std::string_view text, unsigned classes) {
    std::size_t i = 0;
    while (i < text.size() && !is(text[i], classes)) ++i;
    return i;
}

constexpr void skip_white(std::string_view& text) { text.remove_prefix(run(text, kWhite)); }

constexpr std::string_view take(std::string_view& text, std::size_t count) {
    const auto front = text.substr(0, count);
    text.remove_prefix(count);
    return front;
}

// `text` begins with a quote. The index behind the closing one, or npos.
constexpr std::size_t quoted_end(std::string_view text) {
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '\\')
            ++i;
        else if (text[i] == '"')
            return i + 1;
    }
    return std::string_view::npos;
}

struct Parameter {
    std::string_view name, value;  // value without quotes
    std::string_view whole;        // name, '=' and value as written
};

enum class Step : std::uint8_t { parameter, end, comma, bad };

// Takes `; name [= value]` off the front of `rest`. `comma`: the next value of a list begins there (the comma is not taken).
constexpr Step next_parameter(std::string_view& rest, Parameter& out) {
    skip_white(rest);
    if (rest.empty()) return Step::end;
    if (rest.front() == ',') return Step::comma;
    if (rest.front() != ';') return Step::bad;
    rest.remove_prefix(1);
    skip_white(rest);
    std::size_t length = 0;
    while (length < rest.size() && rest[length] != '=' && !is(rest[length], kParamStop)) ++length;
    if (length == 0) return Step::bad;
    const char* start = rest.data();
    out.name = take(rest, length);
    out.value = {};
    out.whole = out.name;
    auto after = rest;
    skip_white(after);
    if (after.empty() || after.front() != '=') return Step::parameter;
    after.remove_prefix(1);
    skip_white(after);
    rest = after;
    if (!rest.empty() && rest.front() == '"') {
        const auto end = quoted_end(rest);
        if (end == rest.npos) return Step::bad;
        const auto quoted = take(rest, end);
        out.value = quoted.substr(1, quoted.size() - 2);
    } else {
        out.value = take(rest, run_until(rest, kParamStop));
    }
    out.whole = {start, static_cast<std::size_t>(rest.data() - start)};
    return Step::parameter;
}

}  // namespace confab::sip::lex
