// The challenger's half of digest.hpp: nonces that carry their own proof, and the nc windows of those seen.
#include <algorithm>
#include <array>

#include "base/check.hpp"
#include "base/text.hpp"
#include "sip/digest.hpp"

namespace confab::sip {
namespace {

// A nonce before base64url: time in ms (6 octets), key id, verifier (4), number (5), then 16 octets of HMAC.
constexpr std::size_t kPlainLength = 16, kSealLength = 16;
constexpr std::size_t kKeyAt = 6, kVerifierAt = 7, kNumberAt = 11;
constexpr std::size_t kTextLength = 43;
constexpr std::uint8_t kKeyId = 1;
constexpr std::int64_t kClockSkewMs = 30'000;  // between the sites that share the secret

using NonceOctets = std::array<std::uint8_t, kPlainLength + kSealLength>;

void write_big_endian(std::span<std::uint8_t> out, std::uint64_t value) {
    for (auto at = out.rbegin(); at != out.rend(); ++at, value >>= 8) *at = static_cast<std::uint8_t>(value);
}

std::uint64_t big_endian(std::span<const std::uint8_t> octets) {
    std::uint64_t value = 0;
    for (auto octet : octets) value = value << 8 | octet;
    return value;
}

std::string_view as_text(std::span<const std::uint8_t> octets) { return {reinterpret_cast<const char*>(octets.data()), octets.size()}; }

std::optional<NonceOctets> open_nonce(std::string_view text) {
    NonceOctets octets;
    if (text.size() != kTextLength || base::unbase64url(text, octets) != octets.size()) return std::nullopt;
    return octets;
}

std::int64_t issued_at(const NonceOctets& octets) { return static_cast<std::int64_t>(big_endian(std::span(octets).first(kKeyAt))); }

NonceWindows::Nonce known_by(const NonceOctets& octets) {
    return {big_endian(std::span(octets).subspan(kNumberAt, kPlainLength - kNumberAt)), issued_at(octets)};
}

}  // namespace

Challenger::Challenger(DigestPolicy policy) : policy_(std::move(policy)), mac_(policy_.secret), windows_(policy_.windows) {
    CHECK(policy_.secret.size() >= 16, "a nonce secret of fewer than 16 octets");
    CHECK(!policy_.algorithms.empty() && policy_.windows > 0, "a digest policy that offers nothing");
}

bool Challenger::offers(DigestAlgorithm algorithm) const {
    return std::ranges::find(policy_.algorithms, algorithm) != policy_.algorithms.end();
}

base::Sha256Octets Challenger::seal(std::string_view plain, DigestAlgorithm algorithm) const {
    return mac_({"nonce", plain, algorithm_name(algorithm), std::string_view("\0", 1), policy_.realm});
}

void Challenger::append_nonce(std::string& out, DigestAlgorithm algorithm, base::WallTime now) {
    NonceOctets octets;
    const std::span all(octets);
    write_big_endian(all.first(kKeyAt), static_cast<std::uint64_t>(now.time_since_epoch().count()));
    octets[kKeyAt] = kKeyId;
    write_big_endian(all.subspan(kVerifierAt, kNumberAt - kVerifierAt), policy_.verifier);
    write_big_endian(all.subspan(kNumberAt, kPlainLength - kNumberAt), issued_++);
    std::ranges::copy_n(seal(as_text(all.first(kPlainLength)), algorithm).begin(), kSealLength, octets.begin() + kPlainLength);
    base::append_base64url(out, octets);
}

void Challenger::append_challenges(std::string& out, std::string_view name, base::WallTime now, bool stale) {
    for (auto algorithm : policy_.algorithms) {
        out.append(name).append(": Digest realm=\"");
        for (char c : policy_.realm) {
            if (c == '"' || c == '\\') out.push_back('\\');
            out.push_back(c);
        }
        append_nonce(out.append("\", nonce=\""), algorithm, now);
        out.append("\", algorithm=").append(algorithm_name(algorithm));
        out.append(", qop=\"auth\"").append(stale ? ", stale=true\r\n" : "\r\n");
    }
}

NonceVerdict Challenger::judge(const DigestFields& answer, base::WallTime now) const {
    const auto octets = open_nonce(answer.nonce);
    if (!octets || answer.realm != policy_.realm || !offers(answer.algorithm)) return NonceVerdict::forged;
    const std::span all(*octets);
    if ((*octets)[kKeyAt] != kKeyId) return NonceVerdict::forged;
    const auto sealed = seal(as_text(all.first(kPlainLength)), answer.algorithm);
    if (!base::equal_in_constant_time(as_text(std::span(sealed).first(kSealLength)), as_text(all.subspan(kPlainLength)))) return NonceVerdict::forged;
    const auto age = now.time_since_epoch().count() - issued_at(*octets);
    if (age > base::milliseconds(policy_.nonce_lifetime).count() || age < -kClockSkewMs) return NonceVerdict::stale;
    if (big_endian(all.subspan(kVerifierAt, kNumberAt - kVerifierAt)) != policy_.verifier) return NonceVerdict::stale;
    return NonceVerdict::good;
}

bool Challenger::accept_count(const DigestFields& answer) {
    const auto octets = open_nonce(answer.nonce);
    if (!octets) return false;
    const auto nonce = known_by(*octets);
    const auto oldest = nonce.issued - base::milliseconds(policy_.nonce_lifetime).count() - kClockSkewMs;
    return answer.qop.empty() ? windows_.take_alone(nonce, oldest) : windows_.take(nonce, answer.nc, oldest);
}

void Challenger::append_info(std::string& out, std::string_view name, const DigestFields& answer, std::string_view rspauth, base::WallTime now) {
    const auto octets = open_nonce(answer.nonce);
    if (answer.qop.empty() || !octets) return;
    out.append(name).append(": qop=auth, rspauth=\"").append(rspauth).append("\", cnonce=\"");
    for (char c : answer.cnonce) {
        if (c == '"' || c == '\\') out.push_back('\\');
        out.push_back(c);
    }
    out.append("\", nc=").append(answer.nc_text);
    if (2 * (now.time_since_epoch().count() - issued_at(*octets)) > base::milliseconds(policy_.nonce_lifetime).count()) {
        append_nonce(out.append(", nextnonce=\""), answer.algorithm, now);
        out.push_back('"');
    }
    out.append("\r\n");
}

}  // namespace confab::sip
