// Digest authentication (RFC 7616, RFC 8760, RFC 3261 §22): challenges, nonces without shared state, and the check of an answer.
//
// Two parts that live apart: the *challenger* (registrar for REGISTER, proxy for the rest) makes and judges nonces; whoever holds HA1s
// compares responses (`matches`). A nonce is base64url of time, key id, verifier, number and an HMAC over these with realm and algorithm, so any site with
// the secret can judge its age, and only the verifier that it names keeps its nc window. Order of checks: HMAC and age, response, then window.
// The checks allocate nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.hpp"
#include "base/time.hpp"
#include "sip/grammar.hpp"
#include "sip/nonce_windows.hpp"

namespace confab::sip {

enum class DigestAlgorithm : std::uint8_t { md5, sha256, sha512_256 };
std::string_view algorithm_name(DigestAlgorithm algorithm);  // "MD5", "SHA-256", "SHA-512-256"
std::optional<DigestAlgorithm> algorithm_of(std::string_view name);
// Names separated by spaces, in their order; empty when one is unknown or stands twice.
std::vector<DigestAlgorithm> algorithms_of(std::string_view names);
std::string digest_hex(DigestAlgorithm algorithm, std::string_view text);

// HA1 = H(user:realm:password), in hex.
std::string ha1(DigestAlgorithm algorithm, std::string_view user, std::string_view realm, std::string_view password);

// What a client sent in Authorization or Proxy-Authorization, as slices of the header's value.
struct DigestFields {
    std::string_view username, realm, nonce, uri, response, cnonce, qop, opaque;
    DigestAlgorithm algorithm = DigestAlgorithm::md5;
    std::uint32_t nc = 0;
    std::string_view nc_text;
};
// `scratch` holds the fields whose quoted text had escapes; it must live as long as the fields, unchanged.
std::optional<DigestFields> read_digest(std::string_view value, std::string& scratch);

// The same as a value of its own.
struct DigestAnswer {
    std::string username, realm, nonce, uri, response, cnonce, qop, opaque;
    DigestAlgorithm algorithm = DigestAlgorithm::md5;
    std::uint32_t nc = 0;
    std::string nc_text;

    operator DigestFields() const { return {username, realm, nonce, uri, response, cnonce, qop, opaque, algorithm, nc, nc_text}; }
};
std::optional<DigestAnswer> parse_digest_answer(std::string_view value);

// Does `answer` fit? `method_token` as in the request line. Constant time in the secret. qop `auth` or none (RFC 2069 style).
bool matches(const DigestFields& answer, std::string_view ha1_hex, std::string_view method_token);

// RFC 7615 §3: what proves to a client that its server knows HA1 too. "" for an answer without qop.
std::string rspauth(const DigestFields& answer, std::string_view ha1_hex);

struct DigestPolicy {
    std::string realm;
    std::vector<DigestAlgorithm> algorithms;  // in the order offered
    std::string secret;                       // shared by all sites; at least 16 octets
    std::uint32_t verifier = 0;               // names who keeps the nc window; see random_verifier
    base::seconds nonce_lifetime{300};
    std::size_t windows = 100'000;            // nonces whose nc is tracked; the oldest goes first
};

// A verifier for one run, never one of those that can be configured: the windows die with the run, so its nonces must be stale for the next.
constexpr std::uint32_t kConfiguredVerifiers = 65536;  // 0 … 65535
template <class Random>
std::uint32_t random_verifier(Random& random) {
    return kConfiguredVerifiers + static_cast<std::uint32_t>(random.below(0x100000000 - kConfiguredVerifiers));
}

enum class NonceVerdict : std::uint8_t { good, stale, forged };

class Challenger {
public:
    explicit Challenger(DigestPolicy policy);

    // Appends one header line for each algorithm: `name` is "WWW-Authenticate" or "Proxy-Authenticate".
    void append_challenges(std::string& out, std::string_view name, base::WallTime now, bool stale);

    // Before the response is compared: is the nonce ours, for this realm and algorithm, and young enough?
    NonceVerdict judge(const DigestFields& answer, base::WallTime now) const;
    // After it was found right: nc not seen before within the window of 64 (out of order allowed), or a first use without qop. False: treat as stale.
    bool accept_count(const DigestFields& answer);

    // Appends a whole line (RFC 7615): `name` is "Authentication-Info" or "Proxy-Authentication-Info". It brings the next nonce where the one answered has
    // passed half its life, so that a client that heeds it is never challenged again. Nothing for an answer without qop.
    void append_info(std::string& out, std::string_view name, const DigestFields& answer, std::string_view rspauth, base::WallTime now);

    const DigestPolicy& policy() const { return policy_; }

private:
    bool offers(DigestAlgorithm algorithm) const;
    void append_nonce(std::string& out, DigestAlgorithm algorithm, base::WallTime now);
    base::Sha256Octets seal(std::string_view plain, DigestAlgorithm algorithm) const;

    DigestPolicy policy_;
    base::HmacSha256 mac_;
    NonceWindows windows_;
    std::uint64_t issued_ = 0;
};

// The client's side: the strongest challenge that we can answer, or the first when they are equal.
struct Challenge {
    std::string realm, nonce, opaque;
    DigestAlgorithm algorithm = DigestAlgorithm::md5;
    bool qop_auth = false;
    bool stale = false;
};
std::optional<Challenge> parse_challenge(std::string_view value);
// Appends a whole "Authorization: Digest …\r\n" line.
void append_authorization(std::string& out, std::string_view name, const Challenge& challenge, std::string_view user, std::string_view password,
                          std::string_view method_token, std::string_view uri, std::uint32_t nc, std::string_view cnonce);

}  // namespace confab::sip
