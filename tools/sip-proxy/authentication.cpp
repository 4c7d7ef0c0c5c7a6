#include "sip-proxy/authentication.hpp"

#include <algorithm>

#include "sip/grammar.hpp"

namespace confab::proxy {

Authentication::Authentication(sip::DigestPolicy policy, std::vector<std::string> methods)
    : challenger_(std::move(policy)), methods_(std::move(methods)) {}

bool Authentication::applies(const sip::Message& request) const {
    if (request.method == sip::Method::ack || request.method == sip::Method::cancel) return false;
    return std::ranges::find(methods_, request.method_token) != methods_.end();
}

std::optional<sip::DigestAnswer> Authentication::credentials(const sip::Message& request) const {
    for (const auto& header : request.headers()) {
        if (header.id != sip::HeaderName::proxy_authorization) continue;
        auto answer = sip::parse_digest_answer(header.value);
        if (answer && answer->realm == realm()) return answer;
    }
    return std::nullopt;
}

local::Value verify_question(const sip::DigestAnswer& answer, std::string_view method_token) {
    return local::Value::object({{"username", answer.username},
                                 {"realm", answer.realm},
                                 {"algorithm", sip::algorithm_name(answer.algorithm)},
                                 {"method", method_token},
                                 {"uri", answer.uri},
                                 {"nonce", answer.nonce},
                                 {"nc", answer.nc_text},
                                 {"cnonce", answer.cnonce},
                                 {"qop", answer.qop},
                                 {"response", answer.response}});
}

}  // namespace confab::proxy
