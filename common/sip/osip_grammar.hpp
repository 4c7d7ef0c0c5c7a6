// The tree's door to libosip2's header grammar (RFC 3261 §25): a second opinion on single values. A REGISTER's From, To and Contact are
// shown to it before they are stored, and the fuzz target compares its reading with ours. It allocates and is slow: never per packet.
//
// Known traps kept on this side of the door: it reads C strings (a NUL would cut the value, so such values are refused), it knows no
// folding (line breaks become spaces first), it prints to stdout unless told not to, and it accepts any text as a CSeq number.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sip/message.hpp"

namespace confab::sip {

// Whether osip reads the value as that header. Via, From, To, Contact, Route, Record-Route, Call-ID and CSeq; any other name is a CHECK.
bool osip_accepts_header(HeaderName name, std::string_view value);

struct OsipUri {
    std::string scheme, user, host, port;  // escapes undone as osip does it; host without brackets; "" where absent
};
std::optional<OsipUri> osip_read_uri(std::string_view text);

struct OsipAddress {
    OsipUri uri;
    std::string tag;
};
std::optional<OsipAddress> osip_read_address(std::string_view value);  // From, To, Contact

struct OsipVia {
    std::string transport, host, port, branch;
};
std::optional<OsipVia> osip_read_via(std::string_view value);

struct OsipCseq {
    std::string number, method;
};
std::optional<OsipCseq> osip_read_cseq(std::string_view value);

std::optional<std::string> osip_read_call_id(std::string_view value);

}  // namespace confab::sip
