// One running conference: who has a seat, where it is mixed, and whether it is locked. A value. Owner: the signalling thread.
//
// A seat is taken when the directory has let a caller in, before the call is answered, so that two callers cannot take the last one.
// A conference begins with its first seat and ends with its last.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/time.hpp"
#include "conf-bridge/entry.hpp"
#include "conf-bridge/media_link.hpp"
#include "conf-bridge/recording.hpp"
#include "conf-bridge/roster.hpp"
#include "media/room.hpp"

namespace confab::bridge {

struct Conference {
    std::string number, name;
    std::uint32_t max_members = 0;
    bool locked = false;
    bool is_adhoc = false;  // begun by a call to the factory: the directory does not know it
    HouseRules rules;
    RoomId room = kLobby;
    unsigned thread = 0;
    base::WallTime started;
    Recording recording;
    std::uint32_t last_member = 0;
    Roster roster;
    std::set<media::LegId> seats;                       // members and those who are about to be
    std::map<std::uint32_t, media::LegId> members;      // by member number: the order of joining
};

// A point in time for people and programs: 2026-11-21T05:03:43Z.
std::string time_text(base::WallTime time);

}  // namespace confab::bridge
