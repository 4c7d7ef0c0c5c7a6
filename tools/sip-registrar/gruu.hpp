// Globally routable user agent URIs (RFC 5627): URIs that reach one instance of a user. Pure.
//
// A public GRUU is the address with the instance in `gr`. A temporary one hides the address: its user part is a sealed token of address, instance and
// Call-ID, so nothing is stored; it is good while the instance stays registered under that Call-ID (§5.4.1). The seal is a deterministic authenticated
// encryption (tag first, keystream from the tag) made of HMAC-SHA-256 under keys derived from the site's secret. Bound: a token of 512 characters, into which
// every address fits that a user may bind.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.hpp"
#include "sip/binding.hpp"
#include "sip/grammar.hpp"

namespace confab::registrar {

// Whom a URI means: an address, or one instance of it.
struct Wanted {
    std::string address;   // its key
    std::string instance;  // as in gr, without <>; "" when it does not matter
    std::optional<std::uint64_t> instance_hash, call_id_hash;  // of a temporary GRUU
    bool matches(const sip::Binding& binding) const;
};

class Gruus {
public:
    explicit Gruus(std::string_view secret);

    // `;pub-gruu="…";temp-gruu="…"` for a binding with an instance.
    void append(std::string& out, const sip::Binding& binding, base::Random& random) const;
    // Empty for what is no address and for a token that is not ours.
    std::optional<Wanted> read(const sip::Uri& uri) const;

private:
    std::string seal(std::string_view plain) const;
    std::optional<std::string> open(std::string_view token) const;
    void mask(std::string& text, std::string_view tag) const;

    std::string tag_key_, stream_key_;
};

}  // namespace confab::registrar
