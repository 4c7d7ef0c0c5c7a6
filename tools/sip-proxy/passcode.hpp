// Where a request brings a passcode, and how it is kept out of what people read. Pure.
//
// One place wins: the header, then the Request-URI's parameter, then the parameter of its user part (sip:1234;passcode=99@host), escapes
// undone; conf-bridge reads the same places in the same order.
#pragma once

#include <string>
#include <string_view>

#include "sip/grammar.hpp"
#include "sip/message.hpp"

namespace confab::proxy {

struct PasscodePlaces {
    std::string_view header, parameter;
};

std::string passcode_of(const sip::Message& request, const sip::Uri& uri, const PasscodePlaces& places);

// A message or a line of it with **** for passcodes, for what digest credentials prove, and for our dialog tokens.
std::string masked(std::string_view text, const PasscodePlaces& places);

}  // namespace confab::proxy
