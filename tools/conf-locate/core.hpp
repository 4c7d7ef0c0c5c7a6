// The directory's decisions: numbers to bridges, passcodes to conferences, beats, and changes for the store. Pure. Owner: the main loop's thread, or a test.
//
// Arguments come checked for their types by the vocabulary; replies are local::Value. After a start lookups are not answered before the bridges that the
// database calls alive have beaten once, or `settle_time` has passed (`is_settled`): only they know which conferences run where.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/note.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "conf-locate/config.hpp"
#include "conf-locate/directory.hpp"
#include "conf-locate/fleet.hpp"
#include "conf-locate/metrics.hpp"

namespace confab::locate {

struct BridgeEvent {
    std::string_view name;  // "bridge-up", "bridge-down"
    std::string bridge, address;
};

struct Effects {
    base::Notes notes;
    std::vector<BridgeEvent> events;
    std::vector<Change> writes;  // nobody waits for them
    void clear();
};

class Core {
public:
    Core(const Config& config, const base::Seed& seed, base::Now now);

    void load(base::Now now, const Change& change);  // from the store, at start

    bool is_settled(base::Now now) const { return now.steady >= settled_at_ || fleet_.all_heard(); }
    base::Instant settles_at() const { return settled_at_; }

    local::Value lookup(base::Now now, std::string_view number);
    local::Value resolve(const local::Value& arguments);
    local::Value beat(base::Now now, const local::Value& arguments, Effects& effects);

    Directory::Plan plan(std::string_view command, const local::Value& arguments) const { return directory_.plan(command, arguments); }
    // The disk has it. The fields of the reply.
    local::Value apply(const Change& change);
    local::Value unchanged(std::string_view command, const local::Value& arguments) const;

    void expire(base::Now now, Effects& effects);
    std::optional<base::Instant> next_deadline() { return fleet_.next_deadline(); }

    // The row after `number` or `name`, for listings; moves the cursor. Empty at the end.
    std::optional<local::Value> conference_row(std::string& cursor) const;
    std::optional<local::Value> access_number_row(std::string& cursor) const;
    std::optional<local::Value> bridge_row(std::string& cursor) const;

    local::Value status() const;
    std::span<const std::uint64_t> metrics();
    Counters& counters() { return counters_; }
    void reconfigure(const Config& config);

private:
    local::Value changed(bool is, const std::string* passcode) const;

    Config config_;
    base::Random random_;
    Directory directory_;
    Fleet fleet_;
    base::Instant settled_at_;
    Counters counters_;
};

}  // namespace confab::locate
