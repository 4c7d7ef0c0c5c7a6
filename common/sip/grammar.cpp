#include "sip/grammar.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "sip/lexer.hpp"
#include "sip/message.hpp"

namespace confab::sip {
namespace {

// What matters to who looks for the end of a list's value.
constexpr auto kListMarks = [] {
    std::array<bool, 256> marks{};
    for (const char c : {'"', '<', '>', ','}) marks[static_cast<unsigned char>(c)] = true;
    return marks;
}();

// Characters of the classes and %HH escapes only.
bool all_or_escaped(std::string_view text, unsigned classes, std::string_view also = {}) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (lex::is(c, classes)) continue;
        if (c == '%') {
            if (i + 2 >= text.size() || !lex::is_hex(text[i + 1]) || !lex::is_hex(text[i + 2])) return false;
            i += 2;
        } else if (also.find(c) == also.npos) {
            return false;
        }
    }
    return true;
}

bool is_scheme(std::string_view text) {
    if (text.empty() || !lex::is(text.front(), lex::kUnreserved) || lex::is_digit(text.front())) return false;
    return std::all_of(text.begin(), text.end(), [](char c) { return (lex::is(c, lex::kHost) && c != '_') || c == '+'; });
}

bool is_sip_scheme(std::string_view scheme) { return base::iequals(scheme, "sip") || base::iequals(scheme, "sips"); }

bool read_user(std::string_view userinfo, Uri& uri) {
    const auto colon = userinfo.find(':');
    uri.user = userinfo.substr(0, colon);
    if (uri.user.empty() || !all_or_escaped(uri.user, lex::kUnreserved | lex::kUserExtra)) return false;
    return colon == userinfo.npos || all_or_escaped(userinfo.substr(colon + 1), lex::kUnreserved, "&=+$,");
}

// Takes host [":" port] off the front.
bool take_host_port(std::string_view& rest, Uri& uri) {
    if (rest.starts_with('[')) {
        const auto end = rest.find(']');
        if (end == rest.npos) return false;
        uri.host = lex::take(rest, end + 1);
        if (!base::IpAddress::parse(uri.host)) return false;
    } else {
        uri.host = lex::take(rest, lex::run(rest, lex::kHost));
        if (uri.host.empty() || uri.host.front() == '.') return false;
    }
    if (!rest.starts_with(':')) return true;
    rest.remove_prefix(1);
    const auto digits = lex::take(rest, std::min(rest.find_first_of(";?"), rest.size()));
    const auto port = base::parse_number<std::uint16_t>(digits);
    if (!port || *port == 0) return false;
    uri.port = *port;
    return true;
}

bool are_uri_params(std::string_view text) {
    while (!text.empty()) {
        text.remove_prefix(1);
        const auto one = lex::take(text, std::min(text.find(';'), text.size()));
        const auto name = one.substr(0, one.find('='));
        if (name.empty() || !all_or_escaped(one, lex::kUnreserved | lex::kParamExtra, "=")) return false;
    }
    return true;
}

bool read_sip_uri(std::string_view rest, Uri& uri) {
    const auto at = rest.find('@');
    if (at != rest.npos) {
        if (!read_user(rest.substr(0, at), uri)) return false;
        rest.remove_prefix(at + 1);
    }
    if (!take_host_port(rest, uri)) return false;
    const auto question = std::min(rest.find('?'), rest.size());
    uri.params.text = lex::take(rest, question);
    if (!uri.params.text.empty() && (uri.params.text.front() != ';' || !are_uri_params(uri.params.text))) return false;
    if (rest.empty()) return true;
    uri.headers = rest.substr(1);
    return !uri.headers.empty() && all_or_escaped(uri.headers, lex::kUnreserved | lex::kParamExtra, "=&?;,");
}

bool are_params(std::string_view text) {
    for (lex::Parameter parameter;;) {
        const auto step = lex::next_parameter(text, parameter);
        if (step != lex::Step::parameter) return step == lex::Step::end;
    }
}

std::string_view trim(std::string_view text) {
    lex::skip_white(text);
    while (!text.empty() && lex::is(text.back(), lex::kWhite)) text.remove_suffix(1);
    return text;
}

// An unquoted display name may hold any token characters, and what peers send beside them: letters of any language, '@', '/'.
// A colon is refused: some readers take what precedes it for a scheme.
bool is_display(std::string_view text) { return text.find_first_of(",:\\") == text.npos; }

// One character of a URI part, an escape decoded. Escaped reserved characters differ from bare ones (RFC 3261 §19.1.4).
constexpr int kEscapedReserved = 256;

int hex_value(char c) { return lex::is_digit(c) ? c - '0' : base::lower(c) - 'a' + 10; }

