// SIP methods (RFC 3261 §7.1 and the IANA registry): tokens, compared case-sensitively.
#pragma once

#include <cstdint>
#include <string_view>

namespace confab::sip {

enum class Method : std::uint8_t {
    other,
    invite,
    ack,
    bye,
    cancel,
    options,
    register_,
    prack,
    update,
    info,
    message,
    refer,
    notify,
    subscribe,
    publish
};

Method method_of(std::string_view token);
std::string_view method_name(Method method);  // "" for `other`

}  // namespace confab::sip
