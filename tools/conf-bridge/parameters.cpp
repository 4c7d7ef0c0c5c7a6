#include "conf-bridge/parameters.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "base/utf8.hpp"

namespace confab::bridge {
namespace {

using config::key;

std::string unquote(std::string_view text) {
    if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
    std::string out;
    for (std::size_t i = 1; i + 1 < text.size(); ++i) {
        if (text[i] == '\\' && i + 2 < text.size()) ++i;
        out += text[i];
    }
    return out;
}

sip::Params user_params(const sip::Uri& uri) { return {uri.user.substr(std::min(uri.user.find(';'), uri.user.size()))}; }

bool is_label(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto length = base::utf8_length(text, at);
        if (length == 0 || static_cast<unsigned char>(text[at]) < ' ' || text[at] == 0x7f) return false;
        at += length;
    }
    return text.size() <= kLongestLabel;
}

std::optional<bool> claim_of(std::string_view text) {
    static constexpr std::string_view kYes[] = {"true", "yes", "1", "host", "leader"}, kNo[] = {"false", "no", "0", "participant"};
    const auto is = [&](std::string_view word) { return base::iequals(word, text); };
    if (std::ranges::any_of(kYes, is)) return true;
    if (std::ranges::any_of(kNo, is)) return false;
    return std::nullopt;
}

class Reader {
public:
    Reader(const sip::Message& request, const sip::Uri& uri) : request_(request), uri_(uri), user_(user_params(uri)) {}

    std::string value(const std::string& header, const std::string& parameter) const {
        if (const auto* found = header.empty() ? nullptr : request_.find(header)) return unquote(base::trim(found->value));
        if (parameter.empty()) return {};
        if (const auto given = uri_.params.get(parameter)) return sip::unescape(*given);
        return sip::unescape(user_.get(parameter).value_or(""));
    }
    std::string code(const std::string& header, const std::string& parameter) const {
        return value(header, parameter).substr(0, kLongestCode + 1);
    }
    std::string label(const std::string& header, const std::string& parameter) const {
        auto text = value(header, parameter);
        return is_label(text) ? text : std::string();
    }

private:
    const sip::Message& request_;
    const sip::Uri& uri_;
    sip::Params user_;
};

// RFC 3261 §25.1.
bool is_token(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || std::string_view("-.!%*_+`'~").contains(c);
    });
}

}  // namespace

config::Table parameter_keys() {
    using P = ParameterKeys;
    config::Table keys = {
        key("passcode-header", &P::passcode_header, "X-Passcode",
            "Header that brings a passcode. For this and the parameters below the header goes before the Request-URI's parameter, and that before "
            "the parameter of its user part; a name that is empty is not looked for."),
        key("passcode-parameter", &P::passcode_parameter, "passcode", "URI parameter that brings a passcode."),
        key("host-header", &P::host_header, "X-Is-Host", "Header that tells whether the caller is a host: true or false."),
        key("host-parameter", &P::host_parameter, "is-host", "URI parameter that tells whether the caller is a host."),
        key("leader-pin-header", &P::leader_pin_header, "X-Leader-Pin", "Header that brings the leader PIN, which makes its caller a host."),
        key("leader-pin-parameter", &P::leader_pin_parameter, "leader-pin", "URI parameter that brings the leader PIN."),
        key("security-code-header", &P::security_code_header, "X-Security-Code",
            "Header that brings the security code: a host's sets the running conference's, others must have the same."),
        key("security-code-parameter", &P::security_code_parameter, "security-code", "URI parameter that brings the security code."),
        key("accounting-header", &P::accounting_header, "X-Phone-PAC", "Header that brings the project accounting code, for records."),
        key("accounting-parameter", &P::accounting_parameter, "phone-pac", "URI parameter that brings the project accounting code."),
        key("attendee-header", &P::attendee_header, "X-Attendee-ID",
            "Header that names the caller's attendee in a web conference; rosters and events tell it, and commands take it for a member's number."),
        key("attendee-parameter", &P::attendee_parameter, "attendee-id", "URI parameter that names the caller's attendee in a web conference."),
        key("language-header", &P::language_header, "Accept-Language", "Header that tells the languages that the caller wants to hear."),
        key("language-parameter", &P::language_parameter, "language", "URI parameter that tells the languages that the caller wants to hear."),
    };
    for (auto& row : keys) row.is_live();
    return keys;
}

void check_parameters(const ParameterKeys& keys, const config::Entries& entries, config::Problems& problems) {
    const std::pair<std::string_view, const std::string&> names[] = {
        {"passcode-header", keys.passcode_header},           {"passcode-parameter", keys.passcode_parameter},
        {"host-header", keys.host_header},                   {"host-parameter", keys.host_parameter},
        {"leader-pin-header", keys.leader_pin_header},       {"leader-pin-parameter", keys.leader_pin_parameter},
        {"security-code-header", keys.security_code_header}, {"security-code-parameter", keys.security_code_parameter},
        {"accounting-header", keys.accounting_header},       {"accounting-parameter", keys.accounting_parameter},
        {"attendee-header", keys.attendee_header},           {"attendee-parameter", keys.attendee_parameter},
        {"language-header", keys.language_header},           {"language-parameter", keys.language_parameter},
    };
    for (const auto& [name, value] : names)
        if (!is_token(value)) config::complain(entries, problems, name, "a name of letters, digits and -", value);
}

Parameters parameters_of(const sip::Message& request, const sip::Uri& uri, const ParameterKeys& keys) {
    const Reader read(request, uri);
    Parameters given;
    given.passcode = read.code(keys.passcode_header, keys.passcode_parameter);
    given.host = claim_of(read.value(keys.host_header, keys.host_parameter));
    given.leader_pin = read.code(keys.leader_pin_header, keys.leader_pin_parameter);
    given.security_code = read.code(keys.security_code_header, keys.security_code_parameter);
    given.accounting_code = read.label(keys.accounting_header, keys.accounting_parameter);
    given.attendee_id = read.label(keys.attendee_header, keys.attendee_parameter);
    given.language = read.label(keys.language_header, keys.language_parameter);
    return given;
}

std::string dialled_number(const sip::Uri& uri) { return sip::unescape(uri.user.substr(0, uri.user.find(';'))); }

}  // namespace confab::bridge
