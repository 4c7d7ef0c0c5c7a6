// Users as CSV: what the columns of the first line mean, one user out of each record, one line out of each user. Pure.
//
// Columns, in any order: `user` and `password`, or `user` and at least one of `ha1_md5`, `ha1_sha256`, `ha1_sha512_256`. Errors never quote a secret.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sip-registrar/users.hpp"

namespace confab::registrar {

inline constexpr std::string_view kUserColumns[] = {"user", "ha1_md5", "ha1_sha256", "ha1_sha512_256"};

class UserTable {
public:
    // What the first line says, or what is wrong with it.
    static std::expected<UserTable, std::string> from_header(std::span<const std::string> names, std::string_view realm);

    // Passwords are hashed here, with the realm.
    std::expected<User, std::string> user_of(std::span<const std::string> fields) const;

private:
    std::string realm_;
    std::size_t columns_ = 0;
    std::size_t user_ = 0;
    std::optional<std::size_t> password_;
    std::array<std::optional<std::size_t>, 3> hashes_;
};

User hashed(std::string_view name, std::string_view realm, std::string_view password);
void append_user_header(std::string& out);
void append_user_line(std::string& out, const User& user);

}  // namespace confab::registrar
