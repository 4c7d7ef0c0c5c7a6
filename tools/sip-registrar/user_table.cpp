#include "sip-registrar/user_table.hpp"

#include <algorithm>
#include <iterator>

#include "base/csv.hpp"
#include "base/text.hpp"

namespace confab::registrar {
namespace {

constexpr std::string_view kPassword = "password";
constexpr std::string_view kExpected = "expected the columns user and password, or user and one or more of ha1_md5, ha1_sha256, ha1_sha512_256, in the first line";

}  // namespace

std::expected<UserTable, std::string> UserTable::from_header(std::span<const std::string> names, std::string_view realm) {
    UserTable table;
    table.realm_ = realm;
    table.columns_ = names.size();
    std::optional<std::size_t> user;
    const auto place_of = [&](std::string_view name) -> std::optional<std::size_t>* {
        if (name == kUserColumns[0]) return &user;
        if (name == kPassword) return &table.password_;
        for (std::size_t i = 0; i < table.hashes_.size(); ++i)
            if (name == kUserColumns[i + 1]) return &table.hashes_[i];
        return nullptr;
    };
    for (std::size_t column = 0; column < names.size(); ++column) {
        auto* place = place_of(base::trim(names[column]));
        if (!place || *place) return std::unexpected(std::string(kExpected));
        *place = column;
    }
    const bool has_hashes = std::ranges::any_of(table.hashes_, [](const auto& column) { return column.has_value(); });
    if (!user || has_hashes == table.password_.has_value()) return std::unexpected(std::string(kExpected));
    table.user_ = *user;
    return table;
}

std::expected<User, std::string> UserTable::user_of(std::span<const std::string> fields) const {
    if (fields.size() != columns_)
        return std::unexpected("expected " + std::to_string(columns_) + " fields, got " + std::to_string(fields.size()));
    const auto& name = fields[user_];
    if (!is_user_name(name)) return std::unexpected("expected a user name of 1 to 64 letters, digits or -_.!~*+=$");
    if (password_) {
        if (fields[*password_].empty()) return std::unexpected("the password is empty");
        return hashed(name, realm_, fields[*password_]);
    }
    User user{name, {}};
    for (std::size_t i = 0; i < hashes_.size(); ++i)
        if (hashes_[i]) user.ha1[i] = base::to_lower(fields[*hashes_[i]]);
    if (!are_hashes(user)) return std::unexpected("expected hashes of 32, 64 and 64 hexadecimal digits, at least one of them");
    return user;
}

User hashed(std::string_view name, std::string_view realm, std::string_view password) {
    User user{std::string(name), {}};
    for (std::size_t i = 0; i < user.ha1.size(); ++i) user.ha1[i] = sip::ha1(static_cast<sip::DigestAlgorithm>(i), name, realm, password);
    return user;
}

void append_user_header(std::string& out) {
    for (auto name : kUserColumns) out.append(name == kUserColumns[0] ? "" : ",").append(name);
    out += "\r\n";
}

void append_user_line(std::string& out, const User& user) {
    base::append_csv_field(out, user.name);
    for (const auto& hash : user.ha1) out.append(",").append(hash);
    out += "\r\n";
}

}  // namespace confab::registrar
