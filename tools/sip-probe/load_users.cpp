#include "sip-probe/load_users.hpp"

#include "base/text.hpp"

namespace confab::probe {

std::string numbered_text(std::string_view pattern, std::uint64_t number) {
    std::string out(pattern);
    for (auto end = out.rfind('#'); end != std::string::npos; end = end == 0 ? std::string::npos : out.rfind('#', end)) {
        auto rest = number;
        do {
            out[end] = static_cast<char>('0' + rest % 10);
            rest /= 10;
        } while (end > 0 && out[end - 1] == '#' && end--);
    }
    return out;
}

LoadUsers LoadUsers::numbered(std::size_t count, std::string_view user_pattern, std::string_view password_pattern) {
    LoadUsers users;
    users.users_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) users.users_.push_back({numbered_text(user_pattern, i), numbered_text(password_pattern, i)});
    return users;
}

std::expected<LoadUsers, std::string> LoadUsers::from_csv(std::string_view text) {
    LoadUsers users;
    std::size_t number = 0;
    for (auto line : base::split(text, '\n')) {
        ++number;
        line = base::trim(line);
        if (line.empty()) continue;
        const auto comma = line.find(',');
        if (comma == 0 || comma == std::string_view::npos) return std::unexpected("line " + std::to_string(number) + ": expected user,password");
        users.add(line.substr(0, comma), line.substr(comma + 1));
    }
    if (users.users_.empty()) return std::unexpected("no user in it");
    return users;
}

std::string LoadUsers::ha1(std::size_t index, sip::DigestAlgorithm algorithm, std::string_view realm) {
    auto& user = users_[index];
    if (realm_.empty()) {
        realm_ = realm;
        algorithm_ = algorithm;
    }
    if (realm_ != realm || algorithm_ != algorithm) return sip::ha1(algorithm, user.name, realm, user.password);
    if (user.ha1.empty()) user.ha1 = sip::ha1(algorithm, user.name, realm, user.password);
    return user.ha1;
}

}  // namespace confab::probe
