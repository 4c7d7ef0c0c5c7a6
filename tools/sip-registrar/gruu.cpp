#include "sip-registrar/gruu.hpp"

#include "base/hash.hpp"
#include "base/text.hpp"
#include "sip-registrar/registration.hpp"

namespace confab::registrar {
namespace {

// A token before base64url: tag, then random octets, hashes of instance and Call-ID, and the address.
constexpr std::size_t kTagLength = 16, kSaltLength = 6, kHashLength = 8;
constexpr std::size_t kFixedLength = kSaltLength + 2 * kHashLength;
constexpr std::size_t kLongestToken = 512;

std::uint64_t octets_of(std::string_view text) {
    std::uint64_t value = 0;
    for (char c : text.substr(0, kHashLength)) value = value << 8 | static_cast<std::uint8_t>(c);
    return value;
}

std::uint64_t hash_of(std::string_view text) { return octets_of(base::sha256(text)); }

void append_octets(std::string& out, std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

std::string_view without_brackets(std::string_view instance) {
    const bool bracketed = instance.size() >= 2 && instance.front() == '<' && instance.back() == '>';
    return bracketed ? instance.substr(1, instance.size() - 2) : instance;
}

// A parameter's value (RFC 3261 §25.1, pvalue): what may not stand in it is escaped.
void append_escaped(std::string& out, std::string_view text) {
    for (char c : text) {
        const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (alphanumeric || std::string_view("-_.!~*'()[]/:&+$").find(c) != std::string_view::npos)
            out.push_back(c);
        else
            out.append("%").append(base::hex({&c, 1}));
    }
}

}  // namespace

bool Wanted::matches(const sip::Binding& binding) const {
    if (instance_hash && (hash_of(binding.instance) != *instance_hash || hash_of(binding.call_id) != *call_id_hash)) return false;
    return instance.empty() || base::iequals(without_brackets(binding.instance), instance);
}

Gruus::Gruus(std::string_view secret) : tag_key_(base::hmac_sha256(secret, "gruu tag")), stream_key_(base::hmac_sha256(secret, "gruu stream")) {}

void Gruus::append(std::string& out, const sip::Binding& binding, base::Random& random) const {
    out.append(";pub-gruu=\"").append(binding.address).append(";gr=");
    append_escaped(out, without_brackets(binding.instance));
    std::string plain(kSaltLength, '\0');
    random.fill({reinterpret_cast<std::uint8_t*>(plain.data()), plain.size()});
    append_octets(plain, hash_of(binding.instance));
    append_octets(plain, hash_of(binding.call_id));
    plain.append(binding.address);
    out.append("\";temp-gruu=\"sip:").append(seal(plain)).append(binding.address.substr(binding.address.rfind('@'))).append(";gr\"");
}

std::optional<Wanted> Gruus::read(const sip::Uri& uri) const {
    auto address = address_of(uri);
    const auto instance = uri.params.get("gr");
    if (!address) return std::nullopt;
    if (!instance) return Wanted{.address = std::move(*address), .instance = {}, .instance_hash = {}, .call_id_hash = {}};
    if (!instance->empty()) return Wanted{.address = std::move(*address), .instance = sip::unescape(*instance), .instance_hash = {}, .call_id_hash = {}};
    const auto plain = open(uri.user);
    if (!plain) return std::nullopt;
    const std::string_view text = *plain;
    return Wanted{.address = std::string(text.substr(kFixedLength)),
                  .instance = {},
                  .instance_hash = octets_of(text.substr(kSaltLength)),
                  .call_id_hash = octets_of(text.substr(kSaltLength + kHashLength))};
}

std::string Gruus::seal(std::string_view plain) const {
    auto token = base::hmac_sha256(tag_key_, plain).substr(0, kTagLength);
    std::string text(plain);
    mask(text, token);
    return base::base64url(token + text);
}

std::optional<std::string> Gruus::open(std::string_view token) const {
    const auto octets = token.size() <= kLongestToken ? base::unbase64url(token) : std::nullopt;
    if (!octets || octets->size() <= kTagLength + kFixedLength) return std::nullopt;
    const auto tag = std::string_view(*octets).substr(0, kTagLength);
    auto text = octets->substr(kTagLength);
    mask(text, tag);
    if (!base::equal_in_constant_time(tag, std::string_view(base::hmac_sha256(tag_key_, text)).substr(0, kTagLength))) return std::nullopt;
    return text;
}

void Gruus::mask(std::string& text, std::string_view tag) const {
    std::string block, input;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i % 32 == 0) {
            input.assign(tag).push_back(static_cast<char>(i / 32));
            block = base::hmac_sha256(stream_key_, input);
        }
        text[i] = static_cast<char>(text[i] ^ block[i % 32]);
    }
}

}  // namespace confab::registrar
