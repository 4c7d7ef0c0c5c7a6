#include "media/srtp.hpp"

// OpenSSL only wipes: its contexts cannot lie within ours, and cost more to begin than a packet takes to encrypt.
#include <nettle/aes.h>
#include <nettle/sha1.h>
#include <openssl/crypto.h>
#include <srtp2/auth.h>
#include <srtp2/cipher.h>
#include <srtp2/srtp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "base/prefetch.hpp"

namespace confab::media {
namespace {

constexpr unsigned long kReplayWindow = 256;
constexpr std::size_t kMaxStreams = 256;  // SSRCs of one direction; libsrtp2 keeps a state for each that authenticates

// --- AES-128 in integer counter mode (RFC 3711 §4.1.1) ---

constexpr std::size_t kBlock = AES_BLOCK_SIZE, kAesKey = AES128_KEY_SIZE, kSalt = 14;

struct CounterMode {
    srtp_cipher_t cipher;
    std::array<std::uint8_t, kBlock> salt{};
    aes128_ctx schedule;
};

// Of the packet at hand: the library's calls for one follow each other.
struct Counter {
    ~Counter() { OPENSSL_cleanse(block.data(), block.size()); }
    std::array<std::uint8_t, kBlock> block{};
    std::size_t position = 0;  // in the key stream
};
thread_local Counter counter;

// A place in memory that each packet of a session needs. The heap strews them, in a chain whose links would be waited for one by one; who knows them fetches
// them ahead.
struct Place {
    const char* at = nullptr;
    std::size_t size = 0;
};
struct Places {
    std::array<Place, 12> all{};
    std::size_t count = 0;
    void note(const void* at, std::size_t size) {
        if (count < all.size()) all[count++] = {static_cast<const char*>(at), size};
    }
};
thread_local Places* noted = nullptr;  // where allocations are noted while libsrtp2 makes a session or a stream

// Of those for a session with AES-CM: itself, its list of streams, cipher and authentication of RTP, and the limit on their use. A stream's are all needed.
constexpr std::size_t kOfSession[] = {0, 1, 4, 5, 8}, kOfStream = 3;

constexpr std::size_t kRun = 12;  // blocks at once: a packet of 20 ms of G.711

extern "C" {

// In the place of libsrtp2's own, which does no more and is replaceable since its shared object calls it by name. Were it not called, nothing would be noted.
void* srtp_crypto_alloc(std::size_t size) {
    void* const at = std::calloc(1, size);
    if (noted) noted->note(at, size);
    return at;
}

static srtp_err_status_t icm_dealloc(srtp_cipher_t* cipher) {
    if (!cipher) return srtp_err_status_bad_param;
    auto* state = static_cast<CounterMode*>(cipher->state);
    OPENSSL_cleanse(state, sizeof *state);
    delete state;
    return srtp_err_status_ok;
}

extern const srtp_cipher_type_t kCounterModeType;

static srtp_err_status_t icm_alloc(srtp_cipher_t** out, int key_size, int) {
    if (key_size != static_cast<int>(kAesKey + kSalt)) return srtp_err_status_bad_param;
    auto* state = new (std::nothrow) CounterMode{};
    if (!state) return srtp_err_status_alloc_fail;
    state->cipher = {&kCounterModeType, state, key_size, SRTP_AES_ICM_128};
    if (noted) noted->note(state, sizeof *state);
    *out = &state->cipher;
    return srtp_err_status_ok;
}

static srtp_err_status_t icm_init(void* opaque, const std::uint8_t* key) {
    auto& state = *static_cast<CounterMode*>(opaque);
    state.salt.fill(0);
    std::memcpy(state.salt.data(), key + kAesKey, kSalt);
    aes128_set_encrypt_key(&state.schedule, key);
    return srtp_err_status_ok;
}

static srtp_err_status_t icm_set_iv(void* opaque, std::uint8_t* iv, srtp_cipher_direction_t) {
    const auto& state = *static_cast<CounterMode*>(opaque);
    for (std::size_t i = 0; i < kBlock; ++i) counter.block[i] = iv[i] ^ state.salt[i];
    counter.position = 0;
    return srtp_err_status_ok;
}

// The low 16 bits count the blocks of a packet, and begin at 0.
static srtp_err_status_t icm_crypt(void* opaque, std::uint8_t* buffer, unsigned* size) {
    const auto& state = *static_cast<CounterMode*>(opaque);
    for (std::size_t done = 0; done < *size;) {
        std::array<std::uint8_t, kRun * kBlock> stream;
        const std::size_t block = counter.position / kBlock, skipped = counter.position % kBlock;
        const std::size_t blocks = std::min(kRun, (skipped + *size - done + kBlock - 1) / kBlock);
        for (std::size_t i = 0; i < blocks; ++i) {
            auto* const at = stream.data() + i * kBlock;
            std::memcpy(at, counter.block.data(), kBlock);
            at[kBlock - 2] = static_cast<std::uint8_t>((block + i) >> 8);
            at[kBlock - 1] = static_cast<std::uint8_t>(block + i);
        }
        aes128_encrypt(&state.schedule, blocks * kBlock, stream.data(), stream.data());
        const std::size_t taken = std::min(blocks * kBlock - skipped, *size - done);
        for (std::size_t i = 0; i < taken; ++i) buffer[done + i] ^= stream[skipped + i];
        done += taken;
        counter.position += taken;
    }
    return srtp_err_status_ok;
}

// RFC 3711 B.2, its first two blocks.
static const std::uint8_t kIcmKey[kAesKey + kSalt] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7,
                                                      0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c, 0xf0, 0xf1, 0xf2, 0xf3,
                                                      0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd};
static std::uint8_t icm_index[kBlock] = {};
static const std::uint8_t kIcmPlain[32] = {};
static const std::uint8_t kIcmKeystream[32] = {0xe0, 0x3e, 0xad, 0x09, 0x35, 0xc9, 0x5e, 0x80, 0xe1, 0x66, 0xb1,
                                               0x6d, 0xd9, 0x2b, 0x4e, 0xb4, 0xd2, 0x35, 0x13, 0x16, 0x2b, 0x02,
                                               0xd0, 0xf7, 0x2a, 0x43, 0xa2, 0xfe, 0x4a, 0x5f, 0x97, 0xab};
static const srtp_cipher_test_case_t kIcmTest = {
    sizeof kIcmKey, kIcmKey, icm_index, sizeof kIcmPlain, kIcmPlain, sizeof kIcmKeystream, kIcmKeystream, 0, nullptr, 0, nullptr};

const srtp_cipher_type_t kCounterModeType = {
    icm_alloc, icm_dealloc,     icm_init, nullptr, icm_crypt, icm_crypt, icm_set_iv, nullptr, "AES-128 counter mode by Nettle",
    &kIcmTest, SRTP_AES_ICM_128};

// --- HMAC-SHA1 (RFC 2104): of each key its two chaining values are kept, so that a packet costs neither two blocks nor much memory ---

}  // extern "C"

using Chain = std::array<std::uint32_t, SHA1_DIGEST_SIZE / 4>;  // SHA-1's state after the padded key

struct KeyedSha1 {
    srtp_auth_t auth;
    Chain inner, outer;
};

void go_on_after_key(sha1_ctx& hash, const Chain& chain) {
    std::ranges::copy(chain, hash.state);
    hash.count = 1;  // blocks
    hash.index = 0;
}

thread_local sha1_ctx running;  // of the packet at hand

extern "C" {

extern const srtp_auth_type_t kSha1Type;

static srtp_err_status_t hmac_alloc(srtp_auth_t** out, int key_size, int tag_size) {
    if (key_size < 0 || key_size > SHA1_BLOCK_SIZE || tag_size < 0 || tag_size > SHA1_DIGEST_SIZE) return srtp_err_status_bad_param;
    auto* state = new (std::nothrow) KeyedSha1{};
    if (!state) return srtp_err_status_alloc_fail;
    state->auth = {&kSha1Type, state, tag_size, key_size, 0};
    *out = &state->auth;
    if (noted) noted->note(state, sizeof *state);
    return srtp_err_status_ok;
}

static srtp_err_status_t hmac_dealloc(srtp_auth_t* auth) {
    if (!auth) return srtp_err_status_bad_param;
    auto* state = static_cast<KeyedSha1*>(auth->state);
    OPENSSL_cleanse(state, sizeof *state);
    delete state;
    return srtp_err_status_ok;
}

static srtp_err_status_t hmac_start(void* opaque) {
    go_on_after_key(running, static_cast<KeyedSha1*>(opaque)->inner);
    return srtp_err_status_ok;
}

static srtp_err_status_t hmac_init(void* opaque, const std::uint8_t* key, int key_size) {
    auto& state = *static_cast<KeyedSha1*>(opaque);
    const auto keyed = [&](Chain& into, std::uint8_t pad) {
        std::array<std::uint8_t, SHA1_BLOCK_SIZE> block;
        block.fill(pad);
        for (int i = 0; i < key_size; ++i) block[static_cast<std::size_t>(i)] ^= key[i];
        sha1_ctx whole;
        sha1_init(&whole);
        sha1_update(&whole, block.size(), block.data());
        std::ranges::copy(whole.state, into.begin());
        OPENSSL_cleanse(block.data(), block.size());
        OPENSSL_cleanse(&whole, sizeof whole);
    };
    keyed(state.inner, 0x36);
    keyed(state.outer, 0x5c);
    return hmac_start(opaque);
}

static srtp_err_status_t hmac_update(void*, const std::uint8_t* text, int size) {
    sha1_update(&running, static_cast<std::size_t>(size), text);
    return srtp_err_status_ok;
}

static srtp_err_status_t hmac_compute(void* opaque, const std::uint8_t* text, int size, int tag_size, std::uint8_t* tag) {
    if (tag_size > SHA1_DIGEST_SIZE) return srtp_err_status_bad_param;
    hmac_update(opaque, text, size);
    std::array<std::uint8_t, SHA1_DIGEST_SIZE> digest;
    sha1_digest(&running, digest.size(), digest.data());
    go_on_after_key(running, static_cast<KeyedSha1*>(opaque)->outer);
    sha1_update(&running, digest.size(), digest.data());
    sha1_digest(&running, static_cast<std::size_t>(tag_size), tag);
    return srtp_err_status_ok;
}

// RFC 2202, test case 1.
static const std::uint8_t kHmacKey[20] = {0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b,
                                          0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b};
static const std::uint8_t kHmacText[8] = {'H', 'i', ' ', 'T', 'h', 'e', 'r', 'e'};
static const std::uint8_t kHmacTag[20] = {0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72, 0x64, 0xe2, 0x8b,
                                          0xc0, 0xb6, 0xfb, 0x37, 0x8c, 0x8e, 0xf1, 0x46, 0xbe, 0x00};
static const srtp_auth_test_case_t kHmacTest = {sizeof kHmacKey, kHmacKey, sizeof kHmacText, kHmacText, sizeof kHmacTag, kHmacTag, nullptr};

const srtp_auth_type_t kSha1Type = {hmac_alloc, hmac_dealloc,           hmac_init,  hmac_compute,  hmac_update,
                                    hmac_start, "HMAC-SHA1 by Nettle", &kHmacTest, SRTP_HMAC_SHA1};

}  // extern "C"

// Once a program. The replacements must pass libsrtp2's own self tests, or the library refuses them.
bool library_ready() {
    static const bool ready = srtp_init() == srtp_err_status_ok &&
                              srtp_replace_cipher_type(&kCounterModeType, SRTP_AES_ICM_128) == srtp_err_status_ok &&
                              srtp_replace_auth_type(&kSha1Type, SRTP_HMAC_SHA1) == srtp_err_status_ok;
    return ready;
}

using SetPolicy = void (*)(srtp_crypto_policy_t*);
struct Suite {
    std::string_view name;
    std::size_t key_size;
    SetPolicy rtp, rtcp;
};
// SRTCP keeps the long tag even where SRTP has the short one (RFC 4568 §6.2.2).
constexpr Suite kSuites[] = {
    {"AES_CM_128_HMAC_SHA1_80", 30, srtp_crypto_policy_set_rtp_default, srtp_crypto_policy_set_rtp_default},
    {"AES_CM_128_HMAC_SHA1_32", 30, srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32, srtp_crypto_policy_set_rtp_default},
    {"AEAD_AES_128_GCM", 28, srtp_crypto_policy_set_aes_gcm_128_16_auth, srtp_crypto_policy_set_aes_gcm_128_16_auth},
    {"AEAD_AES_256_GCM", 44, srtp_crypto_policy_set_aes_gcm_256_16_auth, srtp_crypto_policy_set_aes_gcm_256_16_auth},
};

const Suite* suite_named(std::string_view name) {
    const auto found = std::ranges::find(kSuites, name, &Suite::name);
    return found == std::end(kSuites) ? nullptr : &*found;
}

}  // namespace

