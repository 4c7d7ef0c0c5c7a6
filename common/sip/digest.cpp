#include "sip/digest.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/text.hpp"
#include "sip/lexer.hpp"

namespace confab::sip {
namespace {

constexpr std::size_t kMaxValue = 4096, kMaxField = 1024;
constexpr std::string_view kAlgorithmNames[] = {"MD5", "SHA-256", "SHA-512-256"};

void append_quoted(std::string& out, std::string_view name, std::string_view text) {
    out.append(name).append("=\"");
    for (char c : text) {
        if (c == '"' || c == '\\') out.push_back('\\');
        out.push_back(c);
    }
    out.push_back('"');
}

std::optional<std::uint32_t> parse_nc(std::string_view text) {
    if (text.size() != 8) return std::nullopt;
    std::uint32_t value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// False when the field is longer than any honest one.
bool take(const Credentials& credentials, std::string_view name, std::string& field) {
    auto value = credentials.get(name);
    if (value && value->size() > kMaxField) return false;
    if (value) field = std::move(*value);
    return true;
}

std::optional<Credentials> digest_credentials(std::string_view value) {
    if (value.size() > kMaxValue) return std::nullopt;
    auto credentials = parse_credentials(value);
    if (!credentials || !base::iequals(credentials->scheme, "Digest")) return std::nullopt;
    return credentials;
}

// RFC 7616 §3.3: without the parameter it is MD5.
std::optional<DigestAlgorithm> algorithm_in(const Credentials& credentials) {
    const auto name = credentials.get("algorithm");
    return name ? algorithm_of(*name) : DigestAlgorithm::md5;
}

// A hash in hex, where it was made.
class HexDigest {
public:
    HexDigest(DigestAlgorithm algorithm, base::TextParts parts) {
        static_assert(static_cast<int>(DigestAlgorithm::sha512_256) == static_cast<int>(base::HashName::sha512_256));
        std::array<std::uint8_t, 32> octets;
        const auto length = base::hash(static_cast<base::HashName>(algorithm), parts, octets);
        end_ = base::write_hex(text_.data(), std::span(octets).first(length));
    }
    HexDigest(const HexDigest&) = delete;
    HexDigest& operator=(const HexDigest&) = delete;
    std::string_view text() const { return {text_.data(), static_cast<std::size_t>(end_ - text_.data())}; }

private:
    std::array<char, 64> text_;
    char* end_;
};

// RFC 7616 §3.4.1 and, with an empty qop, the form of RFC 2069.
HexDigest expected_response(const DigestFields& answer, std::string_view ha1_hex, std::string_view method_token) {
    const HexDigest ha2(answer.algorithm, {method_token, ":", answer.uri});
    if (answer.qop.empty()) return {answer.algorithm, {ha1_hex, ":", answer.nonce, ":", ha2.text()}};
    return {answer.algorithm, {ha1_hex, ":", answer.nonce, ":", answer.nc_text, ":", answer.cnonce, ":", answer.qop, ":", ha2.text()}};
}

bool equal_but_for_case(std::string_view lower, std::string_view text) {
    if (text.size() != lower.size() || text.size() > 64) return false;
    std::array<char, 64> folded;
    std::ranges::transform(text, folded.begin(), base::lower);
    return base::equal_in_constant_time(lower, {folded.data(), text.size()});
}

// One `name = value` off the front, what is none passed over. `value` keeps its quotes; "" for a quoted text that does not end.
bool next_parameter(std::string_view& rest, std::string_view& name, std::string_view& value) {
    for (;;) {
        while (!rest.empty() && (lex::is(rest.front(), lex::kWhite) || rest.front() == ',')) rest.remove_prefix(1);
        if (rest.empty()) return false;
        name = lex::take(rest, lex::run(rest, lex::kToken));
        lex::skip_white(rest);
        if (!name.empty() && rest.starts_with('=')) break;
        rest.remove_prefix(std::min(rest.find(','), rest.size()));
    }
    rest.remove_prefix(1);
    lex::skip_white(rest);
    if (rest.starts_with('"')) {
        const auto end = lex::quoted_end(rest);
        value = end == rest.npos ? std::string_view() : lex::take(rest, end);
        rest.remove_prefix(std::min(rest.find(','), rest.size()));
    } else {
        value = lex::take(rest, std::min(rest.find(','), rest.size()));
        while (!value.empty() && lex::is(value.back(), lex::kWhite)) value.remove_suffix(1);
    }
    return true;
}

// Without quotes; where escapes must be undone the text goes to `scratch`, which has room for it.
std::string_view unquoted(std::string_view value, std::string& scratch) {
    if (!value.starts_with('"')) return value;
    value = value.substr(1, value.size() - 2);
    if (value.find('\\') == value.npos) return value;
    const auto start = scratch.size();
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] == '\\') ++i;
        scratch.push_back(value[i]);
    }
    return std::string_view(scratch).substr(start);
}

