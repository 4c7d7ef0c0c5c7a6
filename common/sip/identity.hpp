// The trust boundary (design §5): who a request says it comes from is believed only of trusted peers, and of digest credentials. Pure.
//
// Edits go into a `Splice`, whose room is bounded; a message that would need more edits than `kMaxIdentityEdits` is refused whole.
#pragma once

#include <string>
#include <string_view>

#include "sip/message.hpp"
#include "sip/splice.hpp"

namespace confab::sip {

inline constexpr std::size_t kMaxIdentityEdits = 24;

enum class Boundary : unsigned char {
    untrusted,      // asserted and preferred identities and everything of Confab's own goes
    trusted,        // nothing goes
    authenticated,  // untrusted, and our credentials go: the caller's identity is written anew
    authenticated_trusted,  // a trusted peer's words stay, but the identity is the digest user's alone
};

// How many edits `strip` would make.
std::size_t count_stripped(const Message& message, Boundary boundary, std::string_view realm);
// Requires count_stripped() <= kMaxIdentityEdits.
void strip(Splice& splice, const Message& message, Boundary boundary, std::string_view realm);

// A URI without `confab-…` parameters.
std::string without_own_parameters(std::string_view uri);

// `P-Asserted-Identity: <sip:user@domain>\r\n` (RFC 3325 §9.1); what a URI's user part may not hold is escaped.
void append_asserted_identity(std::string& out, std::string_view user, std::string_view domain);

}  // namespace confab::sip
