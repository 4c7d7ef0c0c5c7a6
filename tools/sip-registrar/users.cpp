#include "sip-registrar/users.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/text.hpp"

namespace confab::registrar {
namespace {

constexpr std::size_t kDigests[] = {16, 32, 32};  // octets, by sip::DigestAlgorithm
constexpr std::size_t kPlaces[] = {0, 16, 48, 80};
constexpr std::size_t kLongestName = 64;

bool is_hex(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_name_character(char c) {
    const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return alphanumeric || std::string_view("-_.!~*+=$").find(c) != std::string_view::npos;
}

std::uint32_t hash_of(std::string_view name) { return static_cast<std::uint32_t>(base::TextHash{}(name)); }

}  // namespace

bool is_user_name(std::string_view name) { return !name.empty() && name.size() <= kLongestName && std::ranges::all_of(name, is_name_character); }

bool are_hashes(const User& user) {
    bool any = false;
    for (std::size_t i = 0; i < user.ha1.size(); ++i) {
        if (user.ha1[i].empty()) continue;
        if (user.ha1[i].size() != 2 * kDigests[i] || !is_hex(user.ha1[i])) return false;
        any = true;
    }
    return any;
}

bool proves(const User& user, const sip::DigestFields& answer, std::string_view method_token) {
    const auto& ha1 = user.ha1[static_cast<std::size_t>(answer.algorithm)];
    return !ha1.empty() && answer.username == user.name && sip::matches(answer, ha1, method_token);
}

// The name follows.
struct Users::Block {
    std::uint8_t present;  // a bit for each algorithm
    std::uint8_t name_length;
    char digests[80];

    std::string_view name() const { return {reinterpret_cast<const char*>(this + 1), name_length}; }
    bool has(std::size_t algorithm) const { return (present >> algorithm & 1) != 0; }
    std::string_view digest(std::size_t algorithm) const { return {digests + kPlaces[algorithm], kDigests[algorithm]}; }
};

void Users::Free::operator()(Block* block) const { ::operator delete(block); }

Users::Entry Users::make(const User& user) {
    const auto length = std::min(user.name.size(), kLongestName);
    Entry entry(new (::operator new(sizeof(Block) + length)) Block{});
    entry->name_length = static_cast<std::uint8_t>(length);
    std::memcpy(static_cast<void*>(entry.get() + 1), user.name.data(), length);
    for (std::size_t i = 0; i < user.ha1.size(); ++i) {
        const auto digest = base::unhex(user.ha1[i]);
        if (!digest || digest->size() != kDigests[i]) continue;
        entry->present = static_cast<std::uint8_t>(entry->present | 1U << i);
        std::memcpy(entry->digests + kPlaces[i], digest->data(), digest->size());
    }
    return entry;
}

Users::Users(base::Random& random) {
    User nobody;
    for (std::size_t i = 0; i < nobody.ha1.size(); ++i) {
        std::string octets(kDigests[i], '\0');
        random.fill({reinterpret_cast<std::uint8_t*>(octets.data()), octets.size()});
        nobody.ha1[i] = base::hex(octets);
    }
    nobody_ = make(nobody);
}

std::uint32_t Users::slot_of(std::string_view name) const {
    return index_.find(hash_of(name), [&](std::uint32_t slot) { return entries_[slot]->name() == name; });
}

std::optional<User> Users::find(std::string_view name) const {
    auto slot = slot_of(name);
    return slot == base::HashIndex::kNone ? std::nullopt : next(slot);
}

void Users::put(const User& user) {
    auto slot = slot_of(user.name);
    if (slot != base::HashIndex::kNone) {
        entries_[slot] = make(user);
        return;
    }
    if (free_.empty()) {
        slot = static_cast<std::uint32_t>(entries_.size());
        entries_.push_back(make(user));
    } else {
        slot = free_.back();
        free_.pop_back();
        entries_[slot] = make(user);
    }
    index_.insert(hash_of(user.name), slot);
}

bool Users::erase(std::string_view name) {
    const auto slot = slot_of(name);
    if (slot == base::HashIndex::kNone) return false;
    index_.erase(hash_of(name), slot);
    entries_[slot] = nullptr;
    free_.push_back(slot);
    return true;
}

bool Users::verify(const sip::DigestFields& answer, std::string_view method_token) const {
    const auto algorithm = static_cast<std::size_t>(answer.algorithm);
    const auto slot = slot_of(answer.username);
    const bool known = slot != base::HashIndex::kNone && entries_[slot]->has(algorithm);
    const auto digest = (known ? *entries_[slot] : *nobody_).digest(algorithm);
    char hex[64];
    constexpr char kDigits[] = "0123456789abcdef";
    for (std::size_t i = 0; i < digest.size(); ++i) {
        const auto octet = static_cast<unsigned char>(digest[i]);
        hex[2 * i] = kDigits[octet >> 4];
        hex[2 * i + 1] = kDigits[octet & 15];
    }
    return sip::matches(answer, {hex, 2 * digest.size()}, method_token) && known;
}

std::optional<User> Users::next(std::uint32_t& cursor) const {
    while (cursor < entries_.size() && !entries_[cursor]) ++cursor;
    if (cursor >= entries_.size()) return std::nullopt;
    const auto& block = *entries_[cursor++];
    User user{std::string(block.name()), {}};
    for (std::size_t i = 0; i < user.ha1.size(); ++i)
        if (block.has(i)) user.ha1[i] = base::hex(block.digest(i));
    return user;
}

}  // namespace confab::registrar
