#include "sip/identity.hpp"

#include "base/text.hpp"
#include "sip/grammar.hpp"

namespace confab::sip {
namespace {

constexpr std::string_view kOwnPrefix = "confab-";

bool is_identity(HeaderName name) {
    using enum HeaderName;
    return name == p_asserted_identity || name == p_preferred_identity || name == remote_party_id;
}

bool is_our_credential(const Header& header, std::string_view realm) {
    if (header.id != HeaderName::proxy_authorization) return false;
    const auto credentials = parse_credentials(header.value);
    return credentials && credentials->get("realm") == realm;
}

bool is_authenticated(Boundary boundary) { return boundary == Boundary::authenticated || boundary == Boundary::authenticated_trusted; }
bool is_trusted(Boundary boundary) { return boundary == Boundary::trusted || boundary == Boundary::authenticated_trusted; }

bool goes(const Header& header, Boundary boundary, std::string_view realm) {
    if (is_our_credential(header, realm)) return true;
    if (!is_trusted(boundary)) return is_identity(header.id) || base::istarts_with(header.name, kOwnPrefix);
    return is_authenticated(boundary) && is_identity(header.id);
}

// The next `;confab-…` parameter at or after `from`, as a slice of `text`; quoted text is passed over.
std::string_view next_own_parameter(std::string_view text, std::size_t from) {
    bool quoted = false;
    for (std::size_t at = from; at < text.size(); ++at) {
        if (text[at] == '"') quoted = !quoted;
        if (text[at] == '\\' && quoted) ++at;
        if (quoted || at >= text.size() || text[at] != ';') continue;
        if (!base::istarts_with(text.substr(at + 1), kOwnPrefix)) continue;
        const auto end = text.find_first_of(";?>, \t\r\n", at + 1);
        return text.substr(at, (end == std::string_view::npos ? text.size() : end) - at);
    }
    return {};
}

template <class Visit>
void each_own_parameter(std::string_view text, Visit visit) {
    std::size_t from = 0;
    for (auto found = next_own_parameter(text, from); !found.empty(); found = next_own_parameter(text, from)) {
        visit(found);
        from = static_cast<std::size_t>(found.data() - text.data()) + found.size();
    }
}

template <class VisitHeader, class VisitParameter>
void each_stripped(const Message& message, Boundary boundary, std::string_view realm, VisitHeader on_header, VisitParameter on_parameter) {
    for (const auto& header : message.headers()) {
        if (goes(header, boundary, realm)) {
            on_header(header);
        } else if (!is_trusted(boundary) && header.id == HeaderName::contact) {
            each_own_parameter(header.value, on_parameter);
        }
    }
}

bool is_user_character(char c) {
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return alphanumeric || std::string_view("-_.!~*'()&=+$,").find(c) != std::string_view::npos;
}

}  // namespace

std::size_t count_stripped(const Message& message, Boundary boundary, std::string_view realm) {
    std::size_t count = 0;
    each_stripped(
        message, boundary, realm, [&](const Header&) { ++count; }, [&](std::string_view) { ++count; });
    return count;
}

void strip(Splice& splice, const Message& message, Boundary boundary, std::string_view realm) {
    each_stripped(
        message, boundary, realm, [&](const Header& header) { splice.remove_header(header); },
        [&](std::string_view parameter) { splice.remove(parameter); });
}

std::string without_own_parameters(std::string_view uri) {
    std::string out;
    std::size_t copied = 0;
    each_own_parameter(uri, [&](std::string_view parameter) {
        const auto at = static_cast<std::size_t>(parameter.data() - uri.data());
        out.append(uri.substr(copied, at - copied));
        copied = at + parameter.size();
    });
    out.append(uri.substr(copied));
    return out;
}

void append_asserted_identity(std::string& out, std::string_view user, std::string_view domain) {
    out += "P-Asserted-Identity: <sip:";
    for (char c : user) {
        if (is_user_character(c)) {
            out += c;
        } else {
            out += '%';
            out += base::hex(std::string_view(&c, 1));
        }
    }
    out += '@';
    out += domain;
    out += ">\r\n";
}

}  // namespace confab::sip