std::size_t srtp_key_size(std::string_view suite) {
    const Suite* known = suite_named(suite);
    return known ? known->key_size : 0;
}

struct Srtp::Impl {
    srtp_t session = nullptr;
    std::array<Place, std::size(kOfSession) + kOfStream> places{};
    std::size_t stream_count = 0;
    std::array<std::uint32_t, kMaxStreams> streams{};

    ~Impl() {
        if (session) srtp_dealloc(session);
    }

    using Transform = srtp_err_status_t (*)(srtp_t, void*, int*);
    std::optional<std::size_t> apply(Transform transform, std::span<std::uint8_t> buffer, std::size_t size, std::size_t ssrc_at) {
        if (size < ssrc_at + 4 || size > buffer.size() || size > 0xffff) return std::nullopt;
        std::uint32_t ssrc = 0;
        std::memcpy(&ssrc, buffer.data() + ssrc_at, sizeof ssrc);
        const bool known = knows(ssrc);
        if (!known && stream_count == kMaxStreams) return std::nullopt;
        Places fresh;
        noted = known ? nullptr : &fresh;
        int length = static_cast<int>(size);
        const bool good = transform(session, buffer.data(), &length) == srtp_err_status_ok && length >= 0;
        noted = nullptr;
        if (!good) return std::nullopt;
        if (!known) {
            streams[stream_count++] = ssrc;
            std::copy_n(fresh.all.begin(), kOfStream, places.begin() + std::size(kOfSession));
        }
        return static_cast<std::size_t>(length);
    }

private:
    bool knows(std::uint32_t ssrc) const {
        return std::find(streams.begin(), streams.begin() + static_cast<std::ptrdiff_t>(stream_count), ssrc) !=
               streams.begin() + static_cast<std::ptrdiff_t>(stream_count);
    }
};

