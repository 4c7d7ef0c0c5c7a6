#include "conf-bridge/capabilities.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "sip/grammar.hpp"

namespace confab::bridge {
namespace {

// Calls `take` with each token of a header's lines; option tags are compared without case, as tokens are (RFC 3261 §7.3.1).
template <class Take>
void each_token(const sip::Message& message, sip::HeaderName name, Take&& take) {
    for (const auto& header : message.headers()) {
        if (header.id != name) continue;
        for (const auto part : base::split(header.value, ','))
            if (const auto token = base::trim(part); !token.empty()) take(token);
    }
}

void append_item(std::string& out, std::string_view name, std::string_view item) {
    if (out.empty())
        out.append(name).append(": ");
    else
        out += ", ";
    out += item;
}

}  // namespace

bool is_served(sip::Method method) {
    using enum sip::Method;
    return method != ack && method != cancel && std::ranges::find(kMethods, method) != std::end(kMethods);
}

const std::string& allow_line() {
    static const std::string kLine = [] {
        std::string line;
        for (const auto method : kMethods) append_item(line, "Allow", sip::method_name(method));
        return line + "\r\n";
    }();
    return kLine;
}

std::string supported_line(std::span<const std::string_view> tags) {
    std::string line;
    for (const auto tag : tags) append_item(line, "Supported", tag);
    return line.empty() ? "Supported:\r\n" : line + "\r\n";
}

bool lists(const sip::Message& message, sip::HeaderName header, std::string_view wanted) {
    bool found = false;
    each_token(message, header, [&](std::string_view token) { found = found || base::iequals(token, wanted); });
    return found;
}

bool holds_sdp(const sip::Message& message) {
    const auto type = message.value(sip::HeaderName::content_type);
    const auto encoding = message.value(sip::HeaderName::content_encoding);
    const bool is_plain = encoding.empty() || base::iequals(encoding, "identity");
    return is_plain && base::iequals(base::trim(type.substr(0, type.find(';'))), "application/sdp");
}

bool is_body_optional(const sip::Message& message) {
    const auto* disposition = message.find("Content-Disposition");
    if (!disposition) return false;
    const auto parameters = disposition->value.substr(std::min(disposition->value.find(';'), disposition->value.size()));
    return base::iequals(sip::Params{parameters}.get("handling").value_or(""), "optional");
}

std::string unsupported_line(const sip::Message& request, std::span<const std::string_view> tags) {
    std::string line;
    each_token(request, sip::HeaderName::require, [&](std::string_view token) {
        if (std::ranges::none_of(tags, [token](std::string_view tag) { return base::iequals(tag, token); }))
            append_item(line, "Unsupported", token);
    });
    return line.empty() ? line : line + "\r\n";
}

}  // namespace confab::bridge
