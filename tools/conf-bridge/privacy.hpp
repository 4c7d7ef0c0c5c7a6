// Whose identity may be shown: RFC 3323's wishes of a caller, and what is a phone number. Pure.
#pragma once

#include <string>
#include <string_view>

#include "sip/message.hpp"

namespace confab::bridge {

// Privacy: id, header or user (RFC 3323 §4.2, RFC 3325 §9.3), or From says anonymous, or nothing that could be shown.
bool is_withheld(const sip::Message& request);

// Who a trusted peer says sends a request (RFC 3325), else who From says: an address-of-record, or empty.
std::string identity_of(const sip::Message& request);

// A tel: URI, or an address or display name of at least seven digits, visual separators aside; what is shorter is an extension.
bool is_phone_number(std::string_view text);

}  // namespace confab::bridge
