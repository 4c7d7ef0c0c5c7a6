// The digest answers of a load's users (RFC 7616, RFC 3261 §22): HA1 is kept for each user, HA2 for the run. Pure. Owner: the load's one thread.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "sip-probe/load_users.hpp"
#include "sip/message.hpp"

namespace confab::probe {

class LoadCredentials {
public:
    // `uri`: the Request-URI of all requests that are challenged. With `keep` a user's nonce is used again, with a higher count.
    LoadCredentials(LoadUsers users, std::string_view method_token, std::string_view uri, bool keep);

    const std::string& user(std::size_t index) const { return users_.name(index); }
    std::size_t users() const { return users_.size(); }

    // Appends the credentials line that answers a 401 or 407. False: no challenge in it that we can answer.
    bool append_answer(std::string& out, const sip::Message& response, std::size_t user);
    // The same for a challenge after credentials were sent. False also where it does not say that only their nonce was stale.
    bool append_renewed(std::string& out, const sip::Message& response, std::size_t user);
    // Appends credentials for a nonce that is kept from before; nothing without one.
    void append_kept(std::string& out, std::size_t user);

private:
    struct Kept {
        sip::Challenge challenge;
        bool is_proxy = false;
        std::uint32_t nc = 0;
    };
    void append(std::string& out, const Kept& kept, std::size_t user);
    const std::string& ha2(sip::DigestAlgorithm algorithm);

    LoadUsers users_;
    std::string method_, uri_;
    bool keep_;
    std::string ha2_[3];
    Kept fresh_;
    std::unordered_map<std::size_t, Kept> kept_;
};

}  // namespace confab::probe
