// SRTP and SRTCP (RFC 3711) through libsrtp2, with OpenSSL's AES-CTR and HMAC-SHA1 plugged in (Debian's build runs them through NSS, ten
// times slower).
//
// One `Srtp` is one direction of one leg: any SSRC, keyed once. Owner: one media thread at a time. In place; nothing allocates after the first packet
// of an SSRC. Suites: AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32, AEAD_AES_128_GCM, AEAD_AES_256_GCM (RFC 4568, RFC 7714).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace confab::media {

// Octets of master key plus salt; 0 for an unknown suite.
std::size_t srtp_key_size(std::string_view suite);
inline constexpr std::size_t kSrtpOverhead = 32;  // room that protect needs behind the packet

class Srtp {
public:
    enum class Direction : std::uint8_t { send, receive };

    static std::optional<Srtp> create(Direction direction, std::string_view suite, std::string_view key);
    ~Srtp();
    Srtp(Srtp&&) noexcept;
    Srtp& operator=(Srtp&&) noexcept;

    // `buffer` holds a packet of `size` octets and at least kSrtpOverhead more. The new size; empty: authentication failed, replay, or
    // malformed.
    std::optional<std::size_t> protect(std::span<std::uint8_t> buffer, std::size_t size);
    std::optional<std::size_t> unprotect(std::span<std::uint8_t> buffer, std::size_t size);
    std::optional<std::size_t> protect_rtcp(std::span<std::uint8_t> buffer, std::size_t size);
    std::optional<std::size_t> unprotect_rtcp(std::span<std::uint8_t> buffer, std::size_t size);

    // What the next packet will read, as far as it is known: first what tells the rest.
    void prefetch() const;
    void prefetch_keys() const;

private:
    struct Impl;
    explicit Srtp(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace confab::media
