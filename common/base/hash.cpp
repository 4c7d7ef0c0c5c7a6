// MD5 and SHA-256 run on OpenSSL's plain contexts: a challenge hashes a few dozen octets several times over, and the EVP layer's dispatch would cost as much
// as the hashing; a kept HMAC state is copied, which EVP does only with allocations. Their API is deprecated, not their code.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/hash.hpp"

#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/check.hpp"

namespace confab::base {
namespace {

constexpr std::size_t kBlock = 64;

struct FreeAlgorithm {
    void operator()(EVP_MD* algorithm) const { EVP_MD_free(algorithm); }
};
struct FreeContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// Fetching an algorithm costs more than hashing a short text with it, so every thread keeps the algorithm and a context.
class Sha512_256 {
public:
    Sha512_256() : algorithm_(EVP_MD_fetch(nullptr, "SHA512-256", nullptr)), context_(EVP_MD_CTX_new()) {
        CHECK(algorithm_ && context_, "OpenSSL has no SHA512-256");
    }
    void operator()(TextParts parts, std::uint8_t* out) {
        check(EVP_DigestInit_ex2(context_.get(), algorithm_.get(), nullptr));
        for (auto part : parts) check(EVP_DigestUpdate(context_.get(), part.data(), part.size()));
        check(EVP_DigestFinal_ex(context_.get(), out, nullptr));
    }

private:
    static void check(int result) { CHECK(result == 1, "an OpenSSL digest call failed"); }

    std::unique_ptr<EVP_MD, FreeAlgorithm> algorithm_;
    std::unique_ptr<EVP_MD_CTX, FreeContext> context_;
};

std::string text_of(HashName name, std::string_view text) {
    Sha256Octets octets;
    const auto length = hash(name, {text}, octets);
    return {octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(length)};
}

SHA256_CTX keyed(std::span<const std::uint8_t, kBlock> key, std::uint8_t mask) {
    std::array<std::uint8_t, kBlock> pad;
    std::ranges::transform(key, pad.begin(), [&](std::uint8_t octet) { return static_cast<std::uint8_t>(octet ^ mask); });
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, pad.data(), pad.size());
    return context;
}

}  // namespace

std::size_t hash(HashName name, TextParts parts, std::span<std::uint8_t, 32> out) {
    if (name == HashName::md5) {
        MD5_CTX context;
        MD5_Init(&context);
        for (auto part : parts) MD5_Update(&context, part.data(), part.size());
        MD5_Final(out.data(), &context);
        return MD5_DIGEST_LENGTH;
    }
    if (name == HashName::sha256) {
        SHA256_CTX context;
        SHA256_Init(&context);
        for (auto part : parts) SHA256_Update(&context, part.data(), part.size());
        SHA256_Final(out.data(), &context);
    } else {
        thread_local Sha512_256 hasher;
        hasher(parts, out.data());
    }
    return out.size();
}

std::string md5(std::string_view text) { return text_of(HashName::md5, text); }
std::string sha256(std::string_view text) { return text_of(HashName::sha256, text); }
std::string sha512_256(std::string_view text) { return text_of(HashName::sha512_256, text); }

Sha256Octets sha256_octets(std::string_view text) {
    Sha256Octets out;
    hash(HashName::sha256, {text}, out);
    return out;
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
    const auto octets = HmacSha256(key)({text});
    return {octets.begin(), octets.end()};
}

HmacSha256::HmacSha256(std::string_view key) {
    static_assert(sizeof(State) == sizeof(SHA256_CTX));
    std::array<std::uint8_t, kBlock> block{};
    if (key.size() > kBlock)
        std::ranges::copy(sha256_octets(key), block.begin());
    else
        std::ranges::copy(key, block.begin());
    const auto inner = keyed(block, 0x36), outer = keyed(block, 0x5c);
    std::memcpy(&inner_, &inner, sizeof(State));
    std::memcpy(&outer_, &outer, sizeof(State));
}

Sha256Octets HmacSha256::operator()(TextParts parts) const {
    SHA256_CTX context;
    Sha256Octets octets;
    std::memcpy(&context, &inner_, sizeof(State));
    for (auto part : parts) SHA256_Update(&context, part.data(), part.size());
    SHA256_Final(octets.data(), &context);
    std::memcpy(&context, &outer_, sizeof(State));
    SHA256_Update(&context, octets.data(), octets.size());
    SHA256_Final(octets.data(), &context);
    return octets;
}

}  // namespace confab::base
