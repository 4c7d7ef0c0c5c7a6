// The directory's tables in memory: conferences, access numbers, and who may enter with which passcode. Pure. Owner: the main loop's thread.
//
// Changes are planned, written by the store, and then applied: what is answered is what the disk holds. Passcodes are compared in constant time; where a
// passcode alone finds the conference, the search goes by its HMAC under a key of this run, so that time tells nothing about near misses.
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "conf-locate/entry_policy.hpp"
#include "local/messages.hpp"

namespace confab::locate {

struct Conference {
    std::string number, passcode, name;
    std::uint32_t max_members = 0;  // 0: the bridge's own limit
    std::string bridge;             // where it belongs, or ""
    EntryPolicy entry{};
    std::string home{};             // SIP URI of the bridge where it lives, if that is out of this directory's reach, or ""
    bool operator==(const Conference&) const = default;
};

// A number that is dialled to reach conferences (DNIS). Without a conference the passcode decides.
struct AccessNumber {
    std::string number, conference;
    std::string language{};  // what its callers speak; "" for the conference's
    bool operator==(const AccessNumber&) const = default;
};

struct BridgeEntry {
    std::string name, address;
    std::uint32_t capacity = 0;
    bool alive = false;
};

struct EraseConference {
    std::string number;  // with the access numbers that lead to it
};
struct EraseAccessNumber {
    std::string number;
};
struct EraseBridge {
    std::string name;
};
using Change = std::variant<Conference, EraseConference, AccessNumber, EraseAccessNumber, BridgeEntry, EraseBridge>;

bool is_number(std::string_view text);       // [0-9*#+], at most 32
bool is_home(std::string_view text);         // a SIP URI without user part, headers and anything to be escaped, at most 256
bool is_bridge_name(std::string_view text);  // letters, digits and -_. , at most 64

class Directory {
public:
    struct Limits {
        std::size_t conferences = 0, access_numbers = 0;
    };
    Directory(const Limits& limits, base::Random& random);

    // Nothing where it is so already.
    using Plan = std::expected<std::optional<Change>, local::Failure>;
    Plan plan(std::string_view command, const local::Value& arguments) const;
    void apply(const Change& change);

    struct Dialled {
        bool known = false;
        const Conference* conference = nullptr;  // nullptr for an access number where the passcode decides
    };
    Dialled find(std::string_view number) const;

    struct Entry {
        const Conference* conference = nullptr;  // nullptr: not admitted
        bool passcode_required = true;
        std::string_view language{};             // of the dialled number, whether admitted or not
    };
    // `vouched`: a bridge has let the caller in by a ticket, no passcode is needed.
    Entry resolve(std::string_view number, std::string_view passcode, bool vouched = false) const;

    // How many conferences have this passcode.
    std::size_t count_of_passcode(std::string_view passcode) const;

    const Conference* conference_after(std::string_view number) const;  // in order, for listings
    const AccessNumber* access_number_after(std::string_view number) const;
    std::size_t conferences() const { return conferences_.size(); }
    std::size_t access_numbers() const { return access_numbers_.size(); }

private:
    Plan plan_conference(const local::Value& arguments) const;
    Plan plan_access_number(const local::Value& arguments) const;
    void put(const Conference& conference);
    void erase(const EraseConference& gone);
    void forget_passcode(const Conference& conference);
    std::string passcode_key(std::string_view passcode) const;

    Limits limits_;
    std::string secret_;
    std::map<std::string, Conference, std::less<>> conferences_;
    std::map<std::string, AccessNumber, std::less<>> access_numbers_;
    std::unordered_multimap<std::string, std::string> by_passcode_;
};

}  // namespace confab::locate
