// Digests and message authentication: the tree's one door to OpenSSL's hashes. Results are raw octets; the forms that answer a std::string allocate,
// the others do not. A text may come in parts, which are hashed as if they stood one behind the other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace confab::base {

using Sha256Octets = std::array<std::uint8_t, 32>;
using TextParts = std::initializer_list<std::string_view>;

enum class HashName : std::uint8_t { md5, sha256, sha512_256 };
// Writes the hash to the front of `out` and answers its length: 16 or 32 octets.
std::size_t hash(HashName name, TextParts parts, std::span<std::uint8_t, 32> out);

std::string md5(std::string_view text);
std::string sha256(std::string_view text);
Sha256Octets sha256_octets(std::string_view text);
std::string sha512_256(std::string_view text);
std::string hmac_sha256(std::string_view key, std::string_view text);

// RFC 2104 with SHA-256 and a key that is used often: what depends on the key alone is computed once.
class HmacSha256 {
public:
    explicit HmacSha256(std::string_view key);
    Sha256Octets operator()(TextParts parts) const;

private:
    struct alignas(16) State {  // OpenSSL's
        std::array<std::uint8_t, 112> octets;
    };
    State inner_, outer_;
};

}  // namespace confab::base
