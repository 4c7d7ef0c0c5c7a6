// The grammar of single header values (RFC 3261 §25), on demand, as slices. Nothing allocates; answers are empty optionals for
// malformed text. `osip_grammar.hpp` holds the reference that a fuzz target compares with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/socket_address.hpp"
#include "sip/transport.hpp"

namespace confab::sip {

// A list of `;name[=value]` parameters, as text; looked up without building a container.
struct Params {
    std::string_view text;  // starts with ';' or is empty

    std::optional<std::string_view> get(std::string_view name) const;  // "" for a flag; quotes removed around a quoted-string
    bool has(std::string_view name) const { return get(name).has_value(); }
};

struct Uri {
    std::string_view text;
    std::string_view scheme;  // as written; compare with iequals
    std::string_view user;    // still escaped, without password; "" when absent
    std::string_view host;    // IPv6 in brackets
    std::uint16_t port = 0;   // 0: absent
    Params params;
    std::string_view headers;  // what follows '?'

    bool is_sips() const;
    // Host as an IP address, where it is one.
    std::optional<base::IpAddress> ip() const;
    // The transport that the URI asks for: sips or transport=tls → tls, transport=tcp → tcp, otherwise udp (RFC 3263 §4.1 without DNS).
    // Empty for a transport that we do not have.
    std::optional<Transport> transport() const;
};
std::optional<Uri> parse_uri(std::string_view text);  // sip: and sips:; others only scheme and text (user is "", host is "")

// From, To, Contact, Route, Record-Route, Path values: name-addr or addr-spec with header parameters (RFC 3261 §20.10).
struct NameAddr {
    std::string_view display;  // as written, with quotes
    Uri uri;
    Params params;
};
std::optional<NameAddr> parse_name_addr(std::string_view value);

struct Via {
    std::string_view transport, host;
    std::uint16_t port = 0;
    Params params;
};
std::optional<Via> parse_via(std::string_view value);

// Splits a header value at the commas that stand outside quotes and <>: calls take the first value off the front of `rest`.
std::optional<std::string_view> next_value(std::string_view& rest);

// "Digest a=b, c="d"": scheme and parameters. Quotes are removed and escapes undone by `get`, which may have to copy.
struct Credentials {
    std::string_view scheme;
    std::string_view params;
    std::optional<std::string> get(std::string_view name) const;
};
std::optional<Credentials> parse_credentials(std::string_view value);

// The canonical key of an address-of-record: `sip:user@host` with escapes of unreserved characters undone and the host in lower case, no
// port when it is the default one, no parameters (RFC 3261 §10.3 step 5). A sips: address has the same key as its sip: twin.
std::optional<std::string> address_key(const Uri& uri);

// %HH escapes undone (RFC 3986 §2.1); a % that begins none stays.
std::string unescape(std::string_view text);

// RFC 3261 §19.1.4 comparison.
bool equal_uris(const Uri& a, const Uri& b);

}  // namespace confab::sip