int take_character(std::string_view& text) {
    const auto first = static_cast<unsigned char>(text.front());
    if (first != '%' || text.size() < 3) {
        text.remove_prefix(1);
        return first;
    }
    const int code = hex_value(text[1]) * 16 + hex_value(text[2]);
    text.remove_prefix(3);
    return lex::is(static_cast<char>(code), lex::kUnreserved) ? code : kEscapedReserved + code;
}

bool equal_escaped(std::string_view a, std::string_view b, bool fold_case) {
    while (!a.empty() && !b.empty()) {
        int x = take_character(a), y = take_character(b);
        if (fold_case && x < 128 && y < 128) {
            x = base::lower(static_cast<char>(x));
            y = base::lower(static_cast<char>(y));
        }
        if (x != y) return false;
    }
    return a.empty() && b.empty();
}

std::string_view userinfo_of(const Uri& uri) {
    if (uri.user.empty()) return {};
    return {uri.user.data(), static_cast<std::size_t>(uri.host.data() - 1 - uri.user.data())};
}

bool equal_hosts(const Uri& a, const Uri& b) {
    if (base::iequals(a.host, b.host)) return true;
    const auto x = a.ip(), y = b.ip();
    return x && y && *x == *y;
}

bool must_be_in_both(std::string_view name) {
    for (std::string_view fixed : {"user", "ttl", "method", "maddr", "transport"})
        if (base::iequals(name, fixed)) return true;
    return false;
}

// Whether every parameter of `a` fits `b`.
bool params_fit(const Params& a, const Params& b) {
    auto rest = a.text;
    for (lex::Parameter parameter; lex::next_parameter(rest, parameter) == lex::Step::parameter;) {
        const auto other = b.get(parameter.name);
        if (other ? !equal_escaped(parameter.value, *other, true) : must_be_in_both(parameter.name)) return false;
    }
    return true;
}

std::string_view take_uri_header(std::string_view& rest) {
    const auto one = lex::take(rest, std::min(rest.find('&'), rest.size()));
    if (!rest.empty()) rest.remove_prefix(1);
    return one;
}

bool has_uri_header(std::string_view headers, std::string_view wanted) {
    const auto name = wanted.substr(0, wanted.find('='));
    while (!headers.empty()) {
        const auto one = take_uri_header(headers);
        const auto its_name = one.substr(0, one.find('='));
        if (equal_escaped(name, its_name, true) && equal_escaped(wanted.substr(name.size()), one.substr(its_name.size()), false))
            return true;
    }
    return false;
}

bool headers_fit(std::string_view a, std::string_view b) {
    while (!a.empty())
        if (!has_uri_header(b, take_uri_header(a))) return false;
    return true;
}

}  // namespace

std::optional<std::string_view> Params::get(std::string_view name) const {
    auto rest = text;
    for (lex::Parameter parameter; lex::next_parameter(rest, parameter) == lex::Step::parameter;)
        if (base::iequals(parameter.name, name)) return parameter.value;
    return std::nullopt;
}

bool Uri::is_sips() const { return base::iequals(scheme, "sips"); }

std::optional<base::IpAddress> Uri::ip() const { return base::IpAddress::parse(host); }

std::optional<Transport> Uri::transport() const {
    const auto wanted = params.get("transport");
    if (wanted && base::iequals(*wanted, "tls")) return Transport::tls;
    if (wanted && !base::iequals(*wanted, "tcp") && !base::iequals(*wanted, "udp")) return std::nullopt;
    if (is_sips()) return Transport::tls;
    return wanted && base::iequals(*wanted, "tcp") ? Transport::tcp : Transport::udp;
}

std::optional<Uri> parse_uri(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == text.npos || colon + 1 == text.size()) return std::nullopt;
    Uri uri;
    uri.text = text;
    uri.scheme = text.substr(0, colon);
    if (!is_scheme(uri.scheme)) return std::nullopt;
    if (!is_sip_scheme(uri.scheme)) {
        if (lex::run_until(text, lex::kForbidden) != text.size()) return std::nullopt;
        return uri;
    }
    if (!read_sip_uri(text.substr(colon + 1), uri)) return std::nullopt;
    return uri;
}

