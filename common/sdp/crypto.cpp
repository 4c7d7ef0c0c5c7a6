// a=crypto (RFC 4568 §9.1): "TAG SUITE inline:KEY[|LIFETIME][|MKI:LENGTH] [SESSION-PARAMETERS]".
#include <algorithm>

#include "base/text.hpp"
#include "sdp/session.hpp"

namespace confab::sdp {
namespace {

constexpr std::uint32_t kMaxTag = 999'999'999;
constexpr std::size_t kMaxKey = 64;

struct Suite {
    std::string_view name;
    std::size_t key_and_salt;
};
constexpr Suite kSuites[] = {
    {"AES_CM_128_HMAC_SHA1_80", 30}, {"AES_CM_128_HMAC_SHA1_32", 30}, {"F8_128_HMAC_SHA1_80", 30},
    {"AES_192_CM_HMAC_SHA1_80", 38}, {"AES_192_CM_HMAC_SHA1_32", 38}, {"AES_256_CM_HMAC_SHA1_80", 46},
    {"AES_256_CM_HMAC_SHA1_32", 46}, {"AEAD_AES_128_GCM", 28},        {"AEAD_AES_256_GCM", 44},
};

bool fits(std::string_view suite, std::size_t size) {
    const auto known = std::ranges::find(kSuites, suite, &Suite::name);
    return known == std::end(kSuites) ? size > 0 && size <= kMaxKey : size == known->key_and_salt;
}

// Only hints may stand behind the key: the replay window's size, and what the peer marked as ignorable (RFC 4568 §6.3.7).
bool ignorable(std::string_view parameter) { return parameter.starts_with('-') || parameter.starts_with("WSH="); }

}  // namespace

std::optional<Crypto> Crypto::parse(std::string_view value) {
    std::vector<std::string_view> words;
    for (const auto word : base::split(value, ' '))
        if (!word.empty()) words.push_back(word);
    if (words.size() < 3 || !std::all_of(words.begin() + 3, words.end(), ignorable)) return std::nullopt;

    const auto given_tag = base::parse_number<std::uint32_t>(words[0]);
    constexpr std::string_view kInline = "inline:";
    if (!given_tag || *given_tag > kMaxTag || !base::istarts_with(words[2], kInline)) return std::nullopt;
    const auto fields = base::split(words[2].substr(kInline.size()), '|');
    // A lifetime is a bound that no call of ours reaches; an MKI would lengthen every packet.
    if (fields.size() > 2 ||
        (fields.size() == 2 && (fields[1].find(':') != std::string_view::npos || fields[1].find(';') != std::string_view::npos)))
        return std::nullopt;
    auto octets = base::unbase64(fields[0]);
    if (!octets || !fits(words[1], octets->size())) return std::nullopt;
    return Crypto{*given_tag, std::string(words[1]), std::move(*octets)};
}

std::string Crypto::text() const { return std::to_string(tag) + " " + suite + " inline:" + base::base64(key); }

}  // namespace confab::sdp
