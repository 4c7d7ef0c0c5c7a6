#include "sip/transaction_key.hpp"

#include <bit>
#include <cstring>

#include "base/text.hpp"

namespace confab::sip {
namespace {

constexpr std::string_view kMagicCookie = "z9hG4bK";
constexpr std::size_t kStatelessTagLength = 16;

struct SipState {
    std::uint64_t v0, v1, v2, v3;

    void round() {
        v0 += v1;
        v1 = std::rotl(v1, 13) ^ v0;
        v0 = std::rotl(v0, 32);
        v2 += v3;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 += v3;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 += v1;
        v1 = std::rotl(v1, 17) ^ v2;
        v2 = std::rotl(v2, 32);
    }
    void absorb(std::uint64_t word) {
        v3 ^= word;
        round();
        round();
        v0 ^= word;
    }
    std::uint64_t squeeze() {
        for (int i = 0; i < 4; ++i) round();
        return v0 ^ v1 ^ v2 ^ v3;
    }
};

std::uint64_t little_endian(std::string_view bytes) {
    std::uint64_t word = 0;
    if (std::endian::native == std::endian::little && bytes.size() == 8) {  // eight steps in one, which compilers do not see
        std::memcpy(&word, bytes.data(), 8);
        return word;
    }
    if (bytes.size() == sizeof(word) && std::endian::native == std::endian::little) {
        std::memcpy(&word, bytes.data(), sizeof(word));
        return word;
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) word |= std::uint64_t{static_cast<std::uint8_t>(bytes[i])} << (8 * i);
    return word;
}

}  // namespace

TransactionKey sip_hash(const SipHashSecret& secret, std::string_view text) {
    SipState state{secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d ^ 0xee, secret[0] ^ 0x6c7967656e657261,
                   secret[1] ^ 0x7465646279746573};
    const auto length = std::uint64_t{text.size()} << 56;
    for (; text.size() >= 8; text.remove_prefix(8)) state.absorb(little_endian(text.substr(0, 8)));
    state.absorb(little_endian(text) | length);
    state.v2 ^= 0xee;
    const auto low = state.squeeze();
    state.v1 ^= 0xdd;
    return {low, state.squeeze()};
}

// Each field ends with a NUL, which no header value holds, so fields cannot run into each other.
void KeyMaker::add(std::string_view field) {
    scratch_.append(field);
    scratch_.push_back('\0');
}

void KeyMaker::describe_server(const Message& request) {
    const auto& via = request.via;
    if (via.branch.size() > kMagicCookie.size() && base::istarts_with(via.branch, kMagicCookie)) {
        add(via.branch);
        for (char c : via.host) scratch_.push_back(base::lower(c));
        scratch_.push_back(':');
        base::append_number(scratch_, via.port);
        return;
    }
    for (auto field : {request.uri, request.from_tag, request.call_id, via.value}) add(field);
    base::append_number(scratch_, request.cseq);
}

TransactionKey KeyMaker::server_key(const Message& request) {
    scratch_.assign("s");
    describe_server(request);
    return sip_hash(secret_, scratch_);
}

TransactionKey KeyMaker::client_key(std::string_view branch) {
    scratch_.assign("c");
    scratch_.append(branch);
    return sip_hash(secret_, scratch_);
}

std::uint64_t KeyMaker::method_id(Method method, std::string_view token) {
    if (method == Method::ack) return static_cast<std::uint64_t>(Method::invite);
    if (method != Method::other) return static_cast<std::uint64_t>(method);
    return sip_hash(secret_, token).low | (std::uint64_t{1} << 63);
}

void KeyMaker::append_stateless_tag(std::string& out, const Message& request) {
    scratch_.assign("t");
    describe_server(request);
    const auto key = sip_hash(secret_, scratch_);
    for (unsigned shift = 0; shift < 64; shift += 4) out.push_back("0123456789abcdef"[key.low >> shift & 15]);
}

bool KeyMaker::is_stateless_tag(const Message& ack) {
    if (ack.to_tag.size() != kStatelessTagLength) return false;
    std::string tag;
    append_stateless_tag(tag, ack);
    return ack.to_tag == tag;
}

}  // namespace confab::sip