std::optional<NameAddr> parse_name_addr(std::string_view value) {
    auto rest = trim(value);
    NameAddr out;
    std::size_t mark = 0;
    if (rest.starts_with('"')) {
        const auto end = lex::quoted_end(rest);
        if (end == rest.npos) return std::nullopt;
        out.display = lex::take(rest, end);
        lex::skip_white(rest);
        if (!rest.starts_with('<')) return std::nullopt;
    } else {
        mark = std::min(rest.find_first_of("<\";"), rest.size());
    }
    std::string_view address;
    if (mark < rest.size() && rest[mark] == '<') {
        const auto end = rest.find('>', mark);
        if (end == rest.npos) return std::nullopt;
        if (mark > 0) out.display = trim(rest.substr(0, mark));
        if (mark > 0 && !is_display(out.display)) return std::nullopt;
        address = trim(rest.substr(mark + 1, end - mark - 1));
        rest.remove_prefix(end + 1);
    } else {
        // Without <> every parameter belongs to the header, and a URI with '?' or ',' is not allowed (RFC 3261 §20.10).
        address = trim(lex::take(rest, mark));
        if (address.find_first_of("?,") != address.npos) return std::nullopt;
    }
    out.params.text = trim(rest);
    if (!are_params(out.params.text)) return std::nullopt;
    const auto uri = parse_uri(address);
    if (!uri) return std::nullopt;
    out.uri = *uri;
    return out;
}

std::optional<Via> parse_via(std::string_view value) {
    TopVia top;
    if (!read_via(value, top)) return std::nullopt;
    auto params = trim(value.substr(static_cast<std::size_t>(top.host.data() + top.host.size() - value.data())));
    params.remove_prefix(std::min(params.find(';'), params.size()));
    params = params.substr(0, static_cast<std::size_t>(std::max(top.value.data() + top.value.size(), params.data()) - params.data()));
    return Via{top.transport, top.host, top.port, {params}};
}

std::optional<std::string_view> next_value(std::string_view& rest) {
    lex::skip_white(rest);
    if (rest.empty()) return std::nullopt;
    bool bracketed = false;
    std::size_t end = 0;
    for (; end < rest.size(); ++end) {
        const char c = rest[end];
        if (!kListMarks[static_cast<unsigned char>(c)]) [[likely]]
            continue;
        if (c == '"' && !bracketed) {
            const auto closing = lex::quoted_end(rest.substr(end));
            if (closing == rest.npos) {
                end = rest.size();
                break;
            }
            end += closing - 1;
        } else if (c == ',' && !bracketed) {
            break;
        } else if (c == '<' || c == '>') {
            bracketed = c == '<';
        }
    }
    const auto value = trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return value;
}

std::optional<Credentials> parse_credentials(std::string_view value) {
    auto rest = trim(value);
    Credentials out;
    out.scheme = lex::take(rest, lex::run(rest, lex::kToken));
    if (out.scheme.empty() || (!rest.empty() && !lex::is(rest.front(), lex::kWhite))) return std::nullopt;
    out.params = trim(rest);
    return out;
}

std::optional<std::string> Credentials::get(std::string_view name) const {
    auto rest = params;
    while (const auto one = next_value(rest)) {
        const auto equals = one->find('=');
        if (equals == one->npos || !base::iequals(trim(one->substr(0, equals)), name)) continue;
        const auto value = trim(one->substr(equals + 1));
        if (!value.starts_with('"')) return std::string(value);
        if (lex::quoted_end(value) != value.size()) return std::nullopt;
        std::string out;
        for (std::size_t i = 1; i + 1 < value.size(); ++i) {
            if (value[i] == '\\') ++i;
            out += value[i];
        }
        return out;
    }
    return std::nullopt;
}

std::optional<std::string> address_key(const Uri& uri) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    if (!is_sip_scheme(uri.scheme) || uri.host.empty()) return std::nullopt;
    std::string key = "sip:";
    for (auto user = uri.user; !user.empty();) {
        const int c = take_character(user);
        if (c < kEscapedReserved) {
            key += static_cast<char>(c);
        } else {
            key += '%';
            key += kHex[static_cast<std::size_t>(c >> 4 & 15)];
            key += kHex[static_cast<std::size_t>(c & 15)];
        }
    }
    if (!uri.user.empty()) key += '@';
    const auto ip = uri.ip();
    key += ip ? ip->host() : base::to_lower(uri.host);
    const bool usual_port = uri.port == 0 || uri.port == 5060 || (uri.is_sips() && uri.port == 5061);
    if (!usual_port) {
        key += ':';
        base::append_number(key, uri.port);
    }
    return key;
}

std::string unescape(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto octet = text.front() == '%' && text.size() > 2 ? base::unhex(text.substr(1, 2)) : std::nullopt;
        out += octet ? octet->front() : text.front();
        text.remove_prefix(octet ? 3 : 1);
    }
    return out;
}

bool equal_uris(const Uri& a, const Uri& b) {
    if (a.text == b.text) return true;
    if (!base::iequals(a.scheme, b.scheme)) return false;
    if (!is_sip_scheme(a.scheme)) return false;
    return a.port == b.port && equal_hosts(a, b) && equal_escaped(userinfo_of(a), userinfo_of(b), false) &&
           params_fit(a.params, b.params) && params_fit(b.params, a.params) && headers_fit(a.headers, b.headers) &&
           headers_fit(b.headers, a.headers);
}

}  // namespace confab::sip
