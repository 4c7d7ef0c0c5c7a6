#include <fmt/chrono.h>

#include "base/utf8.hpp"
#include "log/log.hpp"

namespace confab::log {
namespace {

constexpr std::size_t kLineLimit = 4096;
constexpr std::size_t kTailRoom = 16;  // for the mark of a cut, quotes and the brace
constexpr std::size_t kCorrelationLimit = 256;

std::string_view level_name(base::Severity severity) {
    constexpr std::string_view kNames[] = {"debug", "info", "warning", "error"};
    return kNames[static_cast<std::size_t>(severity)];
}

std::string time_text(base::WallTime time) {
    const auto whole = std::chrono::floor<base::seconds>(time);
    const auto part = (time - whole).count();
    const auto civil = fmt::gmtime(std::chrono::system_clock::to_time_t(whole));
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", civil, part);
}

// Both formats quote alike: JSON's escapes, which logfmt readers know too. Stops where the line would grow past `limit`.
void append_quoted(std::string& out, std::string_view text, std::size_t limit) {
    out += '"';
    for (std::size_t at = 0; at < text.size();) {
        if (out.size() + 6 > limit) {
            out += "...";
            break;
        }
        const auto length = base::utf8_length(text, at);
        const auto octet = static_cast<unsigned char>(text[at]);
        if (length == 0)
            out += "\xef\xbf\xbd";
        else if (octet == '"' || octet == '\\')
            out.append("\\").append(1, text[at]);
        else if (octet < 0x20 || octet == 0x7f || (octet == 0xc2 && static_cast<unsigned char>(text[at + 1]) < 0xa0))
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", octet == 0xc2 ? static_cast<unsigned char>(text[at + 1]) : octet);
        else
            out.append(text, at, length);
        at += length == 0 ? 1 : length;
    }
    out += '"';
}

}  // namespace

std::string compose_line(Format format, base::WallTime time, std::string_view program, const base::Note& note) {
    const bool json = format == Format::json;
    auto out = json ? fmt::format(R"({{"time":"{}","level":"{}","program":"{}")", time_text(time), level_name(note.severity), program)
                    : fmt::format("time={} level={} program={}", time_text(time), level_name(note.severity), program);
    if (!note.correlation.empty()) {
        out += json ? ",\"call\":" : " call=";
        append_quoted(out, note.correlation, out.size() + kCorrelationLimit);
    }
    out += json ? ",\"msg\":" : " msg=";
    append_quoted(out, note.text, kLineLimit - kTailRoom);
    if (json) out += '}';
    return out;
}

}  // namespace confab::log
