// The bridges: who is alive, how loaded, what runs where, and in which order a caller should try them. Pure. Owner: the main loop's thread.
//
// Order for a conference: the bridge where it runs (even a draining or full one: a conference never splits), its home bridge, the bridge that was named to
// its first caller a moment ago, then the least loaded, then by name. Full bridges come last, draining and silent ones not at all.
// Load counts the calls that were sent to a bridge since its last beat, so that a burst of lookups spreads.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/deadlines.hpp"
#include "base/text.hpp"
#include "base/time.hpp"

namespace confab::locate {

struct Beat {
    std::string bridge, address;
    std::uint64_t legs = 0, conferences = 0, capacity = 0;
    bool draining = false;
    std::vector<std::string> running;
};

struct Bridge {
    Beat last;
    base::Instant heard;
    bool alive = false;
    bool presumed = false;    // alive by what the database says; has not been heard in this run
    std::uint64_t sent = 0;   // calls since the last beat

    bool runs(std::string_view conference) const;
    bool is_full() const { return last.legs + sent >= last.capacity; }
    std::uint64_t load() const;  // thousandths of its capacity
};

struct Target {
    std::string bridge, address;
    std::uint64_t load = 0;
};

class Fleet {
public:
    struct Limits {
        base::Duration timeout{}, hold{};
        std::size_t bridges = 0;
    };
    explicit Fleet(const Limits& limits) : limits_(limits) {}
    void set_times(base::Duration timeout, base::Duration hold) {
        limits_.timeout = timeout;
        limits_.hold = hold;
    }

    enum class Heard : std::uint8_t { refused, known, news };  // news: it came up, moved or grew
    struct Outcome {
        Heard heard = Heard::refused;
        bool came_up = false;
        std::string replaced;  // the long silent bridge that made room, or ""
    };
    Outcome beat(base::Now now, Beat beat);
    // From the database: presumed alive until it is heard or times out.
    void load(base::Now now, std::string_view name, std::string_view address, std::uint64_t capacity, bool alive);

    // `conference` may be "": no bridge is kept for it then.
    std::vector<Target> order(base::Now now, std::string_view conference, std::string_view home);

    // Names of bridges that fell silent.
    std::vector<std::string> expire(base::Now now);
    std::optional<base::Instant> next_deadline();

    const Bridge* find(std::string_view name) const;
    const Bridge* after(std::string_view name) const;
    std::string_view runs_on(std::string_view conference) const;  // "" when nowhere
    bool all_heard() const;
    std::size_t size() const { return bridges_.size(); }
    std::size_t alive() const;

private:
    bool make_room(Outcome& outcome);

    Limits limits_;
    std::map<std::string, Bridge, std::less<>> bridges_;
    base::Deadlines<std::string> silences_;
    std::unordered_map<std::string, std::string, base::TextHash, std::equal_to<>> assigned_;  // conference → bridge
    base::Deadlines<std::string> holds_;
};

}  // namespace confab::locate
