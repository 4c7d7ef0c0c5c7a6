// The users of the realm, in memory: who may register and what proves it. Pure. Owner: the registrar's signalling thread.
//
// Only HA1s are kept (RFC 7616 §3.4.2), one for each algorithm; never a password. A user imported without the hash of an algorithm cannot use that algorithm.
// An unknown user costs the same hash work as a known one. A user is one block of memory (82 octets and the name) and one entry of an index.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash_index.hpp"
#include "base/random.hpp"
#include "sip/digest.hpp"

namespace confab::registrar {

struct User {
    std::string name;
    std::array<std::string, 3> ha1;  // in hex, indexed by sip::DigestAlgorithm; "": none
    bool operator==(const User&) const = default;
};

// What an external user database says about a user.
struct Credentials {
    enum class Outcome : std::uint8_t { known, unknown, unavailable } outcome = Outcome::unavailable;
    User user;  // when known
};

// One change for the store.
struct UserChange {
    bool removed = false;
    User user;
};

bool is_user_name(std::string_view name);  // unreserved characters of a URI's user part, at most 64
bool are_hashes(const User& user);         // lower case hex of the right lengths, at least one of them

// Whether `answer` proves `user`, by the hash of its algorithm.
bool proves(const User& user, const sip::DigestFields& answer, std::string_view method_token);

class Users {
public:
    explicit Users(base::Random& random);

    bool contains(std::string_view name) const { return slot_of(name) != base::HashIndex::kNone; }
    std::optional<User> find(std::string_view name) const;
    void put(const User& user);
    bool erase(std::string_view name);
    std::size_t size() const { return index_.size(); }

    // Whether `answer` proves the user whom it names. Takes the same time for a wrong password and an unknown user.
    bool verify(const sip::DigestFields& answer, std::string_view method_token) const;

    // All users in no order, one a call: the next at or behind `cursor`, which moves on. Who is there all the time is seen once.
    std::optional<User> next(std::uint32_t& cursor) const;

private:
    struct Block;
    struct Free {
        void operator()(Block* block) const;
    };
    using Entry = std::unique_ptr<Block, Free>;

    static Entry make(const User& user);
    std::uint32_t slot_of(std::string_view name) const;

    std::vector<Entry> entries_;
    std::vector<std::uint32_t> free_;
    base::HashIndex index_;
    Entry nobody_;
};

}  // namespace confab::registrar
