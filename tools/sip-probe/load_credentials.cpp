#include "sip-probe/load_credentials.hpp"

#include "base/text.hpp"

namespace confab::probe {
namespace {

constexpr std::string_view kCnonce = "c0ffee00";

std::optional<sip::Challenge> challenge_in(const sip::Message& response) {
    const auto name = response.status == 407 ? sip::HeaderName::proxy_authenticate : sip::HeaderName::www_authenticate;
    for (const auto& header : response.headers()) {
        if (header.id != name) continue;
        if (auto challenge = sip::parse_challenge(header.value)) return challenge;
    }
    return std::nullopt;
}

}  // namespace

LoadCredentials::LoadCredentials(LoadUsers users, std::string_view method_token, std::string_view uri, bool keep)
    : users_(std::move(users)), method_(method_token), uri_(uri), keep_(keep) {}

const std::string& LoadCredentials::ha2(sip::DigestAlgorithm algorithm) {
    auto& text = ha2_[static_cast<std::size_t>(algorithm)];
    if (text.empty()) text = sip::digest_hex(algorithm, method_ + ":" + uri_);
    return text;
}

bool LoadCredentials::append_answer(std::string& out, const sip::Message& response, std::size_t user) {
    auto challenge = challenge_in(response);
    if (!challenge) return false;
    auto& kept = keep_ ? kept_[user] : fresh_;
    kept = {std::move(*challenge), response.status == 407, 1};
    append(out, kept, user);
    return true;
}

bool LoadCredentials::append_renewed(std::string& out, const sip::Message& response, std::size_t user) {
    const auto challenge = challenge_in(response);
    return challenge && challenge->stale && append_answer(out, response, user);
}

void LoadCredentials::append_kept(std::string& out, std::size_t user) {
    const auto found = kept_.find(user);
    if (found == kept_.end()) return;
    ++found->second.nc;
    append(out, found->second, user);
}

void LoadCredentials::append(std::string& out, const Kept& kept, std::size_t user) {
    const auto& challenge = kept.challenge;
    std::string nc;
    for (int shift = 28; shift >= 0; shift -= 4) nc.push_back("0123456789abcdef"[(kept.nc >> shift) & 15]);
    auto text = users_.ha1(user, challenge.algorithm, challenge.realm);
    text.append(1, ':').append(challenge.nonce).append(1, ':');
    if (challenge.qop_auth) text.append(nc).append(1, ':').append(kCnonce).append(":auth:");
    text += ha2(challenge.algorithm);
    out += kept.is_proxy ? "Proxy-Authorization: Digest username=\"" : "Authorization: Digest username=\"";
    out.append(users_.name(user)).append("\", realm=\"").append(challenge.realm).append("\", nonce=\"").append(challenge.nonce);
    out.append("\", uri=\"").append(uri_).append("\", response=\"").append(sip::digest_hex(challenge.algorithm, text));
    out.append("\", algorithm=").append(sip::algorithm_name(challenge.algorithm));
    if (challenge.qop_auth) out.append(", qop=auth, nc=").append(nc).append(", cnonce=\"").append(kCnonce).append("\"");
    if (!challenge.opaque.empty()) out.append(", opaque=\"").append(challenge.opaque).append("\"");
    out += "\r\n";
}

}  // namespace confab::probe