Srtp::Srtp(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Srtp::~Srtp() = default;
Srtp::Srtp(Srtp&&) noexcept = default;
Srtp& Srtp::operator=(Srtp&&) noexcept = default;

std::optional<Srtp> Srtp::create(Direction direction, std::string_view suite, std::string_view key) {
    const Suite* known = suite_named(suite);
    if (!known || key.size() != known->key_size || !library_ready()) return std::nullopt;
    std::array<std::uint8_t, SRTP_MAX_KEY_LEN> material{};
    std::memcpy(material.data(), key.data(), key.size());

    srtp_policy_t policy{};
    known->rtp(&policy.rtp);
    known->rtcp(&policy.rtcp);
    policy.ssrc.type = direction == Direction::send ? ssrc_any_outbound : ssrc_any_inbound;
    policy.key = material.data();
    policy.window_size = kReplayWindow;
    auto impl = std::make_unique<Impl>();
    Places made;
    noted = &made;
    const auto status = srtp_create(&impl->session, &policy);
    noted = nullptr;
    OPENSSL_cleanse(material.data(), material.size());
    if (status != srtp_err_status_ok) return std::nullopt;
    std::ranges::transform(kOfSession, impl->places.begin(), [&](std::size_t which) { return made.all[which]; });
    return Srtp(std::move(impl));
}

void Srtp::prefetch() const { base::prefetch(&impl_->session, impl_->streams.data() + 1); }

void Srtp::prefetch_keys() const {
    for (const auto& place : impl_->places)
        if (place.at) base::prefetch(place.at, place.at + place.size);
}

std::optional<std::size_t> Srtp::protect(std::span<std::uint8_t> buffer, std::size_t size) {
    if (buffer.size() < size + kSrtpOverhead) return std::nullopt;
    return impl_->apply(srtp_protect, buffer, size, 8);
}

std::optional<std::size_t> Srtp::unprotect(std::span<std::uint8_t> buffer, std::size_t size) {
    return impl_->apply(srtp_unprotect, buffer, size, 8);
}

std::optional<std::size_t> Srtp::protect_rtcp(std::span<std::uint8_t> buffer, std::size_t size) {
    if (buffer.size() < size + kSrtpOverhead) return std::nullopt;
    return impl_->apply(srtp_protect_rtcp, buffer, size, 4);
}

std::optional<std::size_t> Srtp::unprotect_rtcp(std::span<std::uint8_t> buffer, std::size_t size) {
    return impl_->apply(srtp_unprotect_rtcp, buffer, size, 4);
}

}  // namespace confab::media
