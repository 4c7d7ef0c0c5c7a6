// Who is in a conference, as its watchers are told: the model and the document of RFC 4575. Pure; owner: the signalling thread.
//
// Every change has a number. A document tells what changed after the number that its reader knows, in the order of change and up to a bound
// of octets; what did not fit follows in the next one, so that any reader ends with the exact roster. Legs of one identity are endpoints of
// one user. Bounds: members are the conference's; of those who left, `kMostDeparted` are remembered: who knows less gets the whole state.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/text.hpp"
#include "base/time.hpp"

namespace confab::bridge {

struct RosterEntry {
    std::string entity;        // the user's URI
    std::string name;
    bool host = false;
    std::string_view status;   // RFC 4575 §5.7.2: connected, on-hold, muted-via-focus, pending
    std::string_view media;    // §5.8.5: sendrecv, sendonly, recvonly, inactive, as the member sees it
    std::string_view joining;  // §5.7.3: dialed-in or dialed-out
    base::WallTime since{};
    bool operator==(const RosterEntry&) const = default;
};

class Roster {
public:
    static constexpr std::size_t kMostDeparted = 256;

    // What a document says beside its users.
    struct Frame {
        std::string_view entity;  // the conference's URI
        std::uint32_t version = 0;
        std::string_view name;
        std::uint32_t max_members = 0;
        bool locked = false;
        std::size_t bound = 0;  // octets
    };

    void put(std::uint32_t member, RosterEntry entry);  // new, or as it is now
    void remove(std::uint32_t member);
    void change() { ++version_; }  // of the conference itself
    void forget();                 // whoever knows something gets the whole state

    std::uint32_t version() const { return version_; }
    // Appends a document for a reader who knows what `mark` stands for, or nothing; answers the mark of what he knows then.
    std::uint64_t append_document(std::string& out, const Frame& frame, std::optional<std::uint64_t> mark) const;
    bool is_all(std::uint64_t mark) const { return known_of(mark).told == version_; }

private:
    struct Member {
        RosterEntry entry;
        std::uint32_t version = 0;
    };
    struct User {
        std::map<std::uint32_t, Member> members;
        std::size_t hosts = 0;
    };
    struct Departed {
        std::uint32_t version = 0;
        std::uint32_t member = 0;
        std::string entity;
    };
    // A reader whose first document was cut has heard of members up to the change `told`, and began when `since` was the last: those who left
    // before need not be told to him.
    struct Known {
        std::uint32_t told = 0, since = 0;
    };
    static Known known_of(std::uint64_t mark) { return {static_cast<std::uint32_t>(mark), static_cast<std::uint32_t>(mark >> 32)}; }
    struct Told;

    std::uint32_t gather(Told& told, std::size_t bound, const Known& known) const;
    void append_users(std::string& out, const Told& told, const Frame& frame, bool is_whole) const;

    std::uint32_t version_ = 0, forgotten_ = 0;
    std::unordered_map<std::string, User, base::TextHash, std::equal_to<>> users_;
    std::unordered_map<std::uint32_t, std::string> entities_;   // by member
    std::map<std::uint32_t, std::uint32_t> changes_;            // members by the number of their last change
    std::deque<Departed> departed_;
};

// The last document: the conference is over.
void append_deleted(std::string& out, std::string_view entity, std::uint32_t version);

}  // namespace confab::bridge
