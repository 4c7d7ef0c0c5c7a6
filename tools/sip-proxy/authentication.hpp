// Who may call: which methods are challenged, what a request's credentials are worth, what the registrar is asked. Pure.
//
// The proxy makes and judges nonces; the registrar, which holds the HA1s, compares the response (`verify`).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "local/value.hpp"
#include "sip/digest.hpp"
#include "sip/message.hpp"

namespace confab::proxy {

class Authentication {
public:
    Authentication(sip::DigestPolicy policy, std::vector<std::string> methods);

    bool applies(const sip::Message& request) const;  // never to ACK and CANCEL (RFC 3261 §22.1)

    // The first credentials for our realm, if they can be read.
    std::optional<sip::DigestAnswer> credentials(const sip::Message& request) const;
    sip::NonceVerdict judge(const sip::DigestAnswer& answer, base::WallTime now) const { return challenger_.judge(answer, now); }
    bool accept_count(const sip::DigestAnswer& answer) { return challenger_.accept_count(answer); }
    void append_challenges(std::string& out, base::WallTime now, bool stale) {
        challenger_.append_challenges(out, "Proxy-Authenticate", now, stale);
    }

    const std::string& realm() const { return challenger_.policy().realm; }
    void set_methods(std::vector<std::string> methods) { methods_ = std::move(methods); }

private:
    sip::Challenger challenger_;
    std::vector<std::string> methods_;
};

// The arguments of `verify`.
local::Value verify_question(const sip::DigestAnswer& answer, std::string_view method_token);

}  // namespace confab::proxy
