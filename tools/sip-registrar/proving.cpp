// The core's authentication (RFC 7616, RFC 8760, RFC 3261 §22): who proved to be whom.
#include <algorithm>

#include "sip-registrar/core.hpp"

namespace confab::registrar {
namespace {

constexpr std::size_t kAuthorizationHeaders = 8;
constexpr std::string_view kSchemes[] = {"Digest/MD5", "Digest/SHA-256", "Digest/SHA-512-256"};
constexpr Metric kProven[] = {Metric::proven_md5, Metric::proven_sha256, Metric::proven_sha512_256};

}  // namespace

std::string_view Core::Proof::scheme() const { return answer ? kSchemes[static_cast<std::size_t>(answer->algorithm)] : "none"; }

// The answer for our realm decides; those for other realms are for others (RFC 3261 §22.3). The digest's URI is not compared with the Request-URI, which
// proxies and address-only clients change: the nc window keeps a seen answer from being used twice, whatever its URI.
Core::Proof Core::read_credentials(const Request& request) {
    Proof proof;
    std::size_t seen = 0;
    for (const auto& header : request.message.headers()) {
        if (header.id != sip::HeaderName::authorization) continue;
        if (++seen > kAuthorizationHeaders) break;
        const auto answer = sip::read_digest(header.value, scratch_);
        if (!answer || answer->realm != config_.realm) continue;
        if (std::ranges::find(challenger_.policy().algorithms, answer->algorithm) == challenger_.policy().algorithms.end()) continue;
        switch (challenger_.judge(*answer, request.now.wall)) {
            case sip::NonceVerdict::forged: break;
            case sip::NonceVerdict::stale: proof.kind = Proof::Kind::stale; break;
            case sip::NonceVerdict::good: proof.kind = Proof::Kind::given; break;
        }
        proof.answer = answer;
        return proof;
    }
    return proof;
}

// The same work for an unknown user and a wrong password. Only a right answer uses up its count.
void Core::prove(const Request& request, Proof& proof, Effects& effects) {
    if (proof.kind != Proof::Kind::given) return;
    if (config_.user_database.is_external() && !lent_) return ask(request, proof, effects);
    if (lent_ && lent_->outcome == Credentials::Outcome::unavailable) {
        proof.kind = Proof::Kind::unavailable;
        return;
    }
    const auto token = request.message.method_token;
    if (lent_ ? !proves(lent_->user, *proof.answer, token) : !users_.verify(*proof.answer, token)) {
        proof.kind = Proof::Kind::wrong;
        return;
    }
    proof.kind = challenger_.accept_count(*proof.answer) ? Proof::Kind::right : Proof::Kind::repeated;
    if (proof.kind == Proof::Kind::right) counters_.add(kProven[static_cast<std::size_t>(proof.answer->algorithm)]);
}

// The request goes on when the answer is there, as if it had just come.
void Core::ask(const Request& request, Proof& proof, Effects& effects) {
    if (asked_.size() >= config_.user_database_queue) {
        proof.kind = Proof::Kind::unavailable;
        return;
    }
    proof.kind = Proof::Kind::asked;
    const auto id = ++last_question_;
    asked_.emplace(id, Asked{request.server, request.source, std::string(request.message.bytes), request.now.steady + config_.user_database_timeout});
    effects.questions.push_back({id, std::string(proof.user())});
}

void Core::answered(base::Now now, std::uint64_t id, const Credentials& credentials, Effects& effects) {
    const auto node = asked_.extract(id);
    if (node.empty()) return;
    const auto& asked = node.mapped();
    sip::Message message;
    if (sip::split(asked.bytes, message, sip::is_stream(asked.source.transport)) != sip::ParseError::none) return;
    lent_ = &credentials;
    handle({now, asked.server, asked.source, message}, effects);
    lent_ = nullptr;
}

void Core::give_up_asking(base::Now now, Effects& effects) {
    while (!asked_.empty() && asked_.begin()->second.until <= now.steady) answered(now, asked_.begin()->first, {}, effects);
}

// Whether the sender has proven himself; otherwise he has been told what is missing.
bool Core::let_in(const Request& request, const Proof& proof, Effects& effects) {
    switch (proof.kind) {
        case Proof::Kind::right:
            if (sip::is_stream(request.source.transport)) effects.vouched.push_back(request.source.flow);
            return true;
        case Proof::Kind::asked: return false;
        case Proof::Kind::unavailable:
            counters_.add(Metric::users_unavailable);
            respond(request, 500, {}, effects, "User Database Unavailable");
            return false;
        case Proof::Kind::wrong:
            counters_.add(Metric::refused_credentials);
            note(base::Severity::warning, request, "credentials refused", proof.user(), effects);
            respond(request, 403, {}, effects);
            return false;
        default: challenge(request, proof.kind != Proof::Kind::none, effects); return false;
    }
}

void Core::challenge(const Request& request, bool stale, Effects& effects) {
    counters_.add(Metric::challenged);
    headers_.clear();
    challenger_.append_challenges(headers_, "WWW-Authenticate", request.now.wall, stale);
    respond(request, 401, headers_, effects);
}

// RFC 7615: the next nonce in time, and that the registrar knows the password too.
void Core::append_authentication_info(const Proof& proof, base::WallTime now) {
    info_.clear();
    if (!config_.authentication_info || !proof.answer || proof.answer->qop.empty()) return;
    const auto user = lent_ ? std::optional(lent_->user) : users_.find(proof.answer->username);
    if (!user) return;
    const auto& key = user->ha1[static_cast<std::size_t>(proof.answer->algorithm)];
    challenger_.append_info(info_, "Authentication-Info", *proof.answer, sip::rspauth(*proof.answer, key), now);
}

}  // namespace confab::registrar