std::string_view* field_of(DigestFields& fields, std::string_view name, std::string_view& algorithm) {
    const auto is = [&](std::string_view wanted) { return base::iequals(name, wanted); };
    switch (name.size()) {
        case 2: return is("nc") ? &fields.nc_text : nullptr;
        case 3: return is("uri") ? &fields.uri : is("qop") ? &fields.qop : nullptr;
        case 5: return is("nonce") ? &fields.nonce : is("realm") ? &fields.realm : nullptr;
        case 6: return is("cnonce") ? &fields.cnonce : is("opaque") ? &fields.opaque : nullptr;
        case 8: return is("username") ? &fields.username : is("response") ? &fields.response : nullptr;
        case 9: return is("algorithm") ? &algorithm : nullptr;
        default: return nullptr;
    }
}

}  // namespace

std::string_view algorithm_name(DigestAlgorithm algorithm) { return kAlgorithmNames[static_cast<std::size_t>(algorithm)]; }

std::optional<DigestAlgorithm> algorithm_of(std::string_view name) {
    for (auto algorithm : {DigestAlgorithm::md5, DigestAlgorithm::sha256, DigestAlgorithm::sha512_256})
        if (base::iequals(name, algorithm_name(algorithm))) return algorithm;
    return std::nullopt;
}

std::vector<DigestAlgorithm> algorithms_of(std::string_view names) {
    std::vector<DigestAlgorithm> algorithms;
    for (auto word : base::split(names, ' ')) {
        if (word.empty()) continue;
        const auto algorithm = algorithm_of(word);
        if (!algorithm || std::ranges::find(algorithms, *algorithm) != algorithms.end()) return {};
        algorithms.push_back(*algorithm);
    }
    return algorithms;
}

std::string digest_hex(DigestAlgorithm algorithm, std::string_view text) { return std::string(HexDigest(algorithm, {text}).text()); }

std::string ha1(DigestAlgorithm algorithm, std::string_view user, std::string_view realm, std::string_view password) {
    return std::string(HexDigest(algorithm, {user, ":", realm, ":", password}).text());
}

std::optional<DigestFields> read_digest(std::string_view value, std::string& scratch) {
    if (value.size() > kMaxValue) return std::nullopt;
    const auto credentials = parse_credentials(value);
    if (!credentials || !base::iequals(credentials->scheme, "Digest")) return std::nullopt;
    scratch.clear();
    DigestFields fields;
    std::string_view algorithm, name, text;
    auto rest = credentials->params;
    while (next_parameter(rest, name, text)) {
        auto* field = field_of(fields, name, algorithm);
        if (!field || field->data() != nullptr) continue;
        if (text.find('\\') != text.npos) scratch.reserve(kMaxValue);  // so that no later field moves this one
        *field = unquoted(text, scratch);
        if (field->size() > kMaxField) return std::nullopt;
    }
    const auto known = algorithm.empty() ? DigestAlgorithm::md5 : algorithm_of(algorithm);
    if (!known) return std::nullopt;
    fields.algorithm = *known;
    if (fields.username.empty() || fields.realm.empty() || fields.nonce.empty() || fields.uri.empty() || fields.response.empty()) return std::nullopt;
    if (fields.qop.empty()) return fields;
    const auto nc = parse_nc(fields.nc_text);
    if (!nc || fields.cnonce.empty() || !base::iequals(fields.qop, "auth")) return std::nullopt;
    fields.nc = *nc;
    return fields;
}

