// What comes to a SIP datagram socket and is no SIP: keepalives of RFC 5626 §4.4 and §8, told apart by their first octets. Pure.
//
// A STUN Binding request (RFC 5389) is answered with the address that it came from, so that a client behind a NAT sees its mapping live and
// learns when it has changed. No credentials, no RFC 3489 form (RFC 5626 §8). An answer is never three times as long as its request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/socket_address.hpp"

namespace confab::sip {

inline constexpr std::size_t kStunAnswerSize = 68;  // the longest answer

enum class DatagramKind : std::uint8_t {
    message,  // perhaps SIP: split it
    blank,    // line ends, blanks and zeros alone, or nothing: a keepalive that wants no answer
    stun,     // answer_stun decides
};
DatagramKind kind_of(std::span<const std::uint8_t> datagram);

// Writes the answer to a Binding request that came from `source` and returns its length: a Binding success, or 420 where the request demands to be
// understood in ways that are not. Nothing for an indication, an answer, a bad FINGERPRINT, malformed octets, or an `out` that is too small.
std::optional<std::size_t> answer_stun(std::span<const std::uint8_t> request, const base::SocketAddress& source, std::span<std::uint8_t> out);

}  // namespace confab::sip
