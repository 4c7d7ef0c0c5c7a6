// What an INVITE says about its caller's entry: passcode, role, codes, accounting, attendee and language. Pure.
//
// One place wins for each parameter: the header, then the Request-URI's parameter, then the parameter of its user part
// (sip:1234;passcode=99@host); sip-proxy reads the passcode from the same places in the same order. An empty value counts as none, and
// still wins. URI escapes (RFC 3986 §2.1) are undone, quotes around a header's value removed. Bounds: a code is cut behind kLongestCode,
// so that it is wrong, and an accounting code or attendee that is longer than kLongestLabel, or no UTF-8, or holds control characters,
// counts as none. Names are configuration. Codes are secrets: they go into no log, event or listing; accounting code and attendee may.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/table.hpp"
#include "sip/grammar.hpp"
#include "sip/message.hpp"

namespace confab::bridge {

inline constexpr std::size_t kLongestCode = 64;
inline constexpr std::size_t kLongestLabel = 128;

// The names of headers and URI parameters. A name that is empty is not looked for.
struct ParameterKeys {
    std::string passcode_header, passcode_parameter;
    std::string host_header, host_parameter;
    std::string leader_pin_header, leader_pin_parameter;
    std::string security_code_header, security_code_parameter;
    std::string accounting_header, accounting_parameter;
    std::string attendee_header, attendee_parameter;
    std::string language_header, language_parameter;
};
config::Table parameter_keys();
void check_parameters(const ParameterKeys& keys, const config::Entries& entries, config::Problems& problems);

struct Parameters {
    std::string passcode, leader_pin, security_code;
    std::optional<bool> host;                  // what the caller claims to be
    std::string accounting_code, attendee_id;  // for records and rosters
    std::string language;                      // as in Accept-Language (RFC 3261 §20.3)
};
Parameters parameters_of(const sip::Message& request, const sip::Uri& uri, const ParameterKeys& keys);

// The user part without the parameters that it may carry.
std::string dialled_number(const sip::Uri& uri);

}  // namespace confab::bridge