std::optional<DigestAnswer> parse_digest_answer(std::string_view value) {
    std::string scratch;
    const auto fields = read_digest(value, scratch);
    if (!fields) return std::nullopt;
    const auto& f = *fields;
    const auto copy = [](std::string_view text) { return std::string(text); };
    return DigestAnswer{copy(f.username), copy(f.realm), copy(f.nonce), copy(f.uri), copy(f.response), copy(f.cnonce), copy(f.qop), copy(f.opaque),
                        f.algorithm, f.nc, copy(f.nc_text)};
}

bool matches(const DigestFields& answer, std::string_view ha1_hex, std::string_view method_token) {
    return equal_but_for_case(expected_response(answer, ha1_hex, method_token).text(), answer.response);
}

std::string rspauth(const DigestFields& answer, std::string_view ha1_hex) {
    if (answer.qop.empty()) return {};
    return std::string(expected_response(answer, ha1_hex, {}).text());
}

std::optional<Challenge> parse_challenge(std::string_view value) {
    const auto credentials = digest_credentials(value);
    const auto algorithm = credentials ? algorithm_in(*credentials) : std::nullopt;
    if (!algorithm) return std::nullopt;
    Challenge challenge;
    challenge.algorithm = *algorithm;
    std::string qop, stale;
    const std::pair<std::string_view, std::string*> fields[] = {
        {"realm", &challenge.realm}, {"nonce", &challenge.nonce}, {"opaque", &challenge.opaque}, {"qop", &qop}, {"stale", &stale},
    };
    for (const auto& [name, field] : fields)
        if (!take(*credentials, name, *field)) return std::nullopt;
    if (challenge.realm.empty() || challenge.nonce.empty()) return std::nullopt;
    const auto offered = base::split(qop, ',');
    challenge.qop_auth = std::ranges::any_of(offered, [](std::string_view one) { return base::iequals(base::trim(one), "auth"); });
    if (!challenge.qop_auth && !qop.empty()) return std::nullopt;  // auth-int alone: not ours to answer
    challenge.stale = base::iequals(stale, "true");
    return challenge;
}

void append_authorization(std::string& out, std::string_view name, const Challenge& challenge, std::string_view user, std::string_view password,
                          std::string_view method_token, std::string_view uri, std::uint32_t nc, std::string_view cnonce) {
    DigestAnswer answer{.username = std::string(user), .realm = challenge.realm, .nonce = challenge.nonce, .uri = std::string(uri), .response = {},
                        .cnonce = std::string(cnonce), .qop = challenge.qop_auth ? "auth" : "", .opaque = challenge.opaque,
                        .algorithm = challenge.algorithm, .nc = nc, .nc_text = {}};
    for (int shift = 28; shift >= 0; shift -= 4) answer.nc_text.push_back("0123456789abcdef"[(nc >> shift) & 15]);
    append_quoted(out.append(name).append(": Digest "), "username", user);
    append_quoted(out.append(", "), "realm", challenge.realm);
    append_quoted(out.append(", "), "nonce", challenge.nonce);
    append_quoted(out.append(", "), "uri", uri);
    const auto key = ha1(challenge.algorithm, user, challenge.realm, password);
    append_quoted(out.append(", "), "response", expected_response(answer, key, method_token).text());
    out.append(", algorithm=").append(algorithm_name(challenge.algorithm));
    if (challenge.qop_auth) append_quoted(out.append(", qop=auth, nc=").append(answer.nc_text).append(", "), "cnonce", cnonce);
    if (!challenge.opaque.empty()) append_quoted(out.append(", "), "opaque", challenge.opaque);
    out.append("\r\n");
}

}  // namespace confab::sip
