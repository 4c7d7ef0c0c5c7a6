// The many users that a load speaks for, with their passwords' digests kept once computed. Pure. Owner: the load's one thread.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "sip/digest.hpp"

namespace confab::probe {

class LoadUsers {
public:
    // Each run of '#' in a pattern becomes the user's number with leading zeros: "u#######" → u0000000, u0000001, …
    static LoadUsers numbered(std::size_t count, std::string_view user_pattern, std::string_view password_pattern);
    // Lines of user,password. The error is a sentence without the line's text, which is a secret.
    static std::expected<LoadUsers, std::string> from_csv(std::string_view text);

    void add(std::string_view user, std::string_view password) { users_.push_back({std::string(user), std::string(password)}); }
    std::size_t size() const { return users_.size(); }
    const std::string& name(std::size_t index) const { return users_[index].name; }
    // HA1 in hex. Kept for the realm and algorithm of the first call; others are computed each time.
    std::string ha1(std::size_t index, sip::DigestAlgorithm algorithm, std::string_view realm);

private:
    struct User {
        std::string name, password, ha1{};
    };
    std::vector<User> users_;
    std::string realm_;
    sip::DigestAlgorithm algorithm_ = sip::DigestAlgorithm::md5;
};

std::string numbered_text(std::string_view pattern, std::uint64_t number);

}  // namespace confab::probe
