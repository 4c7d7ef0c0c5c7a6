#include "sip-proxy/passcode.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace confab::proxy {
namespace {

constexpr std::string_view kMask = "****";

// The value that stands at the front of `rest`: quoted, or up to what ends a parameter.
std::size_t length_of_value(std::string_view rest) {
    if (!rest.empty() && rest.front() == '"') return std::min(rest.find('"', 1), rest.size() - 1) + 1;
    return std::min(rest.find_first_of(" \t\r\n;,?&<>@\""), rest.size());
}

// Every `name=value` where `name` begins a word.
void mask_values(std::string& text, std::string_view name) {
    if (name.empty()) return;
    for (std::size_t at = 0; at + name.size() < text.size(); ++at) {
        const bool begins = at == 0 || std::string_view(" \t;,?&").find(text[at - 1]) != std::string_view::npos;
        if (!begins || !base::istarts_with(std::string_view(text).substr(at), name) || text[at + name.size()] != '=') continue;
        at += name.size() + 1;
        text.replace(at, length_of_value(std::string_view(text).substr(at)), kMask);
    }
}

void mask_header(std::string& text, std::string_view name) {
    if (name.empty()) return;
    for (std::size_t at = 0; at != std::string::npos && at < text.size(); at = text.find('\n', at)) {
        if (text[at] == '\n') ++at;
        const auto colon = text.find(':', at);
        if (colon == std::string::npos || !base::iequals(base::trim(std::string_view(text).substr(at, colon - at)), name)) continue;
        const auto end = std::min(text.find_first_of("\r\n", colon), text.size());
        text.replace(colon + 1, end - colon - 1, std::string(" ") += kMask);
    }
}

}  // namespace

std::string passcode_of(const sip::Message& request, const sip::Uri& uri, const PasscodePlaces& places) {
    if (const auto* header = request.find(places.header)) return std::string(base::trim(header->value));
    if (const auto value = uri.params.get(places.parameter)) return sip::unescape(*value);
    const auto end = std::min(uri.user.find(';'), uri.user.size());
    return sip::unescape(sip::Params{uri.user.substr(end)}.get(places.parameter).value_or(""));
}

std::string masked(std::string_view text, const PasscodePlaces& places) {
    std::string out(text);
    mask_header(out, places.header);
    mask_values(out, places.parameter);
    mask_values(out, "response");
    mask_values(out, "cnonce");
    mask_values(out, "d");  // a dialog token: who has it is not challenged
    return out;
}

}  // namespace confab::proxy
